"""Transforms that put something over a picture, or put the picture into something larger.

The drawings are plain: bars, discs and words in the one font that every Pillow includes.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from hashmatch.examine.transform.pixels import jpeg, resized

Generator = np.random.Generator

_SCREEN = (720, 1520)
_INK = "#1c1e21"
_PALE = "#dfe3e8"


def watermark(picture: Image.Image, generator: Generator, *, opacity: float) -> Image.Image:
    """Translucent white words across a third of the width, somewhere in the lower half."""
    words = _words("EXAMPLE.ORG", picture.width / 3)
    free = (picture.width - words.width, picture.height - words.height)
    right, down = generator.random(2)
    place = (round(right * max(0, free[0])), round((1 + down) / 2 * max(0, free[1])))
    marked = picture.copy()
    marked.paste("white", place, words.point([round(opacity * level) for level in range(256)]))
    return marked


def caption(picture: Image.Image, _generator: Generator, *, share: float) -> Image.Image:
    """A white bar with words above the picture, ``share`` of its height."""
    bar = max(1, round(share * picture.height))
    words = _words("WHEN IT IS MONDAY AGAIN", 0.8 * picture.width, bar)
    joined = Image.new("RGB", (picture.width, picture.height + bar), "white")
    place = ((picture.width - words.width) // 2, (bar - words.height) // 2)
    joined.paste(_INK, place, words)
    joined.paste(picture, (0, bar))
    return joined


def emoji(picture: Image.Image, _generator: Generator, *, share: float) -> Image.Image:
    """A round yellow face in the lower right corner, as wide as ``share`` of the shorter side."""
    side = max(1, round(share * min(picture.size)))
    face = Image.new("RGB", (64, 64), "#ffcc33")
    draw = ImageDraw.Draw(face)
    for left in (16, 38):
        draw.ellipse((left, 18, left + 9, 30), fill=_INK)
    draw.arc((14, 20, 50, 50), 20, 160, fill=_INK, width=4)
    disc = Image.new("L", (64, 64), 0)
    ImageDraw.Draw(disc).ellipse((0, 0, 63, 63), fill=255)
    marked = picture.copy()
    place = (picture.width - side - side // 4, picture.height - side - side // 4)
    marked.paste(resized(face, side, side), place, resized(disc, side, side))
    return marked


def screenshot(picture: Image.Image, _generator: Generator) -> Image.Image:
    """The picture across a phone's screen, with a page's header above and lines of text below."""
    screen = Image.new("RGB", _SCREEN, "white")
    draw = ImageDraw.Draw(screen)
    draw.rectangle((0, 0, 720, 48), fill=_INK)
    draw.ellipse((24, 80, 96, 152), fill=_PALE)
    _lines(draw, 112, 88, (300, 180))
    shown = _fitted(picture, 720, 900)
    screen.paste(shown, ((720 - shown.width) // 2, 180))
    _lines(draw, 24, 180 + shown.height + 40, (640, 600, 660, 320))
    draw.rectangle((0, 1440, 720, 1520), fill=_PALE)
    return screen


def messenger_chat(picture: Image.Image, _generator: Generator) -> Image.Image:
    """The picture in a chat bubble, between two others with words in them."""
    screen = Image.new("RGB", _SCREEN, "#e5ddd5")
    draw = ImageDraw.Draw(screen)
    draw.rectangle((0, 0, 720, 110), fill="#0b6156")
    draw.rounded_rectangle((24, 150, 480, 250), 20, fill="white")
    _lines(draw, 48, 178, (380, 240))
    shown = _fitted(picture, 500, 800)
    below = 290 + shown.height + 16
    draw.rounded_rectangle((188 + 500 - shown.width - 8, 282, 704, below), 20, fill="#dcf8c6")
    screen.paste(shown, (688 - shown.width + 8, 290))
    draw.rounded_rectangle((24, below + 40, 420, below + 120), 20, fill="white")
    _lines(draw, 48, below + 68, (300,))
    return screen


def messenger_copy(
    picture: Image.Image, generator: Generator, *, side: int, quality: int
) -> Image.Image:
    """Scaled down until no side is longer than ``side`` and saved as JPEG, twice."""
    for _ in range(2):
        factor = min(1, side / max(picture.size))
        if factor < 1:
            picture = resized(picture, factor * picture.width, factor * picture.height)
        picture = jpeg(picture, generator, quality=quality)
    return picture


def _lines(draw: ImageDraw.ImageDraw, left: int, top: int, widths: tuple[int, ...]) -> None:
    """Grey bars, as text looks from a distance."""
    for row, width in enumerate(widths):
        draw.rectangle((left, top + 32 * row, left + width, top + 32 * row + 14), fill="#8a9099")


def _fitted(picture: Image.Image, width: int, height: int) -> Image.Image:
    factor = min(width / picture.width, height / picture.height)
    return resized(picture, factor * picture.width, factor * picture.height)


def _words(text: str, width: float, height: float | None = None) -> Image.Image:
    """A mask, mode ``L``, of words as wide as asked for, unless the height limits them."""
    font = ImageFont.load_default_imagefont()
    small = Image.new("L", (len(text) * 12, 24), 0)
    ImageDraw.Draw(small).text((2, 2), text, fill=255, font=font)
    small = small.crop(small.getbbox())
    factor = width / small.width
    if height is not None:
        factor = min(factor, 0.7 * height / small.height)
    return resized(small, factor * small.width, factor * small.height)
