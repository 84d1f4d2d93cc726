"""Shrink a picture to a hash's grid as Pillow's LANCZOS does, in a third of the time.

Each pixel of the grid is a weighted sum over a window of the picture, so two matrix products give
all of them, which BLAS computes faster than Pillow sums window by window.

``shrink`` is for previews: in single precision a pixel in some ten thousand comes out a grey level
off. ``shrink_exactly`` gives Pillow's own values. Pillow rounds its weights to whole multiples of
2^-22 and sums integers. In double precision every such sum is exact, since it stays below 2^53.

Sources: the filter as Pillow's documentation and ``Resample.c`` describe it: C. Duchon, "Lanczos
Filtering in One and Two Dimensions", Journal of Applied Meteorology, 1979, with three lobes.
"""

from __future__ import annotations

import math
from collections import deque
from functools import cache, lru_cache
from hashlib import shake_128
from typing import Generic, NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

Grey: TypeAlias = npt.NDArray[np.uint8]
Real: TypeAlias = npt.NDArray[np.float32]
Exact: TypeAlias = npt.NDArray[np.float64]
F = TypeVar("F", np.float32, np.float64)

_LOBES = 3

_TALLEST = 1.5
"""The height by width up to which every version of Pillow sums along rows first, as is done here.
The order matters where sharp edges ring beyond black or white and are clipped in between."""

_WIDEST = 4096
"""The longest row whose weights are computed here and kept: up to 2 MiB."""

_LEAST = 4
"""How many times larger than its grid a picture is at least: Pillow sums the columns of others
first at other proportions."""

_NEARLY_ZERO = 1e-9
"""A turn of the sine that may divide."""

_ONE = 1 << 22
"""What Pillow counts weights in: ``PRECISION_BITS`` of ``Resample.c``."""

_DOUBT = 1e-7
"""How near to half a unit a weight may lie before two correct sines could round it differently."""

_WORTH_IT = 1 << 17
"""Pixels from which the products are faster than Pillow even if their weights must be computed.
With weights that are still cached they always are: 69 µs instead of 198 for 200 x 200."""

_LATELY: deque[tuple[int, int]] = deque(maxlen=8)
"""Sizes of smaller pictures that were seen lately, whose weights are worth computing."""

_BAND = 8
"""Columns of the grid to compute at a time, from the part of the rows that they depend on."""

_SHORT = 320
"""Up to this many pixels a row, twice as many columns at a time are faster in single precision."""

_CHUNK = 1 << 16
"""Pixels to convert at a time: in double precision they fit into a core's own cache."""

_LEAST_ROWS = 64
"""Rows to convert at a time, however wide: fewer are too little work for BLAS."""


class _Band(NamedTuple, Generic[F]):
    """Some columns of a grid, the part of each row that they depend on, and its weights."""

    columns: slice
    window: slice
    weights: npt.NDArray[F]


def shrink(pixels: Grey, width: int, height: int, size: tuple[float, float] | None = None) -> Grey:
    """Resize a grey picture.

    Args:
        pixels: no fewer than previews have; of grids nearly as large as the picture, Pillow may sum
            columns first.
        width: of the grid, in pixels.
        height: of the grid, in pixels.
        size: width and height of the part to resize, from the upper left corner; None for all.

    Returns:
        Shape (height, width). Hardly any value is a grey level off Pillow's, and none is more.
    """
    tall, wide = pixels.shape
    right, bottom = size or (wide, tall)
    if tall > _TALLEST * wide or wide > _WIDEST:
        picture, box = Image.fromarray(pixels), (0, 0, right, bottom)
        return np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS, box))
    rows = pixels.astype(np.float32)
    across = np.empty((tall, width), np.float32)
    for columns, window, weights in _light_bands(wide, width, right):
        np.matmul(rows[:, window], weights, out=across[:, columns])
    down = lanczos_weights(tall, height, bottom).T
    return _grey_levels(down @ _grey_levels(across)).astype(np.uint8)


def _grey_levels(values: Real) -> Real:
    """Round and clip, in place, as Pillow does after either sum."""
    np.rint(values, out=values)
    np.maximum(values, 0, out=values)  # half the time of clip
    return np.minimum(values, 255, out=values)


@lru_cache(maxsize=64)
def lanczos_weights(length: int, count: int, end: float) -> Real:
    """How much each of ``length`` pixels adds to each of ``count``, shape (length, count).

    The ``count`` pixels lie evenly between 0 and ``end``, which may fall within a pixel.
    """
    scale = end / count
    stretch = max(scale, 1.0)
    centre = (np.arange(count)[:, None] + 0.5) * scale
    first = np.maximum(centre - _LOBES * stretch + 0.5, 0).astype(np.intp)
    stop = np.minimum(centre + _LOBES * stretch + 0.5, length).astype(np.intp)
    pixel = first + np.arange((stop - first).max())
    turn = (pixel - centre + 0.5) * (math.pi / stretch)
    turn[turn == 0] = _NEARLY_ZERO
    weight = np.sin(turn) * np.sin(turn / _LOBES) / (turn * turn)
    weight[pixel >= stop] = 0
    weight /= weight.sum(axis=1, keepdims=True)
    found = np.zeros((length + pixel.shape[1], count), dtype=np.float32)  # windows may stick out
    found[pixel, np.arange(count)[:, None]] = weight
    found = found[:length]
    found.setflags(write=False)
    return found


