"""Yield the views of a frame: every reading of its pixels that could be on a list.

A view is a chain of readings, and its name lists them: ``stored`` alone, or ``upright``,
``over-white``, ``scaled``, ``trimmed``, ``frame:2`` and so on, joined by ``+``
(``over-white+trimmed``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from hashmatch.examine.decode.border import TOLERANCE, content_boxes, doubtful_edges
from hashmatch.examine.decode.shrink import shrink, shrink_exactly
from hashmatch.examine.decode.wide import WIDE_MODES, scaled

Grey: TypeAlias = npt.NDArray[np.uint8]

STORED = "stored"
TRIMMED = "trimmed"
UPRIGHT = "upright"
CROP = "crop-90"
SAMPLE = "sample"
SCREEN = "screen"

_ORIENTATION_TAG = 0x0112

_UPRIGHT = {
    2: "mirror",
    3: "rotate-180",
    4: "flip",
    5: "transpose",
    6: "rotate-270",
    7: "transverse",
    8: "rotate-90",
}
_TRANSPOSES = {
    "mirror": Image.Transpose.FLIP_LEFT_RIGHT,
    "flip": Image.Transpose.FLIP_TOP_BOTTOM,
    "rotate-180": Image.Transpose.ROTATE_180,
    "rotate-90": Image.Transpose.ROTATE_90,
    "rotate-270": Image.Transpose.ROTATE_270,
    "transpose": Image.Transpose.TRANSPOSE,
    "transverse": Image.Transpose.TRANSVERSE,
}


def _turned(pixels: Grey) -> Grey:
    """Exchange rows and columns; colours, if any, stay together."""
    return pixels.swapaxes(0, 1)


# The other seven symmetries of the square: whether the axes swap, and what to do to pixels
_MIRRORS: dict[str, tuple[bool, Callable[[Grey], Grey]]] = {
    "mirror": (False, lambda grey: grey[:, ::-1]),
    "flip": (False, lambda grey: grey[::-1]),
    "rotate-180": (False, lambda grey: grey[::-1, ::-1]),
    "rotate-90": (True, lambda grey: _turned(grey)[::-1]),
    "rotate-270": (True, lambda grey: _turned(grey)[:, ::-1]),
    "transpose": (True, _turned),
    "transverse": (True, lambda grey: _turned(grey)[::-1, ::-1]),
}

_CROPS = (
    ("centre", 0.5, 0.5),
    ("top-left", 0.0, 0.0),
    ("top-right", 1.0, 0.0),
    ("bottom-left", 0.0, 1.0),
    ("bottom-right", 1.0, 1.0),
)
"""Where a crop lies: its name, and its share of the spare pixels at the left and at the top."""

_SPREAD = (0.8191725134, 0.6710436067, 0.5497004779)
"""Steps that fill a cube evenly: powers of the root of ``x ** 4 == x + 1`` (M. Roberts, "The
Unreasonable Effectiveness of Quasirandom Sequences", 2018)."""

_GAP = 1.5
"""How many times larger than the grid a picture stays when blocks of pixels are averaged first.

At this gap, no quality moved by more than 4 of 100.
"""


class View:
    """One reading of a frame, at whatever size a hash takes.

    Args:
        name: which reading.
        picture: mode ``L``.
        colour: returns the same in RGB, for the few hashes that take it.

    Attributes:
        name: which reading.
    """

    def __init__(
        self, name: str, picture: Image.Image | None, colour: Callable[[], Image.Image]
    ) -> None:
        self.name = name
        self._picture = picture
        self._colour = colour
        self._small: dict[tuple[int, int], Grey] = {}
        self._details: dict[int, Grey] = {}

    @property
    def picture(self) -> Image.Image:
        """The reading in mode ``L``."""
        assert self._picture is not None  # noqa: S101 # only a preview makes it when asked
        return self._picture

    def then(self, step: str, change: Callable[[Image.Image], Image.Image]) -> View:
        """Return the reading that goes one step further."""
        return View(join(self.name, step), change(self.picture), lambda: change(self._colour()))

    def grey(self, width: int, height: int) -> Grey:
        """Return grey values, uint8 of shape (height, width), resized as ``imagehash`` does."""
        size = (width, height)
        if size not in self._small:
            self._small[size] = self._shrunk(*size)
        return self._small[size]

    def _shrunk(self, width: int, height: int) -> Grey:
        return shrink_exactly(self.picture, width, height)

    def whole(self, *, colour: bool = False) -> Grey:
        """Return all pixels: uint8 of shape (height, width), or (height, width, 3) in RGB."""
        return np.asarray(self._colour() if colour else self.picture)

    def detail(self, side: int) -> Grey:
        """Return grey values, uint8 of shape (side, side), smoothed by a tent filter as PDQ does.

        Large pictures are first averaged over whole blocks of pixels, which takes half the time.
        """
        if side not in self._details:
            size = (side, side)
            smoothed = self.picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=_GAP)
            self._details[side] = np.asarray(smoothed)
        return self._details[side]

    def mirrors(self) -> Iterator[MirrorView]:
        """Yield the other seven symmetries of this view, from its small grey values alone."""
        return _mirrors(self)

    def crops(self, count: int) -> Iterator[View]:
        """Crops of 90% of each side: the centre first, then at the corners."""
        width, height = self.picture.size
        spare_width, spare_height = width // 10, height // 10
        for name, across, down in _CROPS[:count]:
            left, top = int(spare_width * across), int(spare_height * down)
            box = (left, top, left + width - spare_width, top + height - spare_height)
            yield self.then(f"{CROP}-{name}", partial(Image.Image.crop, box=box))

    def samples(self, count: int) -> Iterator[View]:
        """Crops of 40 to 80% of each side, evenly spread: other pictures of the same kind."""
        width, height = self.picture.size
        for number in range(count):
            share, across, down = (number * step % 1 for step in _SPREAD)
            size = [max(1, round(side * (0.4 + 0.4 * share))) for side in (width, height)]
            left, top = round(across * (width - size[0])), round(down * (height - size[1]))
            box = (left, top, left + size[0], top + size[1])
            yield self.then(f"{SAMPLE}-{number + 1}", partial(Image.Image.crop, box=box))


