"""Transforms that change all pixels of a picture: encodings, sizes, crops, turns and tones."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
from PIL import Image, ImageChops, ImageEnhance, ImageFilter, ImageOps

Generator = np.random.Generator


def jpeg(
    picture: Image.Image, _generator: Generator, *, quality: int, again: int | None = None
) -> Image.Image:
    """Saved as JPEG; if ``again`` is given, a second time at that quality."""
    saved = _through(picture, "JPEG", quality=quality)
    return saved if again is None else _through(saved, "JPEG", quality=again)


def webp(picture: Image.Image, _generator: Generator, *, quality: int) -> Image.Image:
    """Saved as lossy WebP, by its fastest method."""
    return _through(picture, "WEBP", quality=quality, method=0)


def scale(picture: Image.Image, _generator: Generator, *, factor: float) -> Image.Image:
    """Both sides times ``factor``."""
    return resized(picture, factor * picture.width, factor * picture.height)


def thumbnail(picture: Image.Image, _generator: Generator, *, side: int) -> Image.Image:
    """Scaled down until no side is longer than ``side``."""
    factor = min(1, side / max(picture.size))
    return resized(picture, factor * picture.width, factor * picture.height)


def squeeze(picture: Image.Image, _generator: Generator, *, factor: float) -> Image.Image:
    """Only the width times ``factor``."""
    return resized(picture, factor * picture.width, picture.height)


def crop(picture: Image.Image, generator: Generator, *, percent: float, at: str) -> Image.Image:
    """Cut to a part of the same shape, each side shorter by ``percent``.

    Args:
        picture: what to cut.
        generator: chooses the place, unless that is the middle.
        percent: how much of each side to remove.
        at: ``centre``, or ``aside`` for any place.
    """
    width, height = (max(1, round(side * (1 - percent / 100))) for side in picture.size)
    right, down = (0.5, 0.5) if at == "centre" else generator.random(2)
    left, top = round(right * (picture.width - width)), round(down * (picture.height - height))
    return picture.crop((left, top, left + width, top + height))


def pad(picture: Image.Image, _generator: Generator, *, percent: float, colour: str) -> Image.Image:
    """A plain border all around, ``percent`` of the shorter side wide."""
    return ImageOps.expand(picture, round(min(picture.size) * percent / 100), colour)


def letterbox(picture: Image.Image, _generator: Generator, *, colour: str) -> Image.Image:
    """Bars that give 16:9, or 4:3 if the picture is about 16:9 already."""
    ratio = 16 / 9 if picture.width / picture.height < 1.6 else 4 / 3
    size = (
        max(picture.width, round(picture.height * ratio)),
        max(picture.height, round(picture.width / ratio)),
    )
    framed = Image.new("RGB", size, colour)
    framed.paste(picture, ((size[0] - picture.width) // 2, (size[1] - picture.height) // 2))
    return framed


def rotate(picture: Image.Image, _generator: Generator, *, degrees: float) -> Image.Image:
    """Turned about its centre within the same frame, with black corners."""
    return picture.rotate(degrees, Image.Resampling.BILINEAR)


def quarter_turn(picture: Image.Image, _generator: Generator) -> Image.Image:
    """Turned by 90 degrees."""
    return picture.transpose(Image.Transpose.ROTATE_90)


def mirror(picture: Image.Image, _generator: Generator) -> Image.Image:
    """Left and right swapped."""
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def gamma(picture: Image.Image, _generator: Generator, *, exponent: float) -> Image.Image:
    """Each level to the power of ``exponent``, on a scale of 0 to 1."""
    return picture.point([round(255 * (level / 255) ** exponent) for level in range(256)] * 3)


def brightness(picture: Image.Image, _generator: Generator, *, factor: float) -> Image.Image:
    """Each level times ``factor``, clipped."""
    return picture.point([min(255, round(factor * level)) for level in range(256)] * 3)


def contrast(picture: Image.Image, _generator: Generator, *, factor: float) -> Image.Image:
    """Each level's difference from the middle times ``factor``, clipped."""
    levels = [round(128 + factor * (level - 128)) for level in range(256)]
    return picture.point([min(255, max(0, level)) for level in levels] * 3)


def saturation(picture: Image.Image, _generator: Generator, *, factor: float) -> Image.Image:
    """Each pixel's difference from its own grey times ``factor``."""
    return ImageEnhance.Color(picture).enhance(factor)


def blur(picture: Image.Image, _generator: Generator, *, radius: float) -> Image.Image:
    """Gaussian blur, its standard deviation ``radius`` pixels."""
    return picture.filter(ImageFilter.GaussianBlur(radius))


def sharpen(picture: Image.Image, _generator: Generator, *, percent: int) -> Image.Image:
    """Unsharp mask of two pixels."""
    return picture.filter(ImageFilter.UnsharpMask(2, percent, 2))


def noise(picture: Image.Image, generator: Generator, *, spread: float) -> Image.Image:
    """Grey noise, uniform between minus and plus ``spread`` levels."""
    grains = generator.bytes(picture.width * picture.height)
    grain = Image.frombytes("L", picture.size, grains).point(_around_middle(spread))
    # 128 adds nothing, as in a mid-grey layer that is blended in
    planes = [ImageChops.add(plane, grain, offset=-128) for plane in picture.split()]
    return Image.merge("RGB", planes)


@cache
def _around_middle(spread: float) -> list[int]:
    return [round(128 + spread * (level - 127.5) / 127.5) for level in range(256)]


def resized(picture: Image.Image, width: float, height: float) -> Image.Image:
    """The picture at about this size, at least one pixel each way."""
    size = (max(1, round(width)), max(1, round(height)))
    return picture.resize(size, Image.Resampling.BICUBIC)


def _through(picture: Image.Image, encoder: str, **options: int) -> Image.Image:
    """The picture after saving and opening it again."""
    file = io.BytesIO()
    picture.save(file, encoder, **options)
    return Image.open(file).convert("RGB")