def shrink_exactly(picture: Image.Image, width: int, height: int) -> Grey:
    """Resize a grey picture to the very values that Pillow gives.

    Args:
        picture: mode ``L``.
        width: of the grid, in pixels.
        height: of the grid, in pixels.

    Returns:
        Shape (height, width).
    """
    size = picture.size
    if _is_summed_by_rows(size, width, height) and _is_worth_it(size) and pillow_agrees():
        return _by_products(picture, width, height)
    return np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS))


def _is_summed_by_rows(size: tuple[int, int], width: int, height: int) -> bool:
    return (
        size[1] <= _TALLEST * size[0]
        and size[0] >= _LEAST * width
        and size[1] >= _LEAST * height
        and max(size) <= _WIDEST
    )


def _is_worth_it(size: tuple[int, int]) -> bool:
    if size[0] * size[1] >= _WORTH_IT or size in _LATELY:
        return True
    _LATELY.append(size)
    return False


@cache
def pillow_agrees() -> bool:
    """Whether this Pillow rounds and sums as is assumed here; asked once in each process."""
    noise = np.frombuffer(shake_128().digest(300 * 200), np.uint8).reshape(300, 200)
    return all(
        np.array_equal(
            _by_products(picture, side, side),
            np.asarray(picture.resize((side, side), Image.Resampling.LANCZOS)),
        )
        for picture in map(Image.fromarray, (noise, noise.T // 128 * 255))
        for side in (8, 32)
    )


def _by_products(picture: Image.Image, width: int, height: int) -> Grey:
    across = np.empty((picture.height, width))
    bands = _bands(picture.width, width)
    pixels = np.asarray(picture)
    step = max(_LEAST_ROWS, _CHUNK // picture.width)
    for top in range(0, picture.height, step):
        rows = pixels[top : top + step].astype(np.float64)
        for columns, window, weights in bands:
            across[top : top + step, columns] = rows[:, window] @ weights
    down = _whole_weights(picture.height, height)
    return _from_fixed_point(down.T @ _from_fixed_point(across)).astype(np.uint8)


def _from_fixed_point(sums: Exact) -> Exact:
    """Round and clip sums, in place, as Pillow does after either of them."""
    sums += _ONE // 2
    sums *= 1 / _ONE
    np.floor(sums, out=sums)
    return np.clip(sums, 0, 255, out=sums)


@lru_cache(maxsize=16)
def _bands(length: int, count: int) -> tuple[_Band[np.float64], ...]:
    return _in_bands(_whole_weights(length, count), _BAND)


@lru_cache(maxsize=64)
def _light_bands(length: int, count: int, end: float) -> tuple[_Band[np.float32], ...]:
    each = _BAND if length > _SHORT else 2 * _BAND
    return _in_bands(lanczos_weights(length, count, end), each)


def _in_bands(weights: npt.NDArray[F], each: int) -> tuple[_Band[F], ...]:
    found = []
    for left in range(0, weights.shape[1], each):
        band = weights[:, left : left + each]
        # Each column begins and ends below the one before it
        first = int(np.flatnonzero(band[:, 0])[0])
        end = int(np.flatnonzero(band[:, -1])[-1]) + 1
        part = np.ascontiguousarray(band[first:end])
        found.append(_Band(slice(left, left + each), slice(first, end), part))
    return tuple(found)


@lru_cache(maxsize=16)
def _whole_weights(length: int, count: int) -> Exact:
    """Pillow's weights in units of 1 / ``_ONE``, shape (length, count), all of them integers."""
    scale = length / count
    centre = (np.arange(count)[:, None] + 0.5) * scale
    support = _LOBES * scale
    first = np.maximum((centre - support + 0.5).astype(np.intp), 0)
    end = np.minimum((centre + support + 0.5).astype(np.intp), length)
    pixel = first + np.arange((end - first).max())
    # Every operation as Resample.c has it, and in its order
    place = (pixel - centre + 0.5) * (1 / scale)
    inside = (pixel < end) & (place >= -_LOBES) & (place < _LOBES)
    units = _in_units(_lanczos(place), inside)
    # A sine may differ in its last bit from that of the C library. Then let that one decide
    if np.abs(units - np.floor(units) - 0.5).min() < _DOUBT:
        sines = np.array([[_lanczos_by_libm(x) for x in row] for row in place.tolist()])
        units = _in_units(sines, inside)
    found = np.zeros((length, count))
    found[pixel[inside], inside.nonzero()[0]] = np.trunc(units + np.copysign(0.5, units))[inside]
    found.setflags(write=False)
    return found


def _in_units(weights: Exact, inside: npt.NDArray[np.bool_]) -> Exact:
    """Weights as shares of their row's sum, in units of 1 / ``_ONE``."""
    kept = np.where(inside, weights, 0.0)
    total = np.add.accumulate(kept, axis=1)[:, -1:]  # one by one, as no other sum is
    return kept / total * _ONE


def _lanczos(place: Exact) -> Exact:
    return _sinc(place) * _sinc(place / _LOBES)


def _sinc(place: Exact) -> Exact:
    turn = np.where(place == 0, 1.0, place * math.pi)
    return np.where(place == 0, 1.0, np.sin(turn) / turn)


def _lanczos_by_libm(place: float) -> float:
    if place == 0:
        return 1.0
    turns = place * math.pi, place / _LOBES * math.pi
    return math.sin(turns[0]) / turns[0] * (math.sin(turns[1]) / turns[1])
