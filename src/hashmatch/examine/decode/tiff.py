"""The structure of TIFF files, as far as it tells whether one of them was cut.

Sources: TIFF Revision 6.0 (Adobe, 1992), sections 2, 8 and 15; BigTIFF Design (AWare Systems).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from operator import add

# More than any picture has; what a file may cost to look at is bounded by them
_MAX_DIRECTORIES = 256
_MAX_FIELDS = 512
_MAX_PARTS = 1 << 20

_PARTS = ((273, 279), (324, 325))  # offsets and byte counts, of strips and of tiles
_PART_TAGS = frozenset(tag for pair in _PARTS for tag in pair)
_KINDS = {1: (1, 2, 6, 7), 2: (3, 8), 4: (4, 9, 11, 13), 8: (5, 10, 12, 16, 17, 18)}
_INTEGERS = {3: "H", 4: "I", 16: "Q"}
_SIZES = {kind: size for size, kinds in _KINDS.items() for kind in kinds}


def tiff_ends_early(data: bytes) -> bool:
    """Tell whether a directory, or a value, strip or tile that one names, lies behind the end."""
    try:
        return any(end > len(data) for end in _ends(data))
    except (struct.error, OverflowError):  # a number should stand there, and no file is as long
        return True


def _ends(data: bytes) -> Iterator[int]:
    """Follow the chain of directories, and yield where all that they name ends."""
    order = "<" if data.startswith(b"II") else ">"
    offset, count = (f"{order}Q", f"{order}Q") if b"+" in data[2:4] else (f"{order}I", f"{order}H")
    field = struct.Struct(f"{order}HH{offset[1]}{struct.calcsize(offset)}s")
    (position,) = struct.unpack_from(offset, data, struct.calcsize(offset))
    seen: set[int] = set()
    while position and position not in seen and len(seen) < _MAX_DIRECTORIES:
        seen.add(position)
        (fields,) = struct.unpack_from(count, data, position)
        if fields > _MAX_FIELDS:
            return
        position += struct.calcsize(count)
        parts = {}
        for _ in range(fields):
            tag, kind, length, value = field.unpack_from(data, position)
            position += field.size
            size = length * _SIZES.get(kind, 0)
            inside = size <= len(value)
            start = position - len(value) if inside else struct.unpack(offset, value)[0]
            yield start + size
            if tag in _PART_TAGS and kind in _INTEGERS and length <= _MAX_PARTS:
                parts[tag] = struct.unpack_from(f"{order}{length}{_INTEGERS[kind]}", data, start)
        for offsets, lengths in _PARTS:
            yield from map(add, parts.get(offsets, ()), parts.get(lengths, ()))
        (position,) = struct.unpack_from(offset, data, position)
