"""Take the pictures out of a Windows icon or cursor (ICO, CUR), which has one in many sizes.

Each becomes a file of its own: Pillow shows only one, and trusts the directory about its size.
Source: Microsoft, "Icons in Win32" (1995), and "The evolution of the ICO file format"
(2010) for PNGs inside.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

_HEADER = struct.Struct("<HHH")
_ENTRY = struct.Struct("<BBBBHHII")
_DIB = struct.Struct("<IiiHH")
_PNG = b"\x89PNG\r\n\x1a\n"


class Icon(NamedTuple):
    """One picture of an icon.

    Attributes:
        decoder: the format to decode it as: ``PNG``, or ``ICO`` for an icon of one picture.
    """

    decoder: str
    data: bytes
    pixels: int


def icons(data: bytes, most: int) -> list[Icon]:
    """Return the pictures of an icon, the largest first, at most ``most``.

    Raises:
        struct.error: the file ends within its directory.
    """
    found = [_icon(data, *entry) for entry in _entries(data)]
    return sorted(found, key=lambda icon: -icon.pixels)[:most]


def icons_end_early(data: bytes) -> bool:
    """Tell whether the directory names bytes beyond the end of the file."""
    try:
        return any(start + size > len(data) for start, size in _entries(data))
    except struct.error:
        return True


def icon_size(data: bytes) -> tuple[int, int] | None:
    """Return the size of the bitmap in a file that ``icons`` made; None without a header."""
    try:
        _, width, height, _, _ = _DIB.unpack_from(data, _HEADER.size + _ENTRY.size)
    except struct.error:
        return None
    return abs(width), abs(height) // 2  # the other half is the mask


def _entries(data: bytes) -> list[tuple[int, int]]:
    """Return where each picture begins, and how many bytes it has."""
    _, _, count = _HEADER.unpack_from(data)
    places = range(_HEADER.size, _HEADER.size + count * _ENTRY.size, _ENTRY.size)
    entries = [_ENTRY.unpack_from(data, place) for place in places]
    return list(dict.fromkeys((entry[7], entry[6]) for entry in entries))


def _icon(data: bytes, start: int, size: int) -> Icon:
    picture = data[start : start + size]
    if picture.startswith(_PNG):
        sides = struct.unpack_from(">II", picture, 16) if len(picture) >= 24 else (0, 0)
        return Icon("PNG", picture, sides[0] * sides[1])
    # The directory has one byte for a side, 0 for 256, and no depth for a cursor
    if len(picture) >= _DIB.size:
        _, width, height, _, depth = _DIB.unpack_from(picture)
    else:
        width = height = depth = 0
    sides = (abs(width), abs(height) // 2)
    shown = (side if side < 256 else 0 for side in sides)
    place = _HEADER.size + _ENTRY.size
    header = _HEADER.pack(0, 1, 1) + _ENTRY.pack(*shown, 0, 0, 1, depth, len(picture), place)
    return Icon("ICO", header + picture, sides[0] * sides[1])
