"""Telling archives by their content."""

import random

import pytest

from hashmatch.examine.archive.formats import HEAD_BYTES, sniff_archive

from .makers import PACKERS, make_tar, make_zip, tar_block


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (make_zip({"a": b"b"}), "ZIP"),
        (make_zip({}), "ZIP"),
        (make_tar({"a": b"b"}), "TAR"),
        (tar_block(b"v7", magic=b""), "TAR"),
        (tar_block(b"gnu", magic=b"ustar  \x00"), "TAR"),
        *((pack(b"some text"), name) for name, pack in PACKERS.items()),
        (PACKERS["BZIP2"](b""), "BZIP2"),
        (b"\x5a\x2a\x4d\x18\x04\x00\x00\x00abcd", "ZSTD"),
        (b"7z\xbc\xaf\x27\x1c\x00\x04", "7Z"),
        (b"Rar!\x1a\x07\x00", "RAR"),
        (b"Rar!\x1a\x07\x01\x00", "RAR"),
        (b"!<arch>\ndebian-binary", "AR"),
    ],
)
def test_archives_are_told_by_content(head: bytes, name: str) -> None:
    """Each format is known by its first bytes alone."""
    assert sniff_archive(head[:HEAD_BYTES]) == name


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"P",
        b"PK is a text",
        b"BZh9 is a text, too",
        b"\x1f\x8b\x00",
        bytes(512),
        b"\xff\xd8\xff\xe0\x00\x10JFIF",
        b"\x89PNG\r\n\x1a\n",
        make_tar({"a": b"b"})[:511],
        b"a" * 512,
    ],
)
def test_other_files_are_no_archives(head: bytes) -> None:
    """Texts, pictures, blank blocks and cut headers are not taken for archives."""
    assert sniff_archive(head) is None


def test_old_writers_checksums_count() -> None:
    """A tar header may add its bytes up as signed ones, as old writers did."""
    block = bytearray(tar_block(b"caf\xc3\xa9"))
    assert sniff_archive(bytes(block)) == "TAR"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\x00 " % (sum(block) - 2 * 256)
    assert sniff_archive(bytes(block)) == "TAR"
    block[0] ^= 1
    assert sniff_archive(bytes(block)) is None


def test_random_blocks_are_no_archives() -> None:
    """Of 20,000 random blocks none passes for an archive."""
    numbers = random.Random(7)
    assert {sniff_archive(numbers.randbytes(512)) for _ in range(20_000)} == {None}


@pytest.mark.parametrize(
    ("head", "name"),
    [
        *((b"RE~^\x07\x00", "RAR"), (b"MSCF" + bytes(8), "CAB"), (b"xar!\x00\x1c", "XAR")),
        *(
            (b"070701" + b"0" * 104, "CPIO"),
            (b"\xc7\x71" + bytes(18) + b"\x02\x00" + bytes(30), "CPIO"),
        ),
        *((b"\x1e\x00-lh5-" + bytes(20), "LHA"), (b"\x1e\x00-lzs-" + bytes(20), "LHA")),
        *(
            (b"LZIP\x01\x0c", "LZIP"),
            (b"\x04\x22\x4d\x18\x64", "LZ4"),
            (b"\x1f\x9d\x90", "COMPRESS"),
        ),
        (b"\x5d\x00\x00\x80\x00" + b"\xff" * 8 + b"\x00\x05", "LZMA"),
        *(
            (b"\x60\xea\x2e\x00\x1e", "ARJ"),
            (bytes(7) + b"**ACE**", "ACE"),
            (b"hsqs\x02", "SQUASHFS"),
        ),
        *((b"MSWIM\x00\x00\x00", "WIM"), (b"ITSF\x03", "CHM"), (b"\x78\x9f\x3e\x22", "TNEF")),
        *(
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "OLE"),
            (b"\xed\xab\xee\xdb\x03", "RPM"),
            (b"{\\rtf1", "RTF"),
            (b"{\\rt0", "RTF"),
        ),
        (bytes(32769) + b"CD001", "ISO"),
    ],
)
def test_rare_archives_are_told(head: bytes, name: str) -> None:
    """An archive by a rare tool, or with a rare header, is never taken for no archive."""
    assert sniff_archive(head) == name
