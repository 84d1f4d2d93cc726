"""Decode JPEGs by simplejpeg, which takes half to two thirds of Pillow's time.

Both are libjpeg-turbo and give the same pixels; ``agrees_with_pillow`` and a test compare them.
simplejpeg refuses what libjpeg warns of. Pillow then decodes the picture, as it does where
simplejpeg is not installed.
"""

from __future__ import annotations

from functools import cache
from hashlib import shake_128  # NumPy's noise takes ten times as long to load
from io import BytesIO
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from hashmatch.examine.decode.jpeg import PlainJpeg
from hashmatch.examine.decode.progressive import is_complete, without_luma_detail
from hashmatch.examine.extras import optional

Grey: TypeAlias = npt.NDArray[np.uint8]

PACKAGE = "simplejpeg"

_HEIGHT = 5
"""Where a frame's header has its height in pixels."""

_BLOCK = 8
"""Pixels on a side of a block of luma."""

_ROWS = 16
"""As many as the usual block of samples has."""


def quick_grey(data: bytes, jpeg: PlainJpeg, scale: int) -> Grey | None:
    """Decode a JPEG in grey, at a fraction of its size.

    Args:
        data: the whole file.
        jpeg: its header.
        scale: 1, 2, 4 or 8: by how much to divide width and height, rounded up.

    Returns:
        Shape (height, width), as Pillow's ``draft`` gives it: the luma alone at full scale; at a
        smaller one the colours made grey. None if decoding it fails or, unless it is a progressive
        JPEG at an eighth of its size, warns.
    """
    decoder = optional(PACKAGE)
    if decoder is None:
        return None
    width, height = -(-jpeg.width // scale), -(-jpeg.height // scale)
    if scale == 1:
        found = _decoded(decoder, data, (width, height), "GRAY")
        return None if found is None else found[:, :, 0]
    feed = without_luma_detail(data, jpeg) if scale == _BLOCK else data
    if feed is data:
        picture = _pixels(decoder, data, (width, height), "RGBX")
    else:
        picture = _pixels_despite_warnings(decoder, feed, (width, height))
    return None if picture is None else np.asarray(picture.convert("L"))


def quick_pixels(data: bytes, jpeg: PlainJpeg) -> Image.Image | None:
    """Decode a JPEG in full.

    Args:
        data: the whole file.
        jpeg: its header.

    Returns:
        Mode ``L`` or ``RGBX``, whose fourth byte means nothing: the very pixels that Pillow gives.
        None where it cannot be decoded without a warning, or if the two decoders differ.
    """
    decoder = optional(PACKAGE)
    if decoder is None or not agrees_with_pillow():
        return None
    return _pixels(decoder, data, (jpeg.width, jpeg.height), _colours(jpeg))


def top_row(data: bytes, jpeg: PlainJpeg) -> bytes | None:
    """Decode the first row of a JPEG in full size, which takes a fiftieth of the time of all rows.

    Each scan of a JPEG begins with it, so the rest of each is passed over.

    Args:
        data: the whole file, of which all can be decoded.
        jpeg: its header.

    Returns:
        A byte for each pixel, in grey; None where it cannot be decoded by itself.
    """
    decoder = optional(PACKAGE)
    if decoder is None or not agrees_with_pillow():
        return None
    if not (jpeg.is_sequential or is_complete(data, jpeg)):
        return None
    place = jpeg.frame + _HEIGHT
    few = min(jpeg.height, _ROWS)
    shorter = data[:place] + few.to_bytes(2, "big") + data[place + 2 :]
    found = _pixels_despite_warnings(decoder, shorter, (jpeg.width, few))
    return None if found is None else found.crop((0, 0, jpeg.width, 1)).convert("L").tobytes()


@cache
def agrees_with_pillow() -> bool:
    """Whether simplejpeg decodes as this Pillow does; asked once in each process.

    A Pillow may be built with another libjpeg, which enlarges colours in another way.
    """
    decoder = optional(PACKAGE)
    if decoder is None:
        return False
    picture = sample_picture()
    for subsampling in range(3):
        file = BytesIO()
        picture.save(file, "JPEG", quality=80, subsampling=subsampling)
        found = _pixels(decoder, file.getvalue(), picture.size, "RGBX")
        with Image.open(file) as image:
            if found is None or found.convert("RGB").tobytes() != image.tobytes():
                return False
    return True


def sample_picture() -> Image.Image:
    """Make a small picture that shows whether two decoders enlarge colours in the same way."""
    noise = np.frombuffer(shake_128().digest(5 * 7 * 3), np.uint8).reshape(5, 7, 3)
    return Image.fromarray(noise).resize((67, 41), Image.Resampling.BICUBIC)


def _colours(jpeg: PlainJpeg) -> str:
    return "GRAY" if jpeg.parts == 1 else "RGBX"


def _pixels(
    decoder: ModuleType, data: bytes, size: tuple[int, int], colours: str
) -> Image.Image | None:
    pixels = _decoded(decoder, data, size, colours)
    return None if pixels is None else _as_picture(pixels, "L" if colours == "GRAY" else colours)


def _pixels_despite_warnings(
    decoder: ModuleType, data: bytes, size: tuple[int, int]
) -> Image.Image | None:
    """Decode to mode ``RGBX``, and pass over what libjpeg only warns of.

    simplejpeg then passes over errors, too, and returns whatever was in memory. libjpeg sets each
    fourth byte that it writes.
    """
    pixels = np.zeros((size[1], size[0], 4), np.uint8)
    found = _decoded(decoder, data, size, "RGBX", buffer=pixels, strict=False)
    return None if found is None or not pixels[:, :, 3].all() else _as_picture(pixels, "RGBX")


def _as_picture(pixels: Grey, mode: str) -> Image.Image:
    """Make a picture of pixels as Pillow keeps them, so that it takes them over without a copy."""
    return Image.frombuffer(mode, pixels.shape[1::-1], pixels, "raw", mode, 0, 1)


def _decoded(
    decoder: ModuleType, data: bytes, size: tuple[int, int], colours: str, **options: Any
) -> Grey | None:
    """Decode to uint8 of shape (height, width, channels)."""
    width, height = size
    try:
        pixels: Grey = decoder.decode_jpeg(
            data, colours, min_height=height, min_width=width, **options
        )
    except (ValueError, MemoryError):
        return None
    return pixels if pixels.shape[:2] == (height, width) else None
