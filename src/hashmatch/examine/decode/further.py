"""Further readings of a frame: what was changed about a picture, undone.

Uploads show a listed picture inside something larger, a little askew, turned by a quarter, or
without its margins. Each reading here undoes one such change: ``inner`` takes a picture out of what
surrounds it, ``askew`` turns it, ``grown`` continues it beyond its edges as if it had been cropped,
and ``quarter`` exchanges its rows and columns. By so many readings, chance brings every picture
near some entry; so they count only where two hashes agree.

``inner`` is cut from the frame itself. All others are made from one small copy, or from a grid that
has been hashed already: shrinking and growing are sums over rows and columns, so each reading takes
two small products of matrices.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from itertools import product
from math import cos, radians, sin
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from hashmatch.examine.decode.border import Box, content_boxes
from hashmatch.examine.decode.inside import find_inside
from hashmatch.examine.decode.shrink import lanczos_weights
from hashmatch.examine.decode.views import MirrorView, View, join
from hashmatch.model import ASKEW, GROWN, INNER, QUARTER

Grey: TypeAlias = npt.NDArray[np.uint8]
Real: TypeAlias = npt.NDArray[np.float32]

SIDE = 128
"""Pixels of a side of the small copy: twice the grid of the largest hash."""

ANGLES = (2.5, 5.0, 7.5)
"""Degrees to turn by, to either side."""

MARGINS = (5, 10, 20)
"""Percent of each side of the listed picture that the upload may lack."""

_PLACES = (("left", 0.0), ("", 0.5), ("right", 1.0))
_HEIGHTS = (("top", 0.0), ("", 0.5), ("bottom", 1.0))

_ROOM = SIDE // 8
"""Pixels by which the small copy is continued before it is turned."""

FIXED = 2 * len(ANGLES) + len(MARGINS) * len(_PLACES) * len(_HEIGHTS)
"""Readings of each frame that do not depend on what it shows."""


class SmallView:
    """A reading that has only the grey values of a small copy of its frame.

    Args:
        name: which reading.
        source: the view that it is a reading of. It shows about the same detail.
        small: grey values, shape (SIDE, SIDE), whatever the shape of the picture.
        down: how to continue the rows at the top and at the bottom, shape (SIDE, SIDE).
        across: the same for columns.
    """

    def __init__(
        self, name: str, source: View | MirrorView, small: Real, down: Real, across: Real
    ) -> None:
        self.name = name
        self.source = source
        self._small = small
        self._down = down
        self._across = across

    def grey(self, width: int, height: int) -> Grey:
        """Return grey values, uint8 of shape (height, width)."""
        down, across = lanczos_weights(SIDE, height, SIDE).T, lanczos_weights(SIDE, width, SIDE)
        return _to_grey((down @ self._down) @ self._small @ (self._across.T @ across))

    def whole(self, *, colour: bool = False) -> Grey:
        """Return all pixels of the small copy: uint8, in RGB with ``colour``."""
        return _coloured(_to_grey(self._down @ self._small @ self._across.T), colour=colour)

    def detail(self, side: int) -> Grey:
        """Return those of the view itself."""
        return self.source.detail(side)


class QuarterView(MirrorView):
    """The view with its rows and columns exchanged, from a grid that is hashed anyway.

    With the mirror images that follow from its hashes, it stands for both quarter turns. Its grids
    are not quite those of the turned pixels, which costs a few bits.
    """

    def __init__(self, view: View | MirrorView) -> None:
        super().__init__(join(view.name, QUARTER), view, swaps=True, turn=np.transpose)
        self.source = view

    def grey(self, width: int, height: int) -> Grey:
        """Return grey values, uint8 of shape (height, width)."""
        if width == height:
            return super().grey(width, height)
        side = 4 * min(width, height)  # what a pHash of as many bits takes
        down, across = (lanczos_weights(side, count, side) for count in (height, width))
        return _to_grey(down.T @ super().grey(side, side).astype(np.float32) @ across)

    def whole(self, *, colour: bool = False) -> Grey:
        """Return a small square in place of all pixels: this view is for hashes that have a grid.

        Its shape is (64, 64), or (64, 64, 3) in RGB with ``colour``.
        """
        return _coloured(super().grey(64, 64), colour=colour)


def further_views(view: View) -> Iterator[View | SmallView]:
    """Yield the readings of one view that ``views="thorough"`` asks for."""
    for number, box in enumerate(find_inside(view.picture), 1):
        cut = partial(Image.Image.crop, box=_without_rim(view.picture, box))
        yield view.then(f"{INNER}-{number}", cut)
    reduced = view.picture.resize((SIDE, SIDE), Image.Resampling.BOX)
    small = np.asarray(reduced).astype(np.float32)
    same = np.eye(SIDE, dtype=np.float32)
    for degrees, (side, sign) in product(ANGLES, (("left", 1), ("right", -1))):
        name = join(view.name, f"{ASKEW}-{degrees:g}-{side}")
        yield SmallView(name, view, _turned(small, sign * degrees, view.picture.size), same, same)
    for margin, (height, top), (place, left) in product(MARGINS, _HEIGHTS, _PLACES):
        step = "-".join(filter(None, (GROWN, str(margin), height, place)))
        down, across = _growth(margin, top), _growth(margin, left)
        yield SmallView(join(view.name, step), view, small, down, across)


def _without_rim(picture: Image.Image, box: Box) -> Box:
    """Leave out what is left of the surroundings, such as the rim of a bubble."""
    left, top, _, _ = box
    for inner in content_boxes(picture.crop(box)).values():
        return left + inner[0], top + inner[1], left + inner[2], top + inner[3]
    return box


def _turned(small: Real, degrees: float, size: tuple[int, int]) -> Real:
    """Turn a small copy anticlockwise, as its picture of this width and height would be.

    What was outside of the picture continues its edges.
    """
    wide, shape = np.pad(small, _ROOM, mode="edge"), (SIDE, SIDE)
    turn, ratio = radians(degrees), size[1] / size[0]
    right, down = (cos(turn), -sin(turn) * ratio), (sin(turn) / ratio, cos(turn))
    middle, start = SIDE / 2, SIDE / 2 + _ROOM
    offsets = (start - (row[0] + row[1]) * middle for row in (right, down))
    coefficients = [
        end for row, at in zip((right, down), offsets, strict=True) for end in (*row, at)
    ]
    turned = Image.fromarray(wide).transform(
        shape, Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR
    )
    return np.asarray(turned)


@cache
def _growth(margin: int, before: float) -> Real:
    """How to continue rows or columns of which ``margin`` percent are missing; (SIDE, SIDE).

    Args:
        margin: of the grown picture, in percent.
        before: how much of that is missing before the first: 0 for nothing, 1 for all.
    """
    missing = SIDE * margin / (100 - margin)
    place = (np.arange(SIDE) + 0.5) * (SIDE + missing) / SIDE - missing * before - 0.5
    place = place.clip(0, SIDE - 1)
    first = np.minimum(place.astype(np.intp), SIDE - 2)
    found = np.zeros((SIDE, SIDE), dtype=np.float32)
    found[np.arange(SIDE), first] = 1 - (place - first)
    found[np.arange(SIDE), first + 1] = place - first
    return found


def _to_grey(values: npt.NDArray[np.floating]) -> Grey:
    return (values + 0.5).clip(0, 255).astype(np.uint8)


def _coloured(grey: Grey, *, colour: bool) -> Grey:
    return np.repeat(grey[:, :, None], 3, axis=2) if colour else grey
