"""libarchive's functions, and the callbacks that give it its bytes.

To make a callback from C into Python takes memory that is executable for a moment, and a worker
gets none behind its walls. So importing this module makes one of each for all archives, and the
number that libarchive hands back tells which archive is meant.
"""

from __future__ import annotations

import ctypes
import itertools
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from libarchive import ffi

ArchiveError = ffi.ArchiveError
"""What ``ffi``'s functions raise, with libarchive's message."""

_BLOCK = 64 * 1024
_FATAL = -30  # from archive.h; libarchive cannot pass an exception on

_files: dict[int, tuple[BinaryIO, list[bytes]]] = {}
_numbers = itertools.count(1)

logging.getLogger("libarchive").addHandler(logging.NullHandler())  # or files could write to stderr


def _library_function(name: str) -> Any:
    function = getattr(ffi.libarchive, name)
    function.argtypes = [ctypes.c_void_p]
    return function


has_encrypted_entries = _library_function("archive_read_has_encrypted_entries")
entry_is_encrypted = _library_function("archive_entry_is_encrypted")


def _read(_archive: int, number: int, target: Any) -> int:
    file, held = _files[number]
    try:
        held[0] = file.read(_BLOCK)  # libarchive uses these bytes until it asks for more
    except (OSError, MemoryError):
        return _FATAL
    target[0] = ctypes.cast(ctypes.c_char_p(held[0]), ctypes.c_void_p).value
    return len(held[0])


def _seek(_archive: int, number: int, offset: int, whence: int) -> int:
    file, _ = _files[number]
    try:
        return file.seek(offset, whence) if offset >= 0 or whence != os.SEEK_SET else _FATAL
    except (OSError, ValueError, OverflowError):
        return _FATAL


_READ = ffi.READ_CALLBACK(_read)
_SEEK = ffi.SEEK_CALLBACK(_seek)


@contextmanager
def opened(file: BinaryIO, formats: tuple[str, ...], filter_: str) -> Iterator[Any]:
    """Open an archive with these formats and this filter, and no others.

    Raises:
        ArchiveError: libarchive does not open it.
        NotImplementedError: libarchive would start a program for this filter.
    """
    number = next(_numbers)
    _files[number] = (file, [b""])
    archive = ffi.read_new()
    try:
        if ffi.get_read_filter_function(filter_)(archive):
            raise NotImplementedError
        for each in formats:
            ffi.get_read_format_function(each)(archive)
        ffi.read_set_seek_callback(archive, _SEEK)
        file.seek(0)
        ffi.read_open(archive, number, ffi.NO_OPEN_CB, _READ, ffi.NO_CLOSE_CB)
        yield archive
    finally:
        with suppress(ArchiveError):
            ffi.read_free(archive)
        del _files[number]
