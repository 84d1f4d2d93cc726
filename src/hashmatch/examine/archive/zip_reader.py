"""Read the entries of a zip archive.

This follows the directory, as all tools do that extract zips. ``zipfile`` will not do: it loads the
whole directory into memory, gives up the whole archive for one name that is not UTF-8 or one entry
of a later version, and unpacks bzip2 without a bound.

Source: APPNOTE.TXT 6.3.10, PKWARE.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from hashmatch.errors import DecodeError
from hashmatch.examine.archive.budget import Budget
from hashmatch.examine.archive.entries import ArchiveEntry
from hashmatch.examine.archive.packed import RAW_DEFLATE, STREAM_CODECS, Unpacked, raw_lzma
from hashmatch.examine.archive.streams import Checked, Section, Stream
from hashmatch.model import Reason

_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\x05\x06"
_LOCATOR = struct.Struct("<4sLQL")
_LOCATOR_SIGNATURE = b"PK\x06\x07"
_END_64 = struct.Struct("<4sQ2H2L4Q")
_END_64_SIGNATURE = b"PK\x06\x06"
_RECORD = struct.Struct("<4s4B4HL2L5H2L")
_RECORD_SIGNATURE = b"PK\x01\x02"
_LOCAL = struct.Struct("<4s5H3L2H")
_LOCAL_SIGNATURE = b"PK\x03\x04"
_MAX_COMMENT = 0xFFFF

_SATURATED = 0xFFFFFFFF
_ZIP64_EXTRA = 0x0001

# Bit 0: encrypted; bit 6: strongly; bit 13: the directory hides what is true
_ENCRYPTED = 1 | 1 << 6 | 1 << 13
_UNIX = frozenset({3, 19})
_FILES_AND_FOLDERS = frozenset({0, stat.S_IFREG, stat.S_IFDIR})

_STORED = 0
_HIGHEST_METHOD = 99
_LZMA = 14
_CODECS = {
    8: RAW_DEFLATE,
    12: STREAM_CODECS["BZIP2"],
    93: STREAM_CODECS["ZSTD"],
    95: STREAM_CODECS["XZ"],
}


@dataclass(frozen=True, slots=True)
class _Directory:
    """What an end record says about its directory.

    ``origin`` is what the offsets in it count from: 0 unless something precedes the archive.
    """

    start: int
    end: int
    origin: int
    disk: int
    has_entries: bool

    def is_inside(self, other: _Directory) -> bool:
        """Whether this is the directory of a member of the other's archive, or the same one."""
        return self.start == other.start or (self.end <= other.start and other.origin <= self.start)


@dataclass(frozen=True, slots=True)
class _Record:
    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    mode: int
    offset: int


def zip_entries(file: BinaryIO, size: int, budget: Budget) -> Iterator[ArchiveEntry]:
    """Yield the entries in the order of the directory.

    Programs differ about which directory they follow where a file has several, such as two zips in
    a row. So the entries of all come, those of the last one first.

    Opening a member charges what it announces, packed or unpacked, whichever is more, and it cannot
    exceed that. So members that share their packed bytes, as in David Fifield's bombs, use up the
    budget like any others.

    Raises:
        DecodeError: there is no directory, or it breaks off.
    """
    directories = _find_directories(file, size)
    for directory in directories:
        for record in _records(file, directory):
            yield _entry(file, size, directory.origin, record, budget)
    listed = any(each.has_entries and each.origin <= 0 for each in directories)
    if not listed and _begins_with_member(file, size):
        # What ends the file may be a member of an archive that was cut
        raise DecodeError(Reason.TRUNCATED, "no directory lists how the archive begins")


def _begins_with_member(file: BinaryIO, size: int) -> bool:
    if size < _LOCAL.size:
        return False
    signature, _, _, method, *_ = _LOCAL.unpack(Section(file, 0, _LOCAL.size).read(_LOCAL.size))
    return bool(signature == _LOCAL_SIGNATURE and method <= _HIGHEST_METHOD)


