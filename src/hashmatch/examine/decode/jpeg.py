"""Parse the structure of JPEG files.

Source: ITU-T T.81, annex B.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

JPEG_START = b"\xff\xd8\xff"
JPEG_END = b"\xff\xd9"
JPEG_SCAN = b"\xff\xda"

_SCAN = JPEG_SCAN[1]
_MPF_SEGMENT = 0xE2
_MPF = b"MPF\x00"
_MP_ENTRIES = 0xB002
_LOSSLESS = 0xC3
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_USUAL_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended and progressive
_SEQUENTIAL = frozenset({0xC0, 0xC1})
_TABLES_AND_COMMENTS = frozenset({0xC4, 0xDB, 0xDD, 0xFE})
_APPLICATIONS = range(0xE0, 0xF0)
_JFIF_SEGMENT, _ADOBE_SEGMENT = 0xE0, 0xEE
_JFIF_BYTES, _ADOBE_BYTES = 16, 14
_ENDS = re.compile(rb"\xff[\xd8\xd9]")
_SMALL = 1 << 16  # bytes, in which a regular expression finds an end sooner than NumPy
_SEARCH_STEP = 1 << 20


class EmbeddedJpeg(NamedTuple):
    """A JPEG inside other data: where it begins and ends, and how many pixels it has."""

    start: int
    end: int
    pixels: int


def jpeg_segments(
    data: bytes, start: int = 0, *, lenient: bool = False
) -> Iterator[tuple[int, int, int]]:
    """Yield the marker, the position and the length of each segment, up to the first scan.

    The length counts the two bytes that hold it, as the file does.

    Args:
        data: any bytes.
        start: where the JPEG begins in them.
        lenient: go on at the next marker where the structure breaks, as decoders do; otherwise end
            there.
    """
    position = start + 2
    while position + 4 <= len(data):
        marker = data[position + 1]
        if data[position] != 0xFF or (lenient and marker == 0):
            position = data.find(b"\xff", position + 1) if lenient else -1
            if position < 0:
                return
            continue
        if marker == 0xFF:  # a fill byte
            position += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # these have no length
            position += 2
        else:
            size = int.from_bytes(data[position + 2 : position + 4], "big")
            yield marker, position, size
            if marker == _SCAN:
                return
            position += 2 + size


class MpIndex(NamedTuple):
    """The index of a JPEG that holds several pictures.

    Attributes:
        start: where its segment begins.
        end: where its segment ends.
        pictures: where each further picture begins, as the index says.
    """

    start: int
    end: int
    pictures: tuple[int, ...]


def mp_index(data: bytes) -> MpIndex | None:
    """Read the first index of further pictures (CIPA DC-007, 5.2); None without one.

    An entry that cannot be read names no picture.
    """
    for marker, start, size in jpeg_segments(data):
        if marker == _MPF_SEGMENT and data.startswith(_MPF, start + 4):
            base, end = start + 8, start + 2 + size
            offsets = _mp_offsets(data[base:end])
            return MpIndex(start, end, tuple(base + offset for offset in offsets if offset))
    return None


def _mp_offsets(index: bytes) -> Iterator[int]:
    """Yield the offset of each further picture, counted from the start of the index."""
    order = "<" if index.startswith(b"II") else ">"
    try:
        (directory,) = struct.unpack_from(f"{order}I", index, 4)
        (fields,) = struct.unpack_from(f"{order}H", index, directory)
        for number in range(min(fields, 64)):
            field = struct.unpack_from(f"{order}HHII", index, directory + 2 + 12 * number)
            if field[0] == _MP_ENTRIES:
                for entry in range(field[3] + 16, field[3] + field[2], 16):
                    yield struct.unpack_from(f"{order}I", index, entry + 8)[0]
    except struct.error:
        return


def jpeg_ends_early(data: bytes) -> bool:
    """Tell whether a JPEG breaks off in its headers, or has no end marker after its first scan."""
    position = 2
    for marker, place, size in jpeg_segments(data):
        if marker == _SCAN:
            return not data.endswith(JPEG_END) and data.find(JPEG_END, place) < 0
        position = place + 2 + size
    return position + 4 > len(data) or data[position] == 0xFF


class PlainJpeg(NamedTuple):
    """A whole JPEG of one picture in grey or colour, with nothing behind it.

    Attributes:
        width: in pixels.
        height: in pixels.
        parts: 1 in grey, 3 in colour.
        has_metadata: it has segments, such as Exif, that may say how to show it.
        frame: where the header of its frame begins.
        is_sequential: all of a row of blocks comes before the next one.
    """

    width: int
    height: int
    parts: int
    has_metadata: bool
    frame: int
    is_sequential: bool


def plain_jpeg(data: bytes) -> PlainJpeg | None:
    """Read the header of a JPEG that needs no second look; None for any other file.

    Such a file is not cut, has no index of further pictures, and no other file follows its end
    marker. Most JPEGs are plain, so this one walk replaces all that look for the opposite.
    """
    if not (data.startswith(JPEG_START) and data.endswith(JPEG_END)):
        return None
    size: tuple[int, int, int] | None = None
    frame, has_metadata = 0, False
    for marker, place, length in jpeg_segments(data):
        if marker == _SCAN:
            if size is None or scan_end(data, place) != len(data):
                return None
            is_sequential = data[frame + 1] in _SEQUENTIAL and data[place + 4] == size[2]
            return PlainJpeg(*size, has_metadata, frame, is_sequential)
        if marker in _USUAL_FRAMES:
            found = _frame_size(data, place, length)
            if found is None or size is not None:
                return None
            size, frame = found, place
        elif marker in _APPLICATIONS:
            if marker == _MPF_SEGMENT and data.startswith(_MPF, place + 4):
                return None
            has_metadata |= not _is_bare(data, marker, place, length)
        elif marker not in _TABLES_AND_COMMENTS:
            return None
    return None


def jpeg_pixels(data: bytes) -> int | None:
    """Count the pixels of a JPEG by the header of its frame; None if it has no usual one."""
    for marker, place, length in jpeg_segments(data) if data.startswith(JPEG_START) else ():
        if marker in _USUAL_FRAMES and (size := _frame_size(data, place, length)) is not None:
            return size[0] * size[1]
    return None


def _frame_size(data: bytes, place: int, length: int) -> tuple[int, int, int] | None:
    """Width, height and parts of a frame of 8 bits a sample, grey or in colour; else None."""
    if length < 8 or place + 10 > len(data):
        return None
    bits, height, width, parts = struct.unpack_from(">BHHB", data, place + 4)
    is_usual = bits == 8 and parts in {1, 3} and length == 8 + 3 * parts
    return (width, height, parts) if is_usual and width and height else None


def _is_bare(data: bytes, marker: int, place: int, length: int) -> bool:
    """Whether an application segment says nothing but how samples are to be read."""
    if marker == _JFIF_SEGMENT:
        return length >= _JFIF_BYTES and data.startswith(b"JFIF\0", place + 4)
    if marker == _ADOBE_SEGMENT:
        return length >= _ADOBE_BYTES and data.startswith(b"Adobe", place + 4)
    return False


def scan_end(data: bytes, position: int) -> int | None:
    """Return where entropy-coded data end: after the end marker, or before the next picture.

    Such data contain neither marker, and viewers also show a picture without its end marker.
    """
    if len(data) - position <= _SMALL:
        found = _ENDS.search(data, position)
        return None if found is None else found.start() + 2 * (found[0] == JPEG_END)
    values = np.frombuffer(data, np.uint8)
    while position + 1 < len(data):
        part = values[position : position + _SEARCH_STEP + 1]
        (marks,) = (part[:-1] == 0xFF).nonzero()  # ten times as fast as bytes.find
        ends = marks[(part[marks + 1] & 0xFE) == 0xD8]
        if len(ends):
            end = position + int(ends[0])
            return end + 2 if data.startswith(JPEG_END, end) else end
        position += _SEARCH_STEP
    return None


def embedded_jpegs(data: bytes, most: int) -> list[EmbeddedJpeg]:
    """Find whole JPEGs inside other data, such as a camera raw.

    Lossless ones are left out: cameras keep the sensor's own data in them.

    Args:
        data: any bytes.
        most: the most to find. Thumbnails inside others do not count.
    """
    found: list[EmbeddedJpeg] = []
    position = data.find(JPEG_START)
    while position >= 0 and len(found) < most:
        pixels, scan = 0, -1
        for marker, place, _ in jpeg_segments(data, position):
            if marker in _FRAMES and len(data) >= place + 9:
                height, width = struct.unpack_from(">HH", data, place + 5)
                pixels = 0 if marker == _LOSSLESS else height * width
            scan = place if marker == _SCAN else scan
        # Entropy-coded data contain no end marker, and thumbnails are in segments before the scan
        end = data.find(JPEG_END, scan) if scan >= 0 else -1
        if scan >= 0 > end:
            break  # nor does any later one end
        if end >= 0 and pixels:
            found.append(EmbeddedJpeg(position, end + 2, pixels))
        position = data.find(JPEG_START, end + 2 if end >= 0 else position + 3)
    return found
