"""Read files once, whole and within bounds: only regular files that do not change meanwhile."""

from __future__ import annotations

import errno
import io
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from hashmatch.errors import DecodeError, SettingsError
from hashmatch.model import Reason

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

# Not blocking, so that a FIFO without a writer cannot hold up a scan; absent on Windows
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOCTTY", 0)
)
NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
"""Pass as ``flags`` to refuse a symbolic link in the last part of a path."""

NOT_REGULAR = "not a regular file"
"""The message where a path leads to a folder, a device, a pipe or a socket."""

_BUFFER = 1 << 16
_CHUNK = 1 << 20
_POSITION_LOCK = threading.Lock()
_SPECIAL = frozenset({errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.EOPNOTSUPP})


def open_file(
    path: str | bytes | os.PathLike[str], *, flags: int = 0, folder: int | None = None
) -> int:
    """Open a file for reading, and never wait for a writer at the other end.

    ``flags`` are more flags for ``os.open``; ``folder`` is a descriptor that ``path`` is relative
    to.

    Raises:
        DecodeError: it cannot be opened.
    """
    try:
        return os.open(path, _FLAGS | flags, dir_fd=folder)
    except OSError as error:
        raise reason_of(error) from error
    except ValueError:
        raise DecodeError(Reason.VANISHED, "a file name cannot contain NUL") from None


@contextmanager
def opened(path: str | bytes | os.PathLike[str]) -> Iterator[tuple[BinaryIO, int]]:
    """Open a regular file, and fail if it changes while it is open.

    Yields:
        The file, at its start, and its size in bytes.

    Raises:
        DecodeError: with ``vanished``, ``permission``, ``special_file``, ``changed``, or
            ``undecodable`` if the disk fails.
    """
    descriptor = open_file(path)
    try:
        with steady(descriptor) as found:
            yield found
    finally:
        os.close(descriptor)


def read_stream(file: BinaryIO, max_bytes: int, size: int | None = None) -> bytes:
    """Read to the end, but at most one byte past ``max_bytes``.

    ``size`` is how much to expect, if that is known; so much memory is taken at once.

    Raises:
        SettingsError: as ``read_some`` does.
    """
    chunks: list[bytes] = []
    room, want = max_bytes + 1, min(_CHUNK if size is None else size, max_bytes) + 1
    while room and (more := read_some(file, min(want, room))):
        chunks.append(more)
        room -= len(more)
        want = _CHUNK
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def read_some(file: BinaryIO, most: int = _CHUNK) -> bytes:
    """Read what is there, up to ``most`` bytes; nothing only at the end.

    Raises:
        SettingsError: the file is open as text, or is non-blocking and has no bytes yet.
    """
    data = file.read(most)
    if data is None:  # to take this for the end would clear what is still to come
        raise SettingsError("the file is non-blocking, and has no bytes yet: open it blocking")
    if not isinstance(data, bytes):
        raise SettingsError("the file is open as text: open it in binary, mode 'rb'")
    return data


def rewind(file: BinaryIO) -> bool:
    """Go back to the start of a file; return False for a stream, which cannot."""
    try:
        file.seek(0)
    except (AttributeError, NotImplementedError, OSError, ValueError):  # streams say it variously
        return False
    return True


class _Positioned(io.RawIOBase):
    """A file that is read by position.

    Two workers may read one archive at the same time, with descriptors that share their position.
    """

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("a position before the start of the file")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Buffer) -> int:
        count = _read_at(self._descriptor, memoryview(buffer), self._position)
        self._position += count
        return count


def _read_at(descriptor: int, view: memoryview, position: int) -> int:
    if hasattr(os, "preadv"):
        return os.preadv(descriptor, [view], position)
    with _POSITION_LOCK:  # Windows has threads, and no read by position
        os.lseek(descriptor, position, os.SEEK_SET)
        data = os.read(descriptor, len(view))
    view[: len(data)] = data
    return len(data)


@contextmanager
def steady(descriptor: int) -> Iterator[tuple[BinaryIO, int]]:
    """Read a regular file, and fail if it changes meanwhile.

    Yields:
        The file, at its start, and its size in bytes. The descriptor stays open.

    Raises:
        DecodeError: ``special_file``, ``changed``, or what ``reason_of`` says.
    """
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise DecodeError(Reason.SPECIAL_FILE, NOT_REGULAR)
        if before.st_size <= _BUFFER and (data := _read_whole(descriptor, before)) is not None:
            yield io.BytesIO(data), before.st_size
            return
        yield io.BufferedReader(_Positioned(descriptor, before.st_size), _BUFFER), before.st_size
        _check_unchanged(descriptor, before)
    except OSError as error:
        raise reason_of(error) from error


def _read_whole(descriptor: int, before: os.stat_result) -> bytes | None:
    """Read a small file at once; None where the system cannot read by position."""
    if not hasattr(os, "pread"):
        return None
    data = os.pread(descriptor, before.st_size + 1, 0)
    _check_unchanged(descriptor, before)
    return data if len(data) == before.st_size else None


def _check_unchanged(descriptor: int, before: os.stat_result) -> None:
    after = os.fstat(descriptor)
    if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
        raise DecodeError(Reason.CHANGED, "the file changed while it was read")


def reason_of(error: OSError) -> DecodeError:
    """Turn what the system said into the reason why a file could not be read."""
    # NotADirectoryError: something else has taken the place of one of its folders
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return DecodeError(Reason.VANISHED, "the file is gone")
    if isinstance(error, PermissionError):
        return DecodeError(Reason.PERMISSION, "not permitted to read it")
    if isinstance(error, IsADirectoryError):
        return DecodeError(Reason.SPECIAL_FILE, NOT_REGULAR)
    # ELOOP: a symbolic link where none is allowed; ENXIO: a socket, or a device that is missing
    if error.errno in _SPECIAL:
        return DecodeError(Reason.SPECIAL_FILE, NOT_REGULAR)
    return DecodeError(Reason.UNDECODABLE, f"it cannot be read: {os.strerror(error.errno or 0)}")
