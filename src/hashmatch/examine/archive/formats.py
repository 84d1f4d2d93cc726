"""Recognise archives by their first bytes, never by their names.

Sources: the magic numbers in each format's specification.
"""

from __future__ import annotations

from typing import Literal

from hashmatch.examine.archive.tar_fields import is_tar_header

HEAD_BYTES = 512
"""How many bytes it takes to recognise every format but disk images."""

WHOLE_HEAD_BYTES = 1 << 16
"""How many bytes it takes to recognise disk images too."""

# Those that hashmatch opens
_READ = (
    (b"PK\x03\x04", "ZIP"),
    (b"PK\x05\x06", "ZIP"),  # without members
    (b"PK\x07\x08PK", "ZIP"),  # was split, or was to be
    (b"PK00PK", "ZIP"),
    (b"\x1f\x8b\x08", "GZIP"),
    (b"\xfd7zXZ\x00", "XZ"),
    (b"\x28\xb5\x2f\xfd", "ZSTD"),
)

# Read by other libraries, or not at all. To overlook one would silently leave out its pictures
_RECOGNISED = (
    (b"7z\xbc\xaf\x27\x1c", "7Z"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"RE~^", "RAR"),
    (b"LZIP\x01", "LZIP"),
    (b"\x04\x22\x4d\x18", "LZ4"),
    (b"MSCF\x00\x00\x00\x00", "CAB"),
    (b"xar!", "XAR"),
    (b"!<arch>\n", "AR"),
    (b"070701", "CPIO"),
    (b"070702", "CPIO"),
    (b"070707", "CPIO"),
    (b"ALZ\x01", "ALZ"),
    (b"EGGA", "EGG"),
    (b"MSWIM\x00\x00\x00", "WIM"),
    (b"WLPWM\x00\x00\x00", "WIM"),
    (b"ITSF", "CHM"),
    (b"7kSt", "ZPAQ"),
    (b"zPQ", "ZPAQ"),
    (b"\x89LZO\x00\r\n\x1a\n", "LZOP"),
    (b"LRZI", "LRZIP"),
    (b"RZIP", "RZIP"),
    (b"\xff\x06\x00\x00sNaPpY", "SNAPPY"),
    (b"StuffIt", "STUFFIT"),
    (b"SIT!", "STUFFIT"),
    (b"hsqs", "SQUASHFS"),
    (b"\xed\xab\xee\xdb", "RPM"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "OLE"),  # old office files, mails and installers
    (b"\x78\x9f\x3e\x22", "TNEF"),
    (b"{\\rt", "RTF"),  # rich text, with its pictures in hex; programs want no more of its start
)

# As above, with the position of the magic number
_RECOGNISED_INSIDE = (
    (2, b"-lh", "LHA"),
    (2, b"-lz", "LHA"),
    (2, b"-pm", "LHA"),
    (7, b"**ACE**", "ACE"),
    (20, b"\xdc\xa7\xc4\xfd", "ZOO"),
    (32769, b"CD001", "ISO"),
)

_MAGICS = tuple(magic for magic, _ in _READ + _RECOGNISED)
_OLD_CPIO: dict[bytes, Literal["little", "big"]] = {b"\xc7\x71": "little", b"\x71\xc7": "big"}
_BZIP2_BLOCKS = (b"\x31\x41\x59\x26\x53\x59", b"\x17\x72\x45\x38\x50\x90")


def sniff_archive(head: bytes) -> str | None:
    """Name the archive format that ``head``, the first ``HEAD_BYTES`` of a file or more, begins.

    A tar begins with a name that its maker chose, so a file can be a ``TAR`` and a picture at once.
    It is examined as both.

    Returns:
        A name such as ``ZIP`` or ``7Z``, also for archives that hashmatch does not read; None if it
        is not an archive.
    """
    if head.startswith(_MAGICS):  # one call, since most files are pictures
        return next(name for magic, name in _READ + _RECOGNISED if head.startswith(magic))
    for position, magic, name in _RECOGNISED_INSIDE:
        if head.startswith(magic, position):
            return name
    # A digit for the block size, then the first block or the end: text can begin with "BZh9"
    if head[:3] == b"BZh" and head[3:4] in b"123456789" and head[4:10] in _BZIP2_BLOCKS:
        return "BZIP2"
    # One of 16 magic numbers of skippable frames, with which parallel writers begin
    if head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50:
        return "ZSTD"
    return "TAR" if is_tar_header(head) else _sniff_weak(head)


def _sniff_weak(head: bytes) -> str | None:
    """Recognise formats with a short magic number by a plausible header."""
    # compress: the low five bits say how long codes get, and two more must be zero
    if (
        head[:2] == b"\x1f\x9d"
        and len(head) > 2
        and 9 <= head[2] & 0x1F <= 16
        and not head[2] & 0x60
    ):
        return "COMPRESS"
    if head[:2] == b"\x60\xea" and 30 <= int.from_bytes(head[2:4], "little") <= 2600:
        return "ARJ"
    if head[:2] in _OLD_CPIO:  # the length of the first name, which ends in NUL
        length = int.from_bytes(head[20:22], _OLD_CPIO[head[:2]])
        return "CPIO" if 1 < length < 1024 and head[25 + length : 26 + length] == b"\0" else None
    return "LZMA" if _is_lzma(head) else None


def _is_lzma(head: bytes) -> bool:
    """Recognise LZMA as its authors' own tool writes it: parameters, a window and a length."""
    if len(head) < 14 or head[0] != 0x5D or head[13] != 0:
        return False
    window, size = int.from_bytes(head[1:5], "little"), head[5:13]
    round_window = window > 0 and (window & (window - 1) == 0 or window % (1 << 20) == 0)
    return round_window and (size == b"\xff" * 8 or int.from_bytes(size, "little") < 1 << 40)
