"""Find the uniform border around a picture: padding, letterboxes and frames.

A border moves pHash by some 20 bits, so the picture inside it is looked up as well.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

Grey: TypeAlias = npt.NDArray[np.uint8]
Box: TypeAlias = tuple[int, int, int, int]

TOP = "top"

TOLERANCE = 10
"""How many grey levels a pixel of the border may differ: JPEG's noise and ringing."""

TOLERANCES = (TOLERANCE, 2, 0)
"""Half of all photographs have a nearly uniform edge of their own, such as a sky. Inside a border
they would be trimmed too far at the usual tolerance; at a smaller one, the border alone goes."""

OUTLIERS = 0.01
"""The share of a line's pixels that may differ more: specks, and ringing at corners."""

MIN_BORDER = 0.01
"""The share of a side that a border takes up at least; less is a ragged edge."""

MIN_CONTENT = 0.1
"""The share of a side that must be left: less is a mark on a blank page, not a framed picture."""

SMEAR = 8
"""Over how many pixels of a line one may spread when a JPEG is reduced: its DCT block."""

_SMALL = 1 << 16
"""The size in pixels up to which taking all pixels is faster than cropping the outermost lines."""

_EDGES = (TOP, "bottom", "left", "right")

_MAX_ROUNDS = 4  # a letterbox inside padding inside a frame, and one to spare


def content_boxes(grey: Image.Image) -> dict[int, Box]:
    """Find the picture within a uniform border, at each tolerance that makes a difference.

    Args:
        grey: mode ``L``.

    Returns:
        By tolerance in grey levels, (left, top, right, bottom) in pixels, as Pillow's ``crop``
        takes it; empty where there is no border, or nothing but border.
    """
    found: dict[int, Box] = {}
    # Only the four outermost lines, which is enough for pictures without a border
    if not any(_is_uniform(line, int(OUTLIERS * len(line))) for line in _edges(grey)):
        return found
    search = _Search(np.asarray(grey))
    boxes = {tolerance: search.box(tolerance) for tolerance in sorted(TOLERANCES)}
    for tolerance in TOLERANCES:
        box = boxes[tolerance]
        if box is not None and not any(_alike(box, other, grey.size) for other in found.values()):
            found[tolerance] = box
    return found


def _alike(box: Box, other: Box, size: tuple[int, int]) -> bool:
    """Whether no side of two boxes differs by as much as makes a border."""
    return all(
        abs(one - two) < max(2, side * MIN_BORDER)
        for one, two, side in zip(box, other, (*size, *size), strict=True)
    )


class _Search:
    """The search for borders in one picture, at one tolerance after another, the smallest first.

    A line that is uniform at one tolerance is so at every larger one, and is not looked at again.
    """

    def __init__(self, pixels: Grey) -> None:
        self._pixels = pixels
        # By rectangle and side: the level of the first line, and how many lines are uniform
        self._known: dict[tuple[int, ...], tuple[int, int]] = {}

    def box(self, tolerance: int) -> Box | None:
        """Return the picture within the border; None without a border worth the name."""
        height, width = self._pixels.shape
        left, top, right, bottom = 0, 0, width, height
        for _ in range(_MAX_ROUNDS):
            inner = left, top, right, bottom
            above, below = (self._lines(inner, side, tolerance) for side in (0, 1))
            if above + below >= bottom - top:
                return None
            top, bottom = top + above, bottom - below
            inner = left, top, right, bottom
            before, after = (self._lines(inner, side, tolerance) for side in (2, 3))
            if before + after >= right - left:
                return None
            left, right = left + before, right - after
            if not (above or below or before or after):
                break
        spare_width, spare_height = width - (right - left), height - (bottom - top)
        if spare_width < max(2, width * MIN_BORDER) and spare_height < max(2, height * MIN_BORDER):
            return None
        if right - left < width * MIN_CONTENT or bottom - top < height * MIN_CONTENT:
            return None
        return left, top, right, bottom

    def _lines(self, inner: Box, side: int, tolerance: int) -> int:
        """Count the uniform lines at a side of a rectangle: top, bottom, left or right."""
        left, top, right, bottom = inner
        pixels = self._pixels[top:bottom, left:right]
        lines = (pixels, pixels[::-1], pixels.T, pixels.T[::-1])[side]
        place = (*inner, side)
        level, count = self._known.get(place) or (_median(lines[0]), 0)
        count = _border(lines, level, tolerance, count)
        self._known[place] = level, count
        return count


