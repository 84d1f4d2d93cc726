"""Files that we write: atomically, and named in JSON.

A name is any bytes but NUL, and JSON takes only text.
"""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from hashmatch.errors import OutputError


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


@contextmanager
def write_atomically(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file that takes the place of ``path`` when all of it is written, and not before.

    It is written beside ``path``, mode 0600, synced, and renamed; then the folder is synced. When
    the block raises, ``path`` stays as it was.

    Raises:
        OutputError: it cannot be written.
    """
    target = Path(path)
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name[:64]}.", dir=target.parent)
        with open(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(descriptor)
        Path(temporary).replace(target)
        temporary = None
        sync_folder(target.parent)
    except OSError as error:
        message = f"cannot write the file: {error.strerror or 'the writing failed'}"
        raise OutputError(message, path=str(target)) from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                Path(temporary).unlink()
