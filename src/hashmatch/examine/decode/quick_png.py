"""Decode plain PNGs by libspng, which takes two thirds of Pillow's time for the same pixels.

It comes with the extra ``png``, and decodes in our own processes alone, since ``pyspng`` holds the
global lock all the while. Pillow decodes whatever libspng refuses, and all that is not plain.

Source: the PNG specification (Third Edition), sections 5 and 11.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from PIL import Image

from hashmatch.examine.extras import optional_in_ours

PACKAGE = "pyspng"

_START = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_HEADER = struct.Struct(">IIBBBBB")
_MODES = {0: "L", 2: "RGBX", 6: "RGBA"}
"""By colour type, for 8 bits a sample. From palettes Pillow makes other greys than from colours."""

_NEEDED = frozenset({b"PLTE", b"IDAT", b"IEND"})
_TELLING = frozenset({b"tRNS", b"eXIf", b"acTL", b"fcTL", b"fdAT"})
"""What changes how a picture looks: transparency, which side is up, and animation."""


class PlainPng(NamedTuple):
    """The header of a whole PNG of one opaque or RGBA picture, 8 bits a sample, not interlaced.

    Attributes:
        width: in pixels.
        height: in pixels.
        mode: ``L``, ``RGBX`` or ``RGBA``, to decode it to.
    """

    width: int
    height: int
    mode: str


def quick_png(data: bytes) -> Image.Image | None:
    """Decode a PNG by libspng.

    Args:
        data: the whole file.

    Returns:
        Mode ``L``, ``RGBA``, or ``RGBX``, whose fourth byte means nothing: the very pixels that
        Pillow gives. None if it is not plain, or cannot be decoded.
    """
    decoder = optional_in_ours(PACKAGE)
    png = None if decoder is None else plain_png(data)
    if decoder is None or png is None:
        return None
    try:
        pixels = decoder.load(data, "L" if png.mode == "L" else "RGBA")
    except (RuntimeError, MemoryError):
        return None
    # As Pillow keeps them, so it takes them over without a copy
    return Image.frombuffer(png.mode, (png.width, png.height), pixels, "raw", png.mode, 0, 1)


def plain_png(data: bytes) -> PlainPng | None:
    """Read the header of a PNG that looks the same in every viewer; None for any other file.

    All that its pixels depend on has the right checksum, which libspng is not asked to check.
    """
    if not data.startswith(_START) or len(data) < len(_START) + _HEADER.size + 4:
        return None
    width, height, depth, colours, *methods = _HEADER.unpack_from(data, len(_START))
    if depth != 8 or colours not in _MODES or any(methods) or not width or not height:
        return None
    begin, position = 8, len(_START) + _HEADER.size + 4
    names = [b"IHDR"]
    while _is_sound(data, begin, position):
        if names[-1] == b"IEND":
            return PlainPng(width, height, _MODES[colours])
        name = data[position + 4 : position + 8]
        if name in _TELLING or (name not in _NEEDED and not name[:1].islower()):
            return None
        if name == b"IDAT" and b"IDAT" in names and names[-1] != b"IDAT":
            return None  # the rest of the pixels, which Pillow does not look for
        names.append(name)
        begin = position
        position += 12 + int.from_bytes(data[position : position + 4])
    return None


def _is_sound(data: bytes, begin: int, end: int) -> bool:
    """Whether a chunk is all there, and has the right checksum if it is needed."""
    if end > len(data):
        return False
    if data[begin + 4 : begin + 5].islower():
        return True
    content = memoryview(data)[begin + 4 : end - 4]
    return zlib.crc32(content) == int.from_bytes(data[end - 4 : end])
