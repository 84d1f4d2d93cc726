"""Read the entries of archives with libarchive: 7z, RAR, CAB, ISO, LHA, CPIO, XAR and AR.

libarchive gets its bytes from callbacks and opens no file. Only the recognised format is enabled,
and only built-in filters: for others, libarchive would start a program.

Source: the manual pages archive_read(3) and archive_read_data(3).
"""

from __future__ import annotations

import ctypes
import stat
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import BinaryIO

from hashmatch.errors import DecodeError
from hashmatch.examine.archive.budget import Budget
from hashmatch.examine.archive.entries import ArchiveEntry
from hashmatch.examine.archive.streams import STEP, Metered, Stream
from hashmatch.examine.extras import LIBARCHIVE, require
from hashmatch.model import Reason

FORMATS = {
    "7Z": ("7zip",),
    "RAR": ("rar", "rar5"),
    "CAB": ("cab",),
    "ISO": ("iso9660",),
    "LHA": ("lha",),
    "CPIO": ("cpio",),
    "XAR": ("xar",),
    "AR": ("ar",),
}
"""libarchive's names for the formats that it reads, by ours."""

FILTERS = {"COMPRESS": "compress", "LZIP": "lzip", "LZ4": "lz4"}
"""libarchive's names for the compressions that it reads, by ours."""

_REASONS = (
    ("encrypt", Reason.ENCRYPTED),
    ("passphrase", Reason.ENCRYPTED),
    ("memory", Reason.ARCHIVE_LIMIT),
    ("allocate", Reason.ARCHIVE_LIMIT),
    ("truncated", Reason.TRUNCATED),
    ("unexpected end", Reason.TRUNCATED),
    ("premature end", Reason.TRUNCATED),
    ("unsupported", Reason.UNSUPPORTED_FORMAT),
    ("not supported", Reason.UNSUPPORTED_FORMAT),
)
_MESSAGES = {
    Reason.ENCRYPTED: "encrypted",
    Reason.ARCHIVE_LIMIT: "unpacking it needs too much memory",
    Reason.TRUNCATED: "the archive ends early",
    Reason.UNSUPPORTED_FORMAT: "libarchive does not read this kind of {name}",
    Reason.UNDECODABLE: "libarchive finds no valid {name} data",
}


def libarchive_entries(name: str, file: BinaryIO, budget: Budget) -> Iterator[ArchiveEntry]:
    """Yield the entries of an archive in its order; ``name`` is one of ``FORMATS``.

    Raises:
        DecodeError: the rest of the archive cannot be read, or libarchive is not installed.
    """
    calls = require(LIBARCHIVE, name)
    if name == "7Z":
        _check_7z(file)
    with _opened(calls, name, file, FORMATS[name], "none") as archive:
        header, found = ctypes.c_void_p(), False
        while _next(calls, archive, name, header):
            found = True
            yield _entry(calls, archive, name, header, budget)
        if calls.has_encrypted_entries(archive) > 0:
            raise DecodeError(Reason.ENCRYPTED, "some of it is encrypted")
        if not found:  # libarchive takes some broken headers for empty archives
            raise DecodeError(Reason.UNDECODABLE, f"libarchive finds no members in this {name}")


@contextmanager
def libarchive_content(name: str, file: BinaryIO) -> Iterator[Stream]:
    """Unpack a compressed file; ``name`` is one of ``FILTERS``.

    Raises:
        DecodeError: libarchive is not installed, or was built without this compression.
    """
    calls = require(LIBARCHIVE, name)
    with _opened(calls, name, file, ("raw",), FILTERS[name]) as archive:
        if not _next(calls, archive, name, ctypes.c_void_p()):
            raise DecodeError(Reason.TRUNCATED, "the compressed data end early")
        yield _Content(calls, archive, name)


class _Content(Stream):
    """The content of the entry that libarchive is at."""

    def __init__(self, calls: ModuleType, archive: int, name: str) -> None:
        super().__init__()
        self._calls = calls
        self._archive = archive
        self._name = name
        self._buffer = ctypes.create_string_buffer(STEP)

    def _step(self, count: int) -> bytes:
        with _classified(self._calls, self._name):
            got: int = self._calls.ffi.read_data(self._archive, self._buffer, count)
        if got < 0:  # libarchive only warns, for example of a wrong checksum
            raise DecodeError(Reason.UNDECODABLE, "its content is damaged")
        return ctypes.string_at(self._buffer, got)


@contextmanager
def _opened(
    calls: ModuleType, name: str, file: BinaryIO, formats: tuple[str, ...], filter_: str
) -> Iterator[int]:
    with ExitStack() as stack:
        try:
            with _classified(calls, name):
                archive = stack.enter_context(calls.opened(file, formats, filter_))
        except NotImplementedError:
            problem = f"the system's libarchive has no {name} built in"
            raise DecodeError(Reason.UNSUPPORTED_FORMAT, problem, format=name) from None
        yield archive


def _check_7z(file: BinaryIO) -> None:
    """Check the first header's CRC-32, which libarchive skips if that header announces no more."""
    file.seek(0)
    head = file.read(32)
    if zlib.crc32(head[12:]) != int.from_bytes(head[8:12], "little"):
        raise DecodeError(Reason.UNDECODABLE, _MESSAGES[Reason.UNDECODABLE].format(name="7Z"))


def _next(calls: ModuleType, archive: int, name: str, header: ctypes.c_void_p) -> bool:
    ffi = calls.ffi
    try:
        with _classified(calls, name):
            return bool(ffi.read_next_header(archive, ctypes.byref(header)) != ffi.ARCHIVE_EOF)
    except DecodeError:
        if calls.has_encrypted_entries(archive) > 0:
            raise DecodeError(Reason.ENCRYPTED, "encrypted") from None
        raise


def _entry(
    calls: ModuleType, archive: int, name: str, header: ctypes.c_void_p, budget: Budget
) -> ArchiveEntry:
    path = _path(calls, header)
    kind = calls.ffi.entry_filetype(header)
    if kind == stat.S_IFDIR:
        return ArchiveEntry(path)
    if kind not in {0, stat.S_IFREG} or calls.ffi.entry_hardlink(header):
        return ArchiveEntry.refused(path, DecodeError(Reason.SPECIAL_FILE, "not a regular file"))
    if calls.entry_is_encrypted(header) > 0:
        return ArchiveEntry.refused(path, DecodeError(Reason.ENCRYPTED, "encrypted"))
    return ArchiveEntry(path, open=lambda: Metered(_Content(calls, archive, name), budget))


def _path(calls: ModuleType, header: ctypes.c_void_p) -> bytes:
    wide: str | None = calls.ffi.entry_pathname_w(header)
    if wide is not None:
        return wide.encode("utf-8", "surrogatepass")
    return calls.ffi.entry_pathname(header) or b""


@contextmanager
def _classified(calls: ModuleType, name: str) -> Iterator[None]:
    """Turn libarchive's message into the reason that the verdict will carry."""
    try:
        yield
    except calls.ArchiveError as error:
        said = str(error).lower()
        reason = next((reason for word, reason in _REASONS if word in said), Reason.UNDECODABLE)
        raise DecodeError(reason, _MESSAGES[reason].format(name=name), format=name) from None
