"""Names of files: in JSON records, both ways, and made to last on the medium.

A name is any bytes but NUL, and JSON takes only text.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def path_fields(path: bytes) -> dict[str, Any]:
    """The path as ``path``, or as ``path_b64`` (RFC 4648) where its bytes are no UTF-8."""
    try:
        return {"path": path.decode("utf-8")}
    except UnicodeDecodeError:
        return {"path_b64": base64.b64encode(path).decode("ascii")}


def path_of(record: Mapping[str, Any]) -> bytes:
    """The path that a record names.

    Raises:
        KeyError: it names none.
        ValueError: what it names is no path.
    """
    if "path_b64" in record:
        return base64.b64decode(record["path_b64"], validate=True)
    path: str = record["path"]
    return path.encode("utf-8")


def sync_folder(folder: Path) -> None:
    """Return when the medium has the names of what is in a folder.

    Raises:
        OSError: it failed.
    """
    if os.name != "posix":  # Windows can neither open nor sync a folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