class Preview(View):
    """A view of grey pixels that are cheap to decode, whose grid may be a rounding off.

    Args:
        name: which reading.
        pixels: shape (height, width).
        size: width and height before libjpeg rounded them up. To take the rest for a part of the
            picture would stretch it by up to a pixel, and move hashes further than all else does.
    """

    def __init__(self, name: str, pixels: Grey, size: tuple[float, float]) -> None:
        self._pixels = pixels
        self._size = size
        super().__init__(name, None, lambda: self.picture.convert("RGB"))

    @property
    def picture(self) -> Image.Image:
        """The same pixels, mode ``L``. Most previews are hashed without."""
        if self._picture is None:
            height, width = self._pixels.shape
            pixels = np.ascontiguousarray(self._pixels)
            self._picture = Image.frombuffer("L", (width, height), pixels, "raw", "L", 0, 1)
        return self._picture

    @property
    def doubtful_edges(self) -> list[str]:
        """The edges at which the picture may have a border."""
        return doubtful_edges(self._pixels)

    def turned(self, step: str, how: str) -> MirrorView:
        """Return one of the other seven symmetries by its name, from small grey values alone."""
        return MirrorView(join(self.name, step), self, *_MIRRORS[how])

    def _shrunk(self, width: int, height: int) -> Grey:
        return shrink(self._pixels, width, height, self._size)


class MirrorView:
    """A flip or a quarter turn of another view."""

    def __init__(
        self, name: str, view: View | MirrorView, swaps: bool, turn: Callable[[Grey], Grey]
    ) -> None:
        self.name = name
        self._view = view
        self._swaps = swaps
        self._turn = turn

    def grey(self, width: int, height: int) -> Grey:
        """Return grey values, uint8 of shape (height, width), of the turned view."""
        size = (height, width) if self._swaps else (width, height)
        return self._turn(self._view.grey(*size))

    def whole(self, *, colour: bool = False) -> Grey:
        """Return all pixels of the turned view, as ``View.whole`` does."""
        return np.ascontiguousarray(self._turn(self._view.whole(colour=colour)))

    def detail(self, side: int) -> Grey:
        """Return those of the view itself: the amount of detail has no direction."""
        return self._view.detail(side)

    def mirrors(self) -> Iterator[MirrorView]:
        """Yield the other seven symmetries of this view."""
        return _mirrors(self)


def _mirrors(view: View | MirrorView) -> Iterator[MirrorView]:
    for name, (swaps, turn) in _MIRRORS.items():
        yield MirrorView(join(view.name, name), view, swaps, turn)


def as_preview(frame: Image.Image) -> Grey:
    """Return the pixels of a decoded frame as ``previews`` takes them."""
    return np.asarray(_as_imagehash_reads(frame))


def upright_turn(frame: Image.Image) -> str | None:
    """Name the turn or flip that Exif asks for; None if there is none."""
    return _UPRIGHT.get(_orientation(frame))


