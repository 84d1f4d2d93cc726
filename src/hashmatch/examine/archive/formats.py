"""Which archive format a file is in, told by its first bytes and never by its name.

Sources: the magic numbers in each format's specification.
"""

from __future__ import annotations

from hashmatch.examine.archive.tar_fields import BLOCK, is_tar_header

HEAD_BYTES = BLOCK
"""How much of a file ``sniff_archive`` wants to see."""

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

# Archives all the same: to overlook them would leave their pictures out in silence
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
)

_BZIP2_BLOCKS = (b"\x31\x41\x59\x26\x53\x59", b"\x17\x72\x45\x38\x50\x90")


def sniff_archive(head: bytes) -> str | None:
    """Name the archive format that ``head``, the first ``HEAD_BYTES`` of a file or more, begins.

    A tar begins with a name that its maker chose, so a file can be a ``TAR`` and a picture at once:
    whoever opens a tar looks at the whole of it as a picture, too.

    Returns:
        ``ZIP``, ``TAR``, ``GZIP``, ``BZIP2``, ``XZ`` or ``ZSTD``; a name such as ``7Z`` or ``RAR``
        for those that are known and not read; None where it is no archive.
    """
    for magic, name in _READ + _RECOGNISED:
        if head.startswith(magic):
            return name
    # A digit for the block size, then the first block or the end: text could begin with "BZh9"
    if head[:3] == b"BZh" and head[3:4] in b"123456789" and head[4:10] in _BZIP2_BLOCKS:
        return "BZIP2"
    # One of 16 magic numbers of frames to be skipped, with which parallel writers begin
    if head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50:
        return "ZSTD"
    return "TAR" if is_tar_header(head) else None
