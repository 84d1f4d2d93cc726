"""JPEGs decoded by simplejpeg, which takes two thirds of Pillow's time for a small one.

Both are libjpeg-turbo, and give the same pixels (a test compares them). simplejpeg makes previews
alone, and refuses what libjpeg warns of; Pillow then decodes the picture, as it does all that is to
be exact.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType

from PIL import Image

from hashmatch.examine.decode.jpeg import PlainJpeg
from hashmatch.examine.extras import package_version


@cache
def simplejpeg() -> ModuleType | None:
    """Load the package; None where it is not installed, or does not fit this system."""
    try:
        return import_module("simplejpeg")
    except ImportError:
        return None


def simplejpeg_version() -> str | None:
    """Its version, for ``hashmatch doctor``; None where it cannot be used."""
    return package_version("simplejpeg") if simplejpeg() is not None else None


def quick_grey(data: bytes, jpeg: PlainJpeg, scale: int) -> Image.Image | None:
    """Decode a JPEG in grey, at a fraction of its size.

    Args:
        data: the whole file.
        jpeg: its header.
        scale: 1, 2, 4 or 8: by how much to divide width and height, rounded up.

    Returns:
        Mode ``L``, as Pillow's ``draft`` gives it: the luma alone at full scale; at a smaller one
        the colours made grey. None where it cannot be decoded without a warning.
    """
    decoder = simplejpeg()
    if decoder is None:
        return None
    width, height = -(-jpeg.width // scale), -(-jpeg.height // scale)
    colours = "GRAY" if scale == 1 else "RGB"
    try:
        pixels = decoder.decode_jpeg(data, colours, min_height=height, min_width=width)
    except (ValueError, MemoryError):
        return None
    if pixels.shape[:2] != (height, width):
        return None
    if colours == "GRAY":
        return Image.fromarray(pixels[:, :, 0])
    return Image.fromarray(pixels).convert("L")