def previews(
    pixels: Grey, size: tuple[float, float], upright: str | None
) -> tuple[list[View | MirrorView], list[str]]:
    """Return the views of a JPEG's preview.

    Args:
        pixels: grey values, shape (height, width).
        size: width and height of the picture in these pixels, up to one less than there are.
        upright: as ``upright_turn`` names it.

    Returns:
        The views, which are all if the picture has no border; and its edges where it may have one.
    """
    stored = Preview(STORED, pixels, size)
    found: list[View | MirrorView] = [stored]
    if upright is not None:
        found.append(stored.turned(UPRIGHT, upright))
    return found, stored.doubtful_edges


def views(
    frame: Image.Image, name: str = STORED, shown: tuple[int, int] | None = None
) -> Iterator[View]:
    """Yield the views of one decoded frame, the frame as ``imagehash`` reads it first.

    Args:
        frame: decoded pixels.
        name: the frame's, such as ``frame:2``.
        shown: width and height of the part that viewers show, from the upper left corner; None for
            the whole frame.
    """
    if shown is not None and shown != frame.size:
        yield from views(frame.crop((0, 0, *shown)), join(name, SCREEN))
    stored, visible = _readings(name, frame)
    yield stored
    for view in visible:
        if view is not stored:
            yield view
        for tolerance, box in content_boxes(view.picture).items():
            step = TRIMMED if tolerance == TOLERANCE else f"{TRIMMED}-{tolerance}"
            yield view.then(step, partial(Image.Image.crop, box=box))


def _readings(name: str, frame: Image.Image) -> tuple[View, list[View]]:
    """Return the frame as ``imagehash`` reads it, and as people see it, which may be the same."""
    stored = View(name, _as_imagehash_reads(frame), partial(_in_colour, frame))
    visible = _visible(stored, frame)
    upright = upright_turn(frame)
    if upright is not None:  # some viewers turn it, others do not
        turn = _TRANSPOSES[upright]
        visible += [view.then(UPRIGHT, lambda image: image.transpose(turn)) for view in visible]
    return stored, visible


def _visible(stored: View, frame: Image.Image) -> list[View]:
    """Return what people see of the frame."""
    if frame.mode not in WIDE_MODES:
        return _over_backgrounds(stored.name, frame) or [stored]
    found: list[View] = []
    key = frame.info.get("transparency")
    for step, grey in scaled(frame):
        view = View(join(stored.name, step), grey, partial(grey.convert, "RGB"))
        found.append(view)
        if isinstance(key, int):
            shown = grey.copy()
            opaque = np.where(np.asarray(frame) == key, np.uint8(0), np.uint8(255))
            shown.putalpha(Image.fromarray(opaque))
            found += _over_backgrounds(view.name, shown)
    return found


def _over_backgrounds(name: str, frame: Image.Image) -> list[View]:
    """Lay the frame over white and over black; return nothing if it is opaque."""
    alpha = _alpha(frame)
    if alpha is None:
        return []
    return [
        View(join(name, f"over-{colour}"), over.convert("L"), partial(over.convert, "RGB"))
        for colour in ("white", "black")
        for over in (Image.alpha_composite(Image.new("RGBA", alpha.size, colour), alpha),)
    ]


def join(name: str, step: str) -> str:
    """The name of the reading that goes one step further than the named one."""
    return step if name == STORED else f"{name}+{step}"


def _in_colour(frame: Image.Image) -> Image.Image:
    return _without_transparency(frame).convert("RGB")


def _as_imagehash_reads(frame: Image.Image) -> Image.Image:
    return frame if frame.mode == "L" else _without_transparency(frame).convert("L")


def _without_transparency(frame: Image.Image) -> Image.Image:
    """Drop a palette's transparency, as Pillow would, with a warning."""
    if frame.mode != "P" or not isinstance(frame.info.get("transparency"), bytes):
        return frame
    frame = frame.copy()
    del frame.info["transparency"]
    return frame


def _alpha(frame: Image.Image) -> Image.Image | None:
    """Return the frame as RGBA, or None if it is opaque."""
    if not frame.has_transparency_data:
        return None
    rgba = frame.convert("RGBA")
    opaque = rgba.getchannel("A").histogram()[255]
    return rgba if opaque < rgba.width * rgba.height else None


def _orientation(frame: Image.Image) -> int:
    try:
        return int(frame.getexif().get(_ORIENTATION_TAG, 1))
    except (SyntaxError, ValueError, TypeError, LookupError, OSError, ArithmeticError, Warning):
        return 1  # viewers show a picture with broken EXIF as it is stored
