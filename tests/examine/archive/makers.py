"""Archives for the tests: real ones, and ones that no honest tool would write."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from hashmatch.errors import DecodeError
from hashmatch.examine.archive import Member
from hashmatch.examine.container import read_members
from hashmatch.model import Reason
from hashmatch.options import ArchiveLimits

try:
    from compression import zstd  # Python 3.14
except ImportError:
    from backports import zstd

MIB = 1024 * 1024
BLOCK = 512

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "GZIP": lambda data: gzip.compress(data, mtime=0),
    "BZIP2": bz2.compress,
    "XZ": lzma.compress,
    "ZSTD": zstd.compress,
}
"""What compresses a file, by the format's name."""

ZIP_METHODS = (
    zipfile.ZIP_STORED,
    zipfile.ZIP_DEFLATED,
    zipfile.ZIP_BZIP2,
    zipfile.ZIP_LZMA,
)

Key = tuple[bytes, bytes | None, Reason | None, bool]


def keys(members: Iterable[Member]) -> list[Key]:
    """What can be compared of members: errors cannot."""
    return [
        (member.path, member.data, member.problem and member.problem.reason, member.is_archive)
        for member in members
    ]


def read_all(
    data: bytes, limits: ArchiveLimits | None = None, max_member_bytes: int = MIB, skip: int = 0
) -> tuple[list[Key], Reason | None]:
    """Every member of an archive, and the reason for which it could not be read further."""
    found: list[Key] = []
    try:
        for member in read_members(
            io.BytesIO(data), limits or ArchiveLimits(), max_member_bytes, skip
        ):
            found += keys([member])
    except DecodeError as error:
        return found, error.reason
    return found, None


def contents(data: bytes, **options: Any) -> dict[bytes, bytes | None]:
    """Path to content of an archive that is read whole."""
    found, reason = read_all(data, **options)
    assert reason is None
    assert all(key[2] is None for key in found)
    return {key[0]: key[1] for key in found}


def problems(data: bytes, **options: Any) -> dict[bytes, Reason | None]:
    """Path to problem of an archive that is read to its end."""
    found, reason = read_all(data, **options)
    assert reason is None
    return {key[0]: key[2] for key in found}


def make_zip(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip as Python writes it."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return whole.getvalue()


def marked_as_encrypted(data: bytes) -> bytes:
    """A zip whose first member says that it is encrypted."""
    marked = bytearray(data)
    for mark, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        marked[marked.index(mark) + flags] |= 1
    return bytes(marked)


def make_tar(files: dict[str, bytes], format_: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar as Python writes it."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=format_) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return whole.getvalue()


@dataclass
class Forged:
    """A member of a zip, each of whose fields may lie. None means the truth."""

    name: bytes
    packed: bytes = b""
    method: int = 0
    flags: int = 0
    crc: int | None = None
    size: int | None = None
    packed_size: int | None = None
    mode: int = 0
    extra: bytes = b""
    version: int = 20
    offset: int | None = None
    local_name: bytes | None = None


def deflated(name: bytes, data: bytes, **lies: Any) -> Forged:
    """A member whose data are deflated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(data) + packer.flush()
    return Forged(name, packed, 8, **{"crc": zlib.crc32(data), "size": len(data)} | lies)


def forge_zip(members: Iterable[Forged], comment: bytes = b"", disk: int = 0) -> bytes:
    """A zip of such members, field by field."""
    local = bytearray()
    directory = bytearray()
    for one in members:
        crc = zlib.crc32(one.packed) if one.crc is None else one.crc
        size = len(one.packed) if one.size is None else one.size
        packed_size = len(one.packed) if one.packed_size is None else one.packed_size
        offset = len(local) if one.offset is None else one.offset
        name = one.name if one.local_name is None else one.local_name
        common = (one.version, one.flags, one.method, 0, 33, crc, packed_size, size)
        local += struct.pack("<4s5H3L2H", b"PK\x03\x04", *common, len(name), 0)
        local += name + one.packed
        directory += struct.pack(
            "<4sBB5H3L5H2L",
            b"PK\x01\x02",
            *(20, 3, *common),
            *(len(one.name), len(one.extra), 0, 0, 0, one.mode << 16, offset),
        )
        directory += one.name + one.extra
    end = (disk, disk, 0, 0, len(directory), len(local), len(comment))
    return bytes(local + directory) + struct.pack("<4s4H2LH", b"PK\x05\x06", *end) + comment


def zip_crypto(password: bytes, data: bytes, crc: int) -> bytes:
    """Encrypt as PKWARE's first zip did, with a salt of zeros (APPNOTE.TXT, 6.1)."""
    first, second, third = 0x12345678, 0x23456789, 0x34567890

    def step(register: int, byte: int) -> int:
        return zlib.crc32(bytes([byte]), register ^ 0xFFFFFFFF) ^ 0xFFFFFFFF

    def update(byte: int) -> None:
        nonlocal first, second, third
        first = step(first, byte)
        second = ((second + (first & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        third = step(third, second >> 24)

    for byte in password:
        update(byte)
    out = bytearray()
    for byte in bytes(11) + bytes([crc >> 24]) + data:
        mask = third | 2
        out.append(byte ^ (mask * (mask ^ 1) >> 8 & 0xFF))
        update(byte)
    return bytes(out)


def tar_block(
    name: bytes, size: int = 0, kind: bytes = b"0", *, magic: bytes = b"ustar\x0000", **more: bytes
) -> bytes:
    """A tar header, with the right checksum.

    Args:
        name: up to 100 bytes.
        size: bytes that follow.
        kind: the type flag.
        magic: magic and version; none for a tar older than ustar.
        more: further fields, by their offset: ``at_345=b"prefix"``.
    """
    block = bytearray(BLOCK)
    block[: len(name)] = name
    fields = {100: b"0000644\x00", 124: b"%011o\x00" % size, 156: kind, 257: magic}
    fields |= {int(key.removeprefix("at_")): value for key, value in more.items()}
    for start, value in fields.items():
        block[start : start + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\x00 " % sum(block)
    return bytes(block)


def tar_entry(name: bytes, data: bytes = b"", kind: bytes = b"0", **more: Any) -> bytes:
    """A tar header with its data, padded."""
    return tar_block(name, more.pop("size", len(data)), kind, **more) + data + padding(data)


def pax_entry(*keywords: tuple[bytes, bytes], kind: bytes = b"x") -> bytes:
    """A header of pax keywords for the next entry, or with kind ``g`` for all that follow."""
    records = b""
    for keyword, value in keywords:
        body = b" " + keyword + b"=" + value + b"\n"
        length = len(body) + 1
        while length != len(body) + len(b"%d" % length):
            length = len(body) + len(b"%d" % length)
        records += b"%d" % length + body
    return tar_entry(b"pax", records, kind)


def padding(data: bytes) -> bytes:
    """What fills data up to whole blocks."""
    return bytes(-len(data) % BLOCK)


TAR_END = bytes(2 * BLOCK)
