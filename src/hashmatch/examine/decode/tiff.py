"""Parse the structure of TIFF files: whether one was cut, and which pictures SubIFDs hold.

Sources: TIFF Revision 6.0 (Adobe, 1992), sections 2, 8 and 15; Adobe PageMaker 6.0 TIFF Technical
Notes (SubIFDs); BigTIFF Design (AWare Systems); Digital Negative Specification 1.7.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from operator import add
from typing import NamedTuple

from hashmatch.examine.decode.jpeg import JPEG_START

# More than any picture has, to bound what a file may cost
_MAX_DIRECTORIES = 256
_MAX_FIELDS = 512
_MAX_PARTS = 1 << 20

_PARTS = ((273, 279), (324, 325))  # offsets and byte counts, of strips and of tiles
_KINDS = {1: (1, 2, 6, 7), 2: (3, 8), 4: (4, 9, 11, 13), 8: (5, 10, 12, 16, 17, 18)}
_INTEGERS = {3: "H", 4: "I", 16: "Q"}
_SIZES = {kind: size for size, kinds in _KINDS.items() for kind in kinds}
_PHOTOMETRIC, _SUB_IFDS, _JPEG_START, _JPEG_LENGTH, _DNG_VERSION = 262, 330, 513, 514, 50706
_LOOKED_AT = frozenset({_PHOTOMETRIC, _JPEG_START, _JPEG_LENGTH})
_SENSOR = frozenset({32803, 34892})  # a colour filter array, and what DNG calls linear raw

_UNREADABLE = (struct.error, OverflowError)
"""What reading at an offset beyond the end raises; the latter if no file could be that long."""


class _Field(NamedTuple):
    """One field of a directory: its type and number of values, where they begin, their bytes."""

    kind: int
    length: int
    start: int
    size: int


def tiff_ends_early(data: bytes) -> bool:
    """Tell whether a directory, or a value, strip or tile that one names, is beyond the end."""
    try:
        return any(end > len(data) for end in _ends(data))
    except _UNREADABLE:
        return True


def _ends(data: bytes) -> Iterator[int]:
    """Yield the end of everything that the chain of directories names."""
    for directory in _directories(data):
        yield from (field.start + field.size for field in directory.values())
        for offsets, lengths in _PARTS:
            if offsets in directory and lengths in directory:
                places, sizes = (_numbers(data, directory[tag]) for tag in (offsets, lengths))
                yield from map(add, places, sizes)


def _directories(data: bytes, first: int | None = None) -> Iterator[dict[int, _Field]]:
    """Follow a chain of directories: the file's own, or the one that begins at ``first``."""
    order, offset, count = _layout(data)
    entry = struct.Struct(f"{order}HH{offset}{struct.calcsize(order + offset)}s")
    position = first
    if position is None:
        (position,) = struct.unpack_from(order + offset, data, struct.calcsize(order + offset))
    seen: set[int] = set()
    while position and position not in seen and len(seen) < _MAX_DIRECTORIES:
        seen.add(position)
        (fields,) = struct.unpack_from(order + count, data, position)
        if fields > _MAX_FIELDS:
            return
        position += struct.calcsize(order + count)
        directory: dict[int, _Field] = {}
        for _ in range(fields):
            tag, kind, length, value = entry.unpack_from(data, position)
            position += entry.size
            size = length * _SIZES.get(kind, 0)
            inside = size <= len(value)
            start = position - len(value) if inside else struct.unpack(order + offset, value)[0]
            directory[tag] = _Field(kind, length, start, size)
        yield directory
        (position,) = struct.unpack_from(order + offset, data, position)


def _layout(data: bytes) -> tuple[str, str, str]:
    """Return the byte order and the types of an offset and of a count, as ``struct`` has them."""
    order = "<" if data.startswith(b"II") else ">"
    return (order, "Q", "Q") if b"+" in data[2:4] else (order, "I", "H")


def _numbers(data: bytes, field: _Field) -> tuple[int, ...]:
    """Return the integers of a field; none if it holds anything else, or too many."""
    if field.kind not in _INTEGERS or field.length > _MAX_PARTS:
        return ()
    order = _layout(data)[0]
    return struct.unpack_from(f"{order}{field.length}{_INTEGERS[field.kind]}", data, field.start)


@dataclass(frozen=True, slots=True)
class SubDirectory:
    """A picture outside the chain of directories, such as a preview or a level of a pyramid.

    Attributes:
        place: where its directory begins.
        jpeg: start and end of the JPEG that it names; None if it names none.
        is_raw: it holds a sensor's own data.
    """

    place: int
    jpeg: tuple[int, int] | None
    is_raw: bool


def sub_directories(data: bytes) -> list[SubDirectory]:
    """Return the pictures in SubIFDs (TIFF Technical Note 1), nested ones included."""
    found: list[SubDirectory] = []
    try:
        waiting = [place for each in _directories(data) for place in _sub_places(data, each)]
        seen: set[int] = set()
        while waiting and len(found) < _MAX_DIRECTORIES:
            place = waiting.pop(0)
            if place in seen:
                continue
            seen.add(place)
            for directory in _directories(data, place):
                found.append(_sub_directory(data, place, directory))
                waiting += _sub_places(data, directory)
                break  # few writers chain anything to a SubIFD
    except _UNREADABLE:
        pass  # ``tiff_ends_early`` tells
    return found


def _sub_places(data: bytes, directory: dict[int, _Field]) -> tuple[int, ...]:
    return _numbers(data, directory[_SUB_IFDS]) if _SUB_IFDS in directory else ()


def _sub_directory(data: bytes, place: int, directory: dict[int, _Field]) -> SubDirectory:
    values = {
        tag: _numbers(data, field)[:1] for tag, field in directory.items() if tag in _LOOKED_AT
    }
    jpeg = None
    if values.get(_JPEG_START) and values.get(_JPEG_LENGTH):
        start, length = values[_JPEG_START][0], values[_JPEG_LENGTH][0]
        jpeg = (start, start + length) if data.startswith(JPEG_START, start) else None
    return SubDirectory(place, jpeg, values.get(_PHOTOMETRIC, (0,))[0] in _SENSOR)


def is_raw(data: bytes) -> bool:
    """Tell whether a TIFF is a camera raw, by the tag of DNG or the mark of CR2."""
    try:
        return data[8:10] == b"CR" or any(_DNG_VERSION in each for each in _directories(data))
    except _UNREADABLE:
        return False


def from_directory(data: bytes, place: int) -> bytes:
    """Make another directory the file's first one, so that decoders show its picture."""
    order, offset, _ = _layout(data)
    size = struct.calcsize(order + offset)
    return data[:size] + struct.pack(order + offset, place) + data[2 * size :]
