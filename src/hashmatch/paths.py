"""File names in JSON records, both ways: a name is any bytes but NUL, and JSON takes only text."""

from __future__ import annotations

import base64
from collections.abc import Mapping
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
