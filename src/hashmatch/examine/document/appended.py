"""Find the files that are appended to a picture.

Sources: ITU-T T.81, annex B (JPEG); CIPA DC-007 (MPO); the PNG specification (Third Edition), 5.3;
GIF89a, 17 to 27; the WebP container specification; for BMP, the documentation of BITMAPFILEHEADER;
for motion photos, Android's "Motion Photo format 1.0".
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

from hashmatch.examine.archive.formats import sniff_archive
from hashmatch.examine.decode.boxes import boxes_end
from hashmatch.examine.decode.formats import sniff
from hashmatch.examine.decode.jpeg import JPEG_SCAN, JPEG_START, jpeg_segments, mp_index, scan_end
from hashmatch.examine.decode.netpbm import netpbm_end
from hashmatch.examine.video.sniffing import video_format

# Signatures long enough not to turn up by chance, wherever they are
_SIGNATURES = re.compile(
    rb"\xff\xd8\xff[\xc0-\xfe]|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP"
    rb"|Rar!\x1a\x07|7z\xbc\xaf\x27\x1c|PK\x03\x04|%PDF-1\.\d|\xfd7zXZ\x00|MSCF\x00\x00\x00\x00"
    rb"|\x00\x00\x00.ftyp",
    re.DOTALL,
)
_WINDOW = 1 << 16
_MOST = 1000
_SCAN = JPEG_SCAN[1]
_GIF_TABLE = 0x80
_OF_BOXES = frozenset({"HEIF", "AVIF"})
_LEAST_BYTES = 20  # every WebP and BMP has more


class Appended(NamedTuple):
    """A file after a picture: where it begins and ends, and its format."""

    start: int
    end: int
    format: str


def appended(data: bytes, zip_at_end: bool) -> list[Appended]:
    """Find the files that follow the end of a JPEG, PNG, GIF, WebP, BMP, HEIF, AVIF or Netpbm file.

    Each may begin directly after the one before, or after padding; otherwise its signature is
    searched for. A picture ends where its structure says; any other file takes up the rest. If a
    zip ends the file, another reader opens it, so its members do not count.
    """
    found: list[Appended] = []
    position = picture_end(data)
    of_mpo: set[int] | None = None
    while position is not None and position < len(data) and len(found) < _MOST:
        place = _next_file(data, position)
        if place is None:
            break
        start, name = place
        if name == "ZIP" and zip_at_end:
            break
        position = picture_end(data, start)
        if of_mpo is None:  # an MPO's further pictures are frames of it
            index = mp_index(data) if data.startswith(JPEG_START) else None
            of_mpo = set(index.pictures) if index else set()
        if start not in of_mpo:
            found.append(Appended(start, len(data) if position is None else position, name))
    return found


def _next_file(data: bytes, position: int) -> tuple[int, str] | None:
    head = data[position : position + _WINDOW]
    start = position + len(head) - len(head.lstrip(b"\x00\r\n"))
    if (name := _name(data, start)) is not None:
        return start, name
    for found in _SIGNATURES.finditer(data, position):
        if (name := _name(data, found.start())) is not None:
            return found.start(), name
    return None


def _name(data: bytes, start: int) -> str | None:
    head = data[start : start + _WINDOW]
    if head.startswith(b"%PDF-"):
        return "PDF"
    name = sniff_archive(head)
    if name == "ZIP" and not head.startswith(b"PK\x03\x04"):
        return None  # the end of an empty zip: four bytes that chance can make
    if name is None and (_SIGNATURES.match(head) is not None or head.startswith(b"BM")):
        name = sniff(head) or video_format(head)
    if name == "JPEG" and all(marker != _SCAN for marker, _, _ in jpeg_segments(data, start)):
        return None  # three bytes by chance
    return name


def picture_end(data: bytes, start: int = 0) -> int | None:
    """Return where a picture ends by its structure; None if it is cut, and for other formats."""
    if data.startswith(JPEG_START, start):
        return _jpeg_end(data, start)
    if data.startswith(b"\x89PNG\r\n\x1a\n", start):
        return _png_end(data, start + 8)
    if data.startswith((b"GIF87a", b"GIF89a"), start):
        return _gif_end(data, start)
    if data.startswith(b"RIFF", start) and data.startswith(b"WEBP", start + 8):
        return _inside(data, start, 8 + int.from_bytes(data[start + 4 : start + 8], "little"))
    if data.startswith(b"BM", start) and sniff(data[start : start + 64]) == "BMP":
        return _inside(data, start, _bmp_size(data[start : start + 54]))
    if data.startswith(b"ftyp", start + 4):
        is_picture = sniff(data[start : start + _WINDOW]) in _OF_BOXES
        return boxes_end(data, start) if is_picture else None
    return netpbm_end(data, start) if data.startswith(b"P", start) else None


def _inside(data: bytes, start: int, length: int) -> int | None:
    """Return where a picture of this length ends; None if it cannot be that long."""
    return start + length if _LEAST_BYTES <= length <= len(data) - start else None


def _jpeg_end(data: bytes, start: int) -> int | None:
    # Decoders find the scan even if segments before it are broken
    for marker, position, _ in jpeg_segments(data, start, lenient=start == 0):
        if marker == _SCAN:
            return scan_end(data, position)  # thumbnails are in segments before it
    return None


def _bmp_size(head: bytes) -> int:
    """Compute the size from unpacked pixels: nobody relies on the size in the header."""
    size, _, pixels, header, width, height = struct.unpack_from("<IIIIii", head.ljust(54, b"\0"), 2)
    _, depth, packed = struct.unpack_from("<HHI", head.ljust(54, b"\0"), 26)
    if header < 40 or packed:
        return int(size)
    return int(pixels + (abs(width) * depth + 31) // 32 * 4 * abs(height))


def _png_end(data: bytes, position: int) -> int | None:
    while position + 12 <= len(data):
        end = position + 12 + int.from_bytes(data[position : position + 4], "big")
        name = data[position + 4 : position + 8]
        if name == b"IEND":
            return end if end <= len(data) else None
        if not name.isalpha():
            return position
        position = end
    return None


def _gif_end(data: bytes, start: int) -> int | None:
    position = start + 13 + _table_bytes(data[start + 10 : start + 11])
    while (kind := data[position : position + 1]) not in {b"", b"\x3b"}:
        if kind == b"\x2c":
            position += 11 + _table_bytes(data[position + 9 : position + 10])
        elif kind == b"\x21":
            position += 2
        else:
            return position
        while position < len(data) and data[position]:
            position += 1 + data[position]
        position += 1
    return position + 1 if kind else None


def _table_bytes(flags: bytes) -> int:
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & _GIF_TABLE else 0
