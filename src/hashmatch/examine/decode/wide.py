"""Scales greys of more than 8 bits down to 8, where Pillow would clip them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

WIDE_MODES = frozenset({"I", "F", "I;16", "I;16B", "I;16L", "I;16N"})

_PHOTOMETRIC_TAG = 262
_WHITE_IS_ZERO = 0
_PIECE = 1 << 20  # pixels
_MOST = 0.999


def scaled(frame: Image.Image) -> Iterator[tuple[str, Image.Image]]:
    """Scale a frame in one of ``WIDE_MODES`` to 8 bits a pixel.

    Yields:
        ``scaled``, by the range of the values; and ``clipped``, if a few values far above the rest
        would leave it dark: to 0..1 for floats, as viewers show them, otherwise to the level that
        one pixel in a thousand exceeds.
    """
    values = np.asarray(frame)
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    bottom, top = (0.0, _full_scale(high)) if low >= 0 and high > 255 else (low, high)
    inverted = _is_white_zero(frame)
    yield "scaled", _to_8_bits(values, bottom, top, inverted=inverted)
    most = 1.0 if values.dtype.kind == "f" else _full_scale(_level(values, _MOST))
    if most < top or (values.dtype.kind == "f" and low < 0):
        bottom = 0.0 if values.dtype.kind == "f" else bottom
        yield "clipped", _to_8_bits(values, bottom, most, inverted=inverted)


def _level(values: npt.NDArray[Any], share: float) -> float:
    """Return the level that this share of values does not exceed; ``np.quantile`` loads slowly."""
    place = share * (values.size - 1)
    below = int(place)
    both = below, min(below + 1, values.size - 1)
    least, most = np.partition(values, both, axis=None)[[*both]].tolist()
    return float(least + (most - least) * (place - below))


def _full_scale(level: float) -> float:
    """Return the next power of two: 12-bit samples in 16 bits use only a sixteenth of the range."""
    return float(2.0 ** np.ceil(np.log2(max(level, 0) + 1)))


def _to_8_bits(values: npt.NDArray[Any], low: float, top: float, *, inverted: bool) -> Image.Image:
    factor = 255 / (top - low) if top > low else 0.0
    grey = np.empty(values.size, dtype=np.uint8)
    flat = values.ravel()
    # In pieces: eight bytes for each of 100 megapixels would be too much memory
    for start in range(0, flat.size, _PIECE):
        piece = flat[start : start + _PIECE].astype(np.float64)
        grey[start : start + _PIECE] = np.rint(np.clip((piece - low) * factor, 0, 255))
    return Image.fromarray(
        255 - grey.reshape(values.shape) if inverted else grey.reshape(values.shape)
    )


def _is_white_zero(frame: Image.Image) -> bool:
    """Tell whether a TIFF counts from white, which Pillow ignores beyond 8 bits a sample."""
    tags = getattr(frame, "tag_v2", None)
    return tags is not None and tags.get(_PHOTOMETRIC_TAG) == _WHITE_IS_ZERO