def ends_in_zip(file: BinaryIO, size: int) -> bool:
    """Tell whether a zip with entries is at the end of a file, whatever the file begins as.

    A zip is read from its end and a picture from its beginning, so a file can be both.

    Raises:
        DecodeError: it cannot be read.
    """
    if isinstance(file, BytesIO):
        data = file.getvalue()  # no copy is made
        if data.rfind(_END_SIGNATURE, _tail_start(size)) < 0:  # takes half as long as "in"
            return False
    return any(directory.has_entries for directory in _directories(file, size))


def _find_directories(file: BinaryIO, size: int) -> list[_Directory]:
    """Find the directories to follow, the last one first."""
    directories = list(_directories(file, size))
    if not directories:
        raise DecodeError(Reason.TRUNCATED, "the archive ends before its directory")
    # The comment, or what follows the archive, can look like another end
    found: list[_Directory] = []
    for each in directories:
        if each.has_entries and not any(each.is_inside(other) for other in found):
            found.append(each)
    found = found or directories[:1]  # an empty archive, or a broken one
    for each in found:
        if each.disk:
            raise DecodeError(Reason.UNSUPPORTED_FORMAT, "a part of a split archive", format="ZIP")
        if each.start < 0:
            problem = "the directory of the archive is not where it says"
            raise DecodeError(Reason.UNDECODABLE, problem)
    return found


def _tail_start(size: int) -> int:
    """Where the part of a file begins that may hold the end record."""
    return max(0, size - _MAX_COMMENT - _END.size)


def _directories(file: BinaryIO, size: int) -> Iterator[_Directory]:
    """Yield the directories that possible end records announce, those of the last one first."""
    tail_start = _tail_start(size)
    tail = Section(file, tail_start, size - tail_start).read(size - tail_start)
    place = len(tail) - _END.size + len(_END_SIGNATURE)
    while place > 0 and (place := tail.rfind(_END_SIGNATURE, 0, place)) >= 0:
        end = tail_start + place
        _, disk, _, _, _, length, offset, _ = _END.unpack_from(tail, place)
        yield from _announced(file, *(_find_zip64(file, end) or (end, disk, length, offset)))
        place += len(_END_SIGNATURE) - 1


def _announced(
    file: BinaryIO, end: int, disk: int, length: int, offset: int
) -> Iterator[_Directory]:
    """Yield the directory directly before an end record, and the one at the offset that it names.

    They are the same, unless something precedes the archive, such as a program that unpacks it.
    """
    before = end - length
    starts = [start for start in (before, offset) if _is_record(file, start, end)]
    for start in starts:
        stop = start + length if start != starts[0] else end
        yield _Directory(start, stop, start - offset, disk, has_entries=True)
    if not starts:
        yield _Directory(before, end, before - offset, disk, has_entries=False)


def _is_record(file: BinaryIO, start: int, end: int) -> bool:
    if not 0 <= start <= end - _RECORD.size:
        return False
    signature = Section(file, start, len(_RECORD_SIGNATURE)).read(len(_RECORD_SIGNATURE))
    return signature == _RECORD_SIGNATURE


def _find_zip64(file: BinaryIO, end: int) -> tuple[int, int, int, int] | None:
    """Read the zip64 end record: where it begins, its disk, the directory's size and offset."""
    position = end - _LOCATOR.size
    if position < 0:
        return None
    locator = Section(file, position, _LOCATOR.size).read(_LOCATOR.size)
    signature, _, announced, _ = _LOCATOR.unpack(locator)
    if signature != _LOCATOR_SIGNATURE:
        return None
    # Directly before its locator, unless it carries extra data
    for start in (position - _END_64.size, announced):
        if 0 <= start <= position - _END_64.size:
            record = _END_64.unpack(Section(file, start, _END_64.size).read(_END_64.size))
            if record[0] == _END_64_SIGNATURE:
                return start, record[4], record[8], record[9]
    return None  # a saturated short record then leads nowhere


