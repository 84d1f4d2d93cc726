"""Write files atomically, tell what their names mean, and put any name into JSON.

A file name may hold any bytes but NUL and slash; JSON holds only text.
"""

from __future__ import annotations

import base64
import errno
import os
import re
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Self

from hashmatch.errors import HashmatchError, OutputError

_MEDIUM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
"""Errors of the disk itself."""


_OBJECT = re.compile(rb"(?:s3|az|gs)://")
_DESCRIPTOR = re.compile(r"fd:([0-9]{1,9})")


class Closing(ABC):
    """A context manager that closes itself at the end of the ``with`` block."""

    @abstractmethod
    def close(self) -> None:
        """Release what this holds."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close()


def is_object(path: str | bytes) -> bool:
    """Whether a path names something in object storage, such as ``s3://bucket/key``."""
    return _OBJECT.match(os.fsencode(path)) is not None


def descriptor_of(name: str) -> int | None:
    """The descriptor that ``-`` or ``fd:3`` means; None for any other name."""
    if name == "-":
        return 0
    found = _DESCRIPTOR.fullmatch(name)
    return int(found[1]) if found else None


def path_fields(path: bytes) -> dict[str, Any]:
    """The path as ``path``, or as ``path_b64`` (base64, RFC 4648) if it is not UTF-8."""
    try:
        return {"path": path.decode("utf-8")}
    except UnicodeDecodeError:
        return {"path_b64": base64.b64encode(path).decode("ascii")}


def path_of(record: Mapping[str, Any]) -> bytes:
    """The path in a record.

    Raises:
        KeyError: the record has none.
        ValueError: it is not a path.
    """
    if "path_b64" in record:
        return base64.b64decode(record["path_b64"], validate=True)
    path: str = record["path"]
    return path.encode("utf-8")


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to disk. Raises ``OSError`` if the folder cannot be synced."""
    if os.name != "posix":  # Windows can neither open nor sync a folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def write_atomically(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file that replaces ``path`` once the block ends without an error.

    The file is written beside ``path`` with mode 0600, synced and renamed; then the folder is
    synced. If the block raises, ``path`` stays as it was, and the error comes through. A symbolic
    link stays, and the file it points to is replaced.

    Raises:
        OutputError: the file cannot be written, or ``path`` is a folder or a device.
    """
    place = Path(path)
    try:
        target = place.resolve()
        if target.exists() and not target.is_file():
            raise OutputError("cannot be written: it is not a regular file", path=str(path))
        descriptor, name = tempfile.mkstemp(prefix=".hashmatch-", suffix=".tmp", dir=target.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    temporary = Path(name)
    try:
        with reported_as(path), open(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(descriptor)
        try:
            temporary.replace(target)
            sync_folder(target.parent)
        except OSError as error:
            raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_new(files: Mapping[Path, bytes]) -> None:
    """Write new files with mode 0600: all of them, or none. Make their folders if need be.

    Raises:
        OutputError: one exists already, or cannot be written.
    """
    with ExitStack() as undo:
        for path, data in files.items():
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
                undo.callback(path.unlink, missing_ok=True)
                with open(descriptor, "wb") as file:
                    file.write(data)
            except FileExistsError as error:
                what = "already exists: move it away, or choose another folder"
                raise OutputError(what, path=str(path)) from error
            except OSError as error:
                raise cannot_write(path, error) from error
        undo.pop_all()


@contextmanager
def reported_as(path: str | os.PathLike[str]) -> Iterator[None]:
    """Report a disk that is full or failing as an error about ``path``.

    Other errors come through: a block that writes may also read, and fail for that reason.

    Raises:
        OutputError: the disk failed.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _MEDIUM:
            raise cannot_write(path, error) from error
        raise


@contextmanager
def raising(kind: type[HashmatchError], what: str, path: str | os.PathLike[str]) -> Iterator[None]:
    """Report what the system refuses as an error of this kind about ``path``."""
    try:
        yield
    except OSError as error:
        raise kind(f"{what}: {os.strerror(error.errno or 0)}", path=str(path)) from error


def cannot_write(path: str | os.PathLike[str], error: OSError) -> OutputError:
    """The error to raise where ``path`` cannot be written."""
    return OutputError(f"cannot be written: {os.strerror(error.errno or 0)}", path=str(path))
