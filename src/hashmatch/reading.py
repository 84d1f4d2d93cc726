"""Files to bytes: read once, whole, bounded, and only what is a regular file that holds still."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from hashmatch.errors import DecodeError
from hashmatch.model import Reason

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

_SPECIAL = frozenset({errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.EOPNOTSUPP})


def open_file(
    path: str | bytes | os.PathLike[str], *, flags: int = 0, folder: int | None = None
) -> int:
    """Open a file for reading, without waiting for whoever may be at its other end.

    Args:
        path: which.
        flags: further flags for ``os.open``.
        folder: the descriptor of the folder that ``path`` is relative to.

    Raises:
        DecodeError: it cannot be opened.
    """
    try:
        return os.open(path, _FLAGS | flags, dir_fd=folder)
    except OSError as error:
        raise reason_of(error) from error


@contextmanager
def steady(descriptor: int) -> Iterator[tuple[BinaryIO, int]]:
    """Read a regular file that holds still meanwhile.

    Yields:
        The file, at its start, and its size in bytes. The descriptor stays open.

    Raises:
        DecodeError: with ``special_file``, ``changed``, or whatever ``reason_of`` says.
    """
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise DecodeError(Reason.SPECIAL_FILE, "no regular file")
        with open(descriptor, "rb", closefd=False) as file:
            file.seek(0)
            yield file, before.st_size
        after = os.fstat(descriptor)
    except OSError as error:
        raise reason_of(error) from error
    if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
        raise DecodeError(Reason.CHANGED, "the file changed while it was read")


def reason_of(error: OSError) -> DecodeError:
    """The reason that a file could not be read, from what the system said."""
    if isinstance(error, FileNotFoundError):
        return DecodeError(Reason.VANISHED, "the file is gone")
    if isinstance(error, PermissionError):
        return DecodeError(Reason.PERMISSION, "not permitted to read it")
    if isinstance(error, IsADirectoryError):
        return DecodeError(Reason.SPECIAL_FILE, "no regular file")
    # ELOOP: a symbolic link where none may be; ENXIO: a socket, or a device that is not there
    if error.errno in _SPECIAL:
        return DecodeError(Reason.SPECIAL_FILE, "no regular file")
    return DecodeError(Reason.UNDECODABLE, f"it cannot be read: {os.strerror(error.errno or 0)}")
