"""Find the pictures inside a frame: in a screenshot, a chat, a story, a collage, below a caption.

What surrounds a picture there is plain, so it has few levels that cover much of the frame, each
without texture. The frame is cut along rows and columns that hold nothing else, again and again,
until none are left. What has no plain surroundings, such as a picture on a blurred copy of itself,
is cut where all of a row or column differs from the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

Box: TypeAlias = tuple[int, int, int, int]
Grey: TypeAlias = npt.NDArray[np.uint8]
Flags: TypeAlias = npt.NDArray[np.bool_]
Ends: TypeAlias = Sequence[Sequence[int]]
Find: TypeAlias = Callable[[Any], Ends | None]

MOST = 6
"""Pictures to return at most, the largest first."""

LEAST_SHARE = 0.06
"""The share of the frame that a picture covers at least."""

LEAST_SIDE = 48
"""Pixels of the copy that either side of a picture has at least."""

_LONGEST = 512
"""Pixels of the longer side of the copy that is cut."""

_PLAIN = 3
"""Grey levels by which neighbours differ at most where there is no texture."""

_BIN = 4
"""Grey levels that count as one."""

_COMMON = 0.03
"""The share of the frame that one level covers at least to count as surroundings."""

_LEVELS = 3
"""How many levels the surroundings have at most: a page, a bubble, a bar. A blurred picture has
many more."""

_SPECKS = 0.02
"""The share of a row or column that may be anything, where the rest is plain."""

_DEPTH = 6

_SEAMS = 2
"""How often to cut along seams: across, and down what remains."""

_STEP = 6
"""Grey levels by which most of a row differs from the next at a seam."""

_SHARPER = 2.5
"""How many times more than between the rows beside it."""

_SEEN = 4
"""Of how many pixels of a row one is looked at, to find a seam."""


def find_inside(grey: Image.Image) -> list[Box]:
    """Find the pictures inside a frame.

    Args:
        grey: mode ``L``.

    Returns:
        (left, top, right, bottom) of each in pixels, as Pillow's ``crop`` takes it, the largest
        first. The whole frame is not among them.
    """
    factor = -(-max(grey.size) // _LONGEST)
    pixels = np.asarray(grey.reduce(factor) if factor > 1 else grey)
    height, width = pixels.shape
    plain = _plain(pixels)
    found = [
        (left, top, right, bottom)
        for left, top, right, bottom in _parts(pixels, plain, (0, 0, width, height), _DEPTH)
        if min(right - left, bottom - top) >= LEAST_SIDE
        and LEAST_SHARE * width * height <= (right - left) * (bottom - top) <= 0.95 * width * height
    ]
    found.sort(key=lambda box: (box[0] - box[2]) * (box[3] - box[1]))
    return [_enlarged(box, factor, grey.size) for box in found[:MOST]]


def _enlarged(box: Box, factor: int, size: tuple[int, int]) -> Box:
    left, top, right, bottom = (factor * end for end in box)
    return left, top, min(right, size[0]), min(bottom, size[1])


def _plain(pixels: Grey) -> Flags:
    """Tell which pixels have no texture, and a level that much of the frame has."""
    level = pixels.astype(np.int16)
    even = np.ones(pixels.shape, dtype=np.bool_)
    across = np.abs(level[:, 1:] - level[:, :-1]) <= _PLAIN
    down = np.abs(level[1:] - level[:-1]) <= _PLAIN
    even[:, 1:] &= across
    even[:, :-1] &= across
    even[1:] &= down
    even[:-1] &= down
    bins = pixels // _BIN
    counts = np.bincount(bins[even], minlength=256 // _BIN)
    common = np.zeros(256 // _BIN, dtype=np.bool_)
    for _ in range(_LEVELS):
        level_most = int(counts.argmax())
        beside = slice(max(0, level_most - 1), level_most + 2)  # it may lie between two bins
        if counts[beside].sum() < _COMMON * pixels.size:
            break
        common[beside] = True
        counts[beside] = 0
    return common[bins]


def _parts(pixels: Grey, plain: Flags, box: Box, depth: int) -> Iterator[Box]:
    """Cut a region until nothing is left to cut, and yield what remains.

    A seam may as well belong to the picture, so what is cut there is yielded uncut, too.
    """
    left, top, right, bottom = box
    if min(right - left, bottom - top) < LEAST_SIDE:
        return
    if depth:
        cut = _cut(_gaps, plain, box) or _cut(_gaps, _with_own(pixels, plain, box), box)
        if cut is None and (cut := _cut(_seams, pixels, box)):
            yield box
            depth = min(depth, _SEAMS)
        if cut is not None:
            for part in cut:
                yield from _parts(pixels, plain, part, depth - 1)
            return
    yield box


def _cut(find: Find, pixels: Grey | Flags, box: Box) -> list[Box] | None:
    """Cut a region along rows, or else along columns; None if there is nothing to cut."""
    left, top, right, bottom = box
    region = pixels[top:bottom, left:right]
    rows = find(region)
    if rows is not None:
        return [(left, top + first, right, top + end) for first, end in rows]
    columns = find(region.T)
    if columns is not None:
        return [(left + first, top, left + end, bottom) for first, end in columns]
    return None


def _with_own(pixels: Grey, plain: Flags, box: Box) -> Flags:
    """Count the levels that much of this region has as plain, too, such as that of a bubble."""
    left, top, right, bottom = box
    place = np.s_[top:bottom, left:right]
    both = plain.copy()
    both[place] |= _plain(pixels[place])
    return both


def _gaps(plain: Flags) -> Ends | None:
    """The parts between plain rows; None if there is no such row."""
    filled = (~plain).mean(axis=1) > _SPECKS
    if filled.all():
        return None
    edges = np.flatnonzero(np.diff(np.concatenate([[False], filled, [False]]).astype(np.int8)))
    return edges.reshape(-1, 2).tolist()


def _seams(pixels: Grey) -> Ends | None:
    """The parts between rows that differ from the next one nearly everywhere."""
    lines = pixels[:, ::_SEEN].astype(np.int16)
    apart = np.abs(lines[1:] - lines[:-1])
    middle = apart.shape[1] * 2 // 5
    step = np.partition(apart, middle, axis=1)[:, middle]
    beside = np.zeros(len(step) + 6, dtype=np.int16)
    beside[3:-3] = step
    around = np.max([beside[at : at + len(step)] for at in (0, 1, 5, 6)], axis=0)
    seams = np.flatnonzero((step >= _STEP) & (step > _SHARPER * around)) + 1
    margin = LEAST_SIDE // 4
    seams = seams[(seams >= margin) & (seams <= len(lines) - margin)]
    return list(pairwise([0, *seams.tolist(), len(lines)])) if len(seams) else None
