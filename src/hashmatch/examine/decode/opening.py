"""Open a picture: read its header and check it against the limits, without decoding pixels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from PIL import Image, ImageFile, UnidentifiedImageError

from hashmatch.errors import OUT_OF_MEMORY, DecodeError
from hashmatch.examine.decode.decoders import DECODERS
from hashmatch.examine.decode.formats import RAW_FORMATS, decoder_of
from hashmatch.examine.decode.hidden import largest_jpeg
from hashmatch.examine.decode.icons import icon_size, icons
from hashmatch.examine.decode.jxl import read_jxl_header
from hashmatch.examine.decode.mend import mend
from hashmatch.examine.decode.photoshop import psd_problem
from hashmatch.examine.decode.tiff import is_raw
from hashmatch.examine.decode.truncation import ends_early
from hashmatch.model import Reason
from hashmatch.options import MAX_SIDE, Limits

DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
    EOFError,
    AssertionError,
    AttributeError,
    RuntimeError,
    struct.error,
    zlib.error,
    UnidentifiedImageError,
    Warning,  # where the host turns warnings into errors
)
"""What Pillow's decoders raise on hostile bytes, by fuzzing. The list is closed, so that a mistake
of ours does not pass for a broken picture."""

_PNG_DEPTHS = {"L;2": 2, "L;4": 4, "RGB;16B": 16}
"""Bits of a sample, by Pillow's name for such pixels. Others have 8, or Pillow takes care of it."""


def open_first(name: str, data: bytes, limits: Limits) -> tuple[ImageFile.ImageFile, bytes]:
    """Open the picture that a file shows first; of an icon or camera raw, the largest.

    Return it and the bytes that its decoder was given.

    Raises:
        DecodeError: it cannot be opened, or is over the limits.
    """
    problem, decoder, picture = None, decoder_of(name), data
    if name in RAW_FORMATS:
        jpeg = largest_jpeg(data)
        decoder, picture = "JPEG", jpeg or b""
        problem = None if jpeg else f"this {name} has no picture that is decoded"
    elif name == "PSD":
        problem = psd_problem(data)
    elif decoder == "ICO":
        with classified(name, data):
            decoder, picture, _ = icons(data, 1)[0]
    if problem is not None:
        raise DecodeError(Reason.UNSUPPORTED_FORMAT, problem, format=name)
    try:
        return open_as(decoder, picture, name, limits, data)
    except DecodeError as error:
        jpeg = largest_jpeg(data) if name == "TIFF" and is_raw(data) else None
        if jpeg is None or error.reason is Reason.TOO_LARGE:
            raise
        return open_as("JPEG", jpeg, name, limits, data)


def open_as(
    decoder: str, data: bytes, name: str, limits: Limits, whole: bytes | None = None
) -> tuple[ImageFile.ImageFile, bytes]:
    """Open bytes with one decoder, which reads their header.

    Return it and the bytes that its decoder was given. ``name`` is the format of the file around
    it, and ``whole`` is all of that file, which shows whether it was cut.

    Raises:
        DecodeError: it cannot be opened, or is over the limits.
    """
    with classified(name, data if whole is None else whole):
        size = _stated_size(decoder, data)
        if size is not None:
            check_size(size, name, limits)
        feed = mend(decoder, data)
        image = Image.open(BytesIO(feed), formats=(DECODERS[decoder].pillow,))
        if decoder == "PNG":
            _fit_key(image)
    check_size(image.size, name, limits)
    return image, feed


def _stated_size(decoder: str, data: bytes) -> tuple[int, int] | None:
    """Return width and height for formats whose decoders tell them too late."""
    if decoder == "ICO":
        return icon_size(data)
    if decoder == "JXL":
        header = read_jxl_header(data)
        if header is None:
            raise EOFError
        return header[:2]
    return None


def _fit_key(image: ImageFile.ImageFile) -> None:
    """Scale a PNG's transparent colour to 8 bits, as Pillow scales its pixels.

    Pillow leaves that colour as it is in the file, and then finds no pixel of it, or a wrong one.
    Of 16-bit samples only the upper 8 bits are left, so all colours that share them become
    transparent.
    """
    depth = _PNG_DEPTHS.get(str(image.tile[0].args) if image.tile else "", 8)
    most = (1 << depth) - 1

    def fit(level: int) -> int:
        return level >> 8 if depth > 8 else (level & most) * 255 // most

    key = image.info.get("transparency")
    if image.mode == "L" and isinstance(key, int):
        image.info["transparency"] = fit(key)
    elif image.mode == "RGB" and isinstance(key, tuple):
        image.info["transparency"] = tuple(map(fit, key))


def check_size(size: tuple[int, int], picture_format: str, limits: Limits) -> None:
    """Check a picture's width and height against the limits.

    Raises:
        DecodeError: ``too_large``.
    """
    width, height = size
    if width * height > limits.max_pixels:
        most = f"{limits.max_pixels} pixels"
    elif max(width, height) > MAX_SIDE:
        most = f"{MAX_SIDE} pixels on a side"
    else:
        return
    raise DecodeError(
        Reason.TOO_LARGE,
        f"{width}x{height} is more than {most}",
        format=picture_format,
        width=width,
        height=height,
    )


@contextmanager
def classified(name: str, data: bytes, passing: type[Exception] | tuple[()] = ()) -> Iterator[None]:
    """Turn a decoder's error into the reason that the verdict will carry."""
    try:
        yield
    except passing:
        raise
    except MemoryError as error:
        raise DecodeError(Reason.TOO_LARGE, OUT_OF_MEMORY, format=name) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DecodeError(Reason.TOO_LARGE, "too large to decode", format=name) from error
    except DECODER_ERRORS as error:
        said = isinstance(error, EOFError) or "truncated" in str(error).lower()
        if said or ends_early(name, data):
            raise DecodeError(Reason.TRUNCATED, "the file ends early", format=name) from error
        raise DecodeError(Reason.UNDECODABLE, f"no valid {name}", format=name) from error
