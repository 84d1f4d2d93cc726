"""Decode the frames of a picture within limits, and never pass part of a file for all of it."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageFile

from hashmatch.errors import DecodeError, needs
from hashmatch.examine.decode.border import TOP, is_surely_no_border
from hashmatch.examine.decode.decoders import load_decoders, missing
from hashmatch.examine.decode.formats import SNIFF_BYTES, decoder_of, sniff
from hashmatch.examine.decode.hidden import find_hidden
from hashmatch.examine.decode.jpeg import PlainJpeg
from hashmatch.examine.decode.opening import (
    DECODER_ERRORS,
    check_size,
    classified,
    open_as,
    open_first,
)
from hashmatch.examine.decode.quick import quick_grey, quick_pixels, top_row
from hashmatch.examine.decode.quick_png import quick_png
from hashmatch.examine.decode.quick_webp import quick_webp
from hashmatch.examine.decode.truncation import ends_early
from hashmatch.examine.decode.views import (
    STORED,
    TRIMMED,
    Grey,
    MirrorView,
    View,
    as_preview,
    previews,
    upright_turn,
    views,
)
from hashmatch.model import Reason
from hashmatch.options import Limits

LEAST_SIDE = 128
"""The least pixels on the short side for a preview. Smaller pictures take no longer to decode in
full, and a preview would move their hashes too far."""

PREVIEW_SIDE = 240
"""The least pixels on the short side of a reduced preview: below, hashes move too far."""

# Their decoders say nothing if the file was cut, if only after the last pixel, or were given what
# was missing
_SILENT_WHEN_CUT = frozenset(
    {"CUR", "GIF", "ICO", "JPEG", "JPEG2000", "PNG", "PNM", "TIFF", "WEBP"}
)

# The rest of what Pillow calls frames of theirs are layers
_ONE_FRAME = frozenset({"PSD"})


@dataclass(slots=True)
class Picture:
    """An opened picture: its header is read and within the limits, its pixels are not read yet.

    Attributes:
        format: by content; ``MPO`` for a JPEG that holds several pictures.
        width: pixels of the first frame, as stored.
        height: pixels of the first frame, as stored.
    """

    format: str
    width: int
    height: int
    _opened: Image.Image | None  # None where it is to be opened, maybe once more
    _data: bytes
    _limits: Limits
    _feed: bytes = b""  # what the decoder gets in place of the data
    _plain: PlainJpeg | None = None  # it is a JPEG of which nothing is missing
    _kept: list[View] | None = None  # those of the frame that a quick decoder decoded in full

    def views(self) -> Iterator[list[View]]:
        """Decode frame by frame, and yield the views of each.

        They are valid until the next frame is requested. Each call starts with the first frame.

        Raises:
            DecodeError: no more frames could be decoded within the limits.
        """
        if (found := self._quick_views()) is not None:
            yield found
            return
        try:
            start = self._image.tell()
        except DecodeError:  # its header is not worth much, either
            self.width = self.height = 0
            raise
        failure: DecodeError | None = None
        try:
            yield from self._frames()
        except DecodeError as error:
            failure = error.bare()
        finally:
            if self._data:
                self._opened = None
            else:  # the caller's own picture: leave it at its frame
                with suppress(*DECODER_ERRORS):
                    self._image.seek(start)
        yield from self._hidden(failure)

    @property
    def _image(self) -> Image.Image:
        """The picture as its decoder has opened it."""
        if self._opened is None:
            with classified(self.format, self._data):
                self._opened = Image.open(BytesIO(self._feed), formats=(self.format,))
        return self._opened

    def _quick_views(self) -> list[View] | None:
        """Decode the only frame of a plain file, if a quick decoder can, and keep its views."""
        if self._kept is None and (frame := self._quick_frame()) is not None:
            self._kept = list(views(frame))
        return self._kept

    def _quick_frame(self) -> Image.Image | None:
        if self.format == "PNG":
            return quick_png(self._data)
        if self.format == "WEBP":
            return quick_webp(self._data)
        if self._plain is None:
            return None
        frame = quick_pixels(self._data, self._plain)
        if frame is not None and self._plain.has_metadata:
            frame.info = self._image.info  # which says which side is up
        return frame

    def _frames(self) -> Iterator[list[View]]:
        number = 0
        shown = _screen(self._data) if self.format == "GIF" else None
        while self._seek(number):
            if number == self._limits.max_frames:
                raise DecodeError(Reason.FRAME_LIMIT, f"more than {self._limits.max_frames} frames")
            check_size(self._image.size, self.format, self._limits)
            with classified(self.format, self._data):
                self._image.load()
                name = f"frame:{number}" if number else STORED
                found = list(views(self._image, name, shown))
            yield found
            number += 1
        if self._is_cut() or number < self._announced():
            raise DecodeError(Reason.TRUNCATED, "the file is truncated")

    def _hidden(self, failure: DecodeError | None) -> Iterator[list[View]]:
        """Yield the views of pictures that the decoder passes over.

        Raises:
            DecodeError: ``failure``, or the reason why some could not be decoded.
        """
        hidden = find_hidden(self.format, self._data, self._limits.max_frames)
        most = self._limits.max_frames
        for name, decoder, data in hidden.pictures[:most]:
            try:
                image, _ = open_as(decoder, data, self.format, self._limits, self._data)
                with classified(self.format, self._data):
                    image.load()
                    found = list(views(image, name))
                yield found
            except DecodeError as error:
                failure = failure or error.bare()
        if failure is None and len(hidden.pictures) > most:
            failure = DecodeError(Reason.FRAME_LIMIT, f"more than {most} pictures inside")
        if failure is None and hidden.left_out is not None:
            failure = DecodeError(Reason.UNSUPPORTED_FORMAT, hidden.left_out, format=self.format)
        if failure is not None:
            raise failure.bare()

    def _is_cut(self) -> bool:
        """Tell whether the file was cut, for decoders that do not say so."""
        if self._plain is not None:
            return False
        # What the host may have set for pictures of its own, and in all of its threads
        silent = ImageFile.LOAD_TRUNCATED_IMAGES or self.format in _SILENT_WHEN_CUT
        return silent and ends_early(self.format, self._data)

    def _announced(self) -> int:
        """Return how many frames there should be, if that is known without decoding them all."""
        if self.format == "GIF" or self.format in _ONE_FRAME:
            return 1
        with classified(self.format, self._data):
            return int(getattr(self._image, "n_frames", 1))

    def preview(self) -> list[View | MirrorView] | None:
        """Decode a JPEG in a fraction of the time, and yield its views.

        libjpeg decodes a large one at reduced scale within its DCT; the short side keeps at least
        ``PREVIEW_SIDE`` pixels. Of others it decodes the luma alone, which saves a little. Hashes
        of these views are a few bits off the exact ones.

        Where it leaves open whether there is a border, the full picture decides.

        Returns:
            None if there is no preview, if it fails, or if there is a border: decode in full.
        """
        if self.format != "JPEG" or not self._data or min(self.width, self.height) < LEAST_SIDE:
            return None
        if self._plain is not None:
            quick = quick_grey(self._data, self._plain, _scale(self.width, self.height))
            if quick is not None:
                upright = upright_turn(self._image) if self._plain.has_metadata else None
                return self._unless_bordered(quick, upright)
        try:
            with classified(self.format, self._data):
                image, self._opened = self._image, None  # which gives nothing else after this
                image.draft("RGB" if self.reduces else "L", (PREVIEW_SIDE, PREVIEW_SIDE))
                image.load()
                if self._is_cut():
                    return None
                return self._unless_bordered(as_preview(image), upright_turn(image))
        except DecodeError:
            return None

    def _unless_bordered(self, pixels: Grey, upright: str | None) -> list[View | MirrorView] | None:
        """Return the views of a preview, if the picture is sure to have no border."""
        found, edges = previews(pixels, self._preview_size(), upright)
        if edges == [TOP] and self._plain is not None:
            row = top_row(self._data, self._plain)
            if row is not None and is_surely_no_border(row):
                return found
        return None if edges and self._has_border() else found

    def _has_border(self) -> bool:
        """Decode the picture in full, and tell whether any of its views is trimmed."""
        found = self._quick_views()
        if found is None:
            with classified(self.format, self._data):
                self._image.load()
                found = list(views(self._image))
        return any(TRIMMED in view.name for view in found)

    def _preview_size(self) -> tuple[float, float]:
        """Width and height of a preview, before libjpeg rounds them up."""
        scale = _scale(self.width, self.height)
        return self.width / scale, self.height / scale

    @property
    def reduces(self) -> bool:
        """Whether a preview is at reduced scale."""
        return min(self.width, self.height) >= 2 * PREVIEW_SIDE

    def _seek(self, number: int) -> bool:
        if self.format in _ONE_FRAME:
            return number == 0
        try:
            with classified(self.format, self._data, passing=EOFError):
                # Even this can decode, and so fail
                if number or getattr(self._image, "is_animated", False):
                    self._image.seek(number)
        except EOFError:
            return False
        return True


def open_picture(
    data: bytes, formats: frozenset[str], limits: Limits, plain: PlainJpeg | None = None
) -> Picture | None:
    """Open a picture by its content, and read only its header.

    Returns:
        None if ``data`` is not a picture of any known format.

    Raises:
        DecodeError: it is a picture, but cannot be examined.
    """
    name = sniff(data[:SNIFF_BYTES]) if plain is None else "JPEG"
    if name is None:
        return None
    if len(data) > limits.max_bytes:
        raise DecodeError(Reason.TOO_LARGE, f"more than {limits.max_bytes} bytes", format=name)
    wanted = decoder_of(name)
    if wanted not in formats:
        raise DecodeError(Reason.UNSUPPORTED_FORMAT, f"{name} is not decoded", format=name)
    if lacking := missing(wanted):
        raise DecodeError(Reason.UNSUPPORTED_FORMAT, needs(name, lacking), format=name)
    load_decoders(formats)
    if plain is not None:
        return _open_plain(data, plain, limits)
    image, feed = open_first(name, data, limits)
    width, height = image.size
    known = image.format or name if name == "JPEG" else name
    if known == "MPO" and known not in formats:
        raise DecodeError(Reason.UNSUPPORTED_FORMAT, "MPO is not decoded", format=known)
    return Picture(known, width, height, image, data, limits, feed)


def _open_plain(data: bytes, jpeg: PlainJpeg, limits: Limits) -> Picture:
    """Open a JPEG whose header is known."""
    width, height = jpeg.width, jpeg.height
    check_size((width, height), "JPEG", limits)
    image = None
    # Pillow refuses more pixels than its host allows for, and reads metadata
    if jpeg.has_metadata or width * height > (Image.MAX_IMAGE_PIXELS or math.inf):
        with classified("JPEG", data):
            image = Image.open(BytesIO(data), formats=("JPEG",))
    return Picture("JPEG", width, height, image, data, limits, data, _plain=jpeg)


def _scale(width: int, height: int) -> int:
    """By how much to divide the sides of a preview, as Pillow's ``draft`` does."""
    least = min(width, height) // PREVIEW_SIDE
    return next(scale for scale in (8, 4, 2, 1) if least >= scale or scale == 1)


def _screen(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a GIF's logical screen, to which viewers clip its frames."""
    width, height = struct.unpack_from("<HH", data, 6) if len(data) >= 10 else (0, 0)
    return (width, height) if width and height else None


def adopt_picture(image: Image.Image, limits: Limits) -> Picture:
    """Take a picture that the caller has opened.

    Raises:
        DecodeError: it is over the limits.
    """
    name = image.format or "memory"
    check_size(image.size, name, limits)
    return Picture(name, image.width, image.height, image, b"", limits)