def _records(file: BinaryIO, directory: _Directory) -> Iterator[_Record]:
    source = Section(file, directory.start, directory.end - directory.start)
    while fixed := source.read(_RECORD.size):
        if len(fixed) < _RECORD.size or not fixed.startswith(_RECORD_SIGNATURE):
            raise DecodeError(Reason.UNDECODABLE, "the directory of the archive is broken")
        fields = _RECORD.unpack(fixed)
        system, flags, method, crc, packed, size = fields[2], *fields[5:7], *fields[9:12]
        name_length, extra_length, comment_length = fields[12:15]
        mode = fields[17] >> 16 if system in _UNIX else 0
        name = source.read(name_length)
        extra = source.read(extra_length)
        source.skip(comment_length)
        size, packed, offset = _widened(extra, (size, packed, fields[18]))
        yield _Record(name, flags, method, crc, packed, size, mode, offset)


def _widened(extra: bytes, values: tuple[int, int, int]) -> Iterator[int]:
    """Replace values that did not fit into 32 bits with those in the zip64 extra field."""
    wide = _extra_field(extra, _ZIP64_EXTRA)
    for value in values:
        if value == _SATURATED and len(wide) >= 8:
            yield int.from_bytes(wide[:8], "little")
            wide = wide[8:]
        else:
            yield value


def _extra_field(extra: bytes, wanted: int) -> bytes:
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == wanted:
            return extra[4 : 4 + length]
        extra = extra[4 + length :]
    return b""


def _entry(file: BinaryIO, size: int, origin: int, record: _Record, budget: Budget) -> ArchiveEntry:
    if record.name.endswith(b"/") and not record.size:
        return ArchiveEntry(record.name)

    def open_() -> Stream:
        _check(record, budget)
        budget.spend(max(record.size, record.packed))
        packed = _packed(file, size, origin + record.offset, record.packed)
        return Checked(_unpacked(packed, record), record.size, record.crc)

    return ArchiveEntry(record.name, record.size, open_)


def _check(record: _Record, budget: Budget) -> None:
    if record.flags & _ENCRYPTED:
        raise DecodeError(Reason.ENCRYPTED, "encrypted")
    if stat.S_IFMT(record.mode) not in _FILES_AND_FOLDERS:
        raise DecodeError(Reason.SPECIAL_FILE, "not a regular file")
    if record.method not in (_STORED, _LZMA, *_CODECS):
        problem = f"zip's method {record.method} is not read"
        raise DecodeError(Reason.UNSUPPORTED_FORMAT, problem, format="ZIP")
    if budget.is_bomb(record.size, record.packed):
        raise DecodeError(Reason.ARCHIVE_LIMIT, budget.bomb_message)


def _packed(file: BinaryIO, size: int, position: int, length: int) -> Section:
    """Find the data of a member, which follow a header that alone says how long it is."""
    if not 0 <= position <= size - _LOCAL.size:
        raise DecodeError(Reason.TRUNCATED, "the archive does not reach to this member")
    fields = _LOCAL.unpack(Section(file, position, _LOCAL.size).read(_LOCAL.size))
    if fields[0] != _LOCAL_SIGNATURE:
        raise DecodeError(Reason.UNDECODABLE, "the member is not where the directory says")
    start = position + _LOCAL.size + fields[9] + fields[10]
    if start + length > size:
        raise DecodeError(Reason.TRUNCATED, "the archive does not reach to the member's end")
    return Section(file, start, length)


def _unpacked(packed: Section, record: _Record) -> Stream:
    if record.method == _STORED:
        return packed
    if record.method == _LZMA:
        # Two bytes of version, two for the length of the properties
        head = packed.read(4)
        properties = packed.read(int.from_bytes(head[2:], "little"))
        return Unpacked(packed, raw_lzma(properties, record.size))
    return Unpacked(packed, _CODECS[record.method])