def _median(line: Grey) -> int:
    levels = line.copy()
    levels.sort()
    return int(levels[len(levels) // 2])


def doubtful_edges(preview: Grey) -> list[str]:
    """Name the edges of a picture where this preview leaves open whether a border begins.

    A mark that counts as an outlier in the picture can take up more of a line in the preview, and a
    thin border keeps only one line. So one nearly uniform edge is enough. A picture whose preview
    has none has no border.

    Args:
        preview: grey values, shape (height, width).

    Returns:
        Some of ``top``, ``bottom``, ``left`` and ``right``.
    """
    edges = preview[0], preview[-1], preview[:, 0], preview[:, -1]
    return [
        name
        for name, line in zip(_EDGES, edges, strict=True)
        if _is_uniform(line, int(SMEAR * OUTLIERS * len(line)))
    ]


def is_surely_no_border(line: bytes) -> bool:
    """Tell whether a line's levels differ too much for a border, whatever is trimmed beside it.

    Borders at its ends that are too thin to show in a preview may hold some of its outliers, and
    shift its median. So no range of levels may hold nearly all of it.

    Args:
        line: an outermost line of a picture in full size, one byte a pixel.
    """
    up_to = np.cumsum(np.bincount(np.frombuffer(line, np.uint8), minlength=256))
    span = 2 * TOLERANCE + 1
    most = int((up_to[span - 1 :] - np.concatenate([[0], up_to[:-span]])).max())
    return len(line) - most > 3 * OUTLIERS * len(line)


def _edges(grey: Image.Image) -> Iterator[Grey]:
    """Yield the outermost lines in the order of ``_EDGES``."""
    width, height = grey.size
    if width * height <= _SMALL:
        pixels = np.asarray(grey)
        yield from (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
        return
    for edge in (
        (0, 0, width, 1),
        (0, height - 1, width, height),
        (0, 0, 1, height),
        (width - 1, 0, width, height),
    ):
        yield np.asarray(grey.crop(edge)).ravel()


def _is_uniform(line: Grey, outliers: int) -> bool:
    """Check one line as ``_border`` does, in a tenth of the time.

    A few pixels settle most lines: apart from the outliers allowed at either end, they must lie
    within the tolerance.
    """
    few = line[:: len(line) // (3 * outliers + 3) or 1].copy()
    few.sort()
    if few.item(-1 - outliers) - few.item(outliers) > 2 * TOLERANCE:
        return False
    levels = np.sort(line).tobytes()
    level = levels[len(levels) // 2]
    inside = bisect_right(levels, level + TOLERANCE) - bisect_left(levels, level - TOLERANCE)
    return len(levels) - inside <= outliers


def _border(lines: Grey, level: int, tolerance: int, count: int) -> int:
    """Count the first lines, shape (lines, pixels), that have a level nearly everywhere.

    The first ``count`` are known to be such lines.
    """
    most = OUTLIERS * lines.shape[1]
    darkest, lightest = max(level - tolerance, 0), min(level + tolerance, 255)
    low, span = np.uint8(darkest), np.uint8(lightest - darkest)
    step = 1
    while count < len(lines):
        # In growing steps: little work without a border, few calls for a thick one
        chunk = lines[count : count + step]
        far = chunk - low > span  # darker ones wrap around
        if step == 1:
            uniform = np.count_nonzero(far) <= most
        else:
            outliers = _counts(far)
            uniform = bool(outliers.max() <= most)
        if not uniform:
            return count if step == 1 else count + int((outliers > most).argmax())
        count += len(chunk)
        step = min(4 * step, 64)
    return count


def _counts(far: npt.NDArray[np.bool_]) -> npt.NDArray[np.unsignedinteger]:
    """Count what is set in each line. Columns lie side by side, so many are counted at a time."""
    counts: npt.NDArray[np.unsignedinteger]
    if far.flags.c_contiguous:
        counts = np.bitwise_count(np.packbits(far, axis=1)).sum(axis=1)
    else:
        counts = np.add.reduce(far.T.view(np.uint8), axis=0, dtype=np.uint16)
    return counts
