"""Small files of every format that is decoded, whole."""

from __future__ import annotations

from PIL import Image

from pictures import animation, as_mode, encode, photo, with_orientation


def picture(mode: str = "RGB") -> Image.Image:
    """A fresh picture: saving one leaves traces in it."""
    return as_mode(photo(1, 24, 18), mode) if mode != "RGB" else photo(1, 24, 18)


def frames(mode: str = "RGB") -> list[Image.Image]:
    """Three pictures that differ."""
    return [as_mode(photo(seed, 24, 18), mode) for seed in (1, 2, 3)]


WHOLE = {
    "jpeg": encode(picture(), "JPEG", quality=80),
    "jpeg-progressive": encode(picture(), "JPEG", progressive=True),
    "jpeg-grey": encode(picture("L"), "JPEG"),
    "jpeg-cmyk": encode(picture("CMYK"), "JPEG"),
    "jpeg-exif": with_orientation(picture(), 3, "JPEG"),
    "mpo": animation(frames(), "MPO"),
    "png": encode(picture(), "PNG"),
    "png-palette": encode(picture("P"), "PNG"),
    "png-animated": animation(frames(), "PNG"),
    "gif": encode(picture("P"), "GIF"),
    "gif-animated": animation(frames("P"), "GIF"),
    "webp": encode(picture(), "WEBP"),
    "webp-lossless": encode(picture(), "WEBP", lossless=True),
    "webp-animated": animation(frames(), "WEBP"),
    "bmp": encode(picture(), "BMP"),
    "bmp-palette": encode(picture("P"), "BMP"),
    "tiff": encode(picture(), "TIFF"),
    "tiff-lzw": encode(picture(), "TIFF", compression="tiff_lzw"),
    "tiff-jpeg": encode(picture(), "TIFF", compression="jpeg"),
    "tiff-fax": encode(picture("1"), "TIFF", compression="group4"),
    "tiff-big": encode(picture(), "TIFF", big_tiff=True),
    "tiff-pages": animation(frames(), "TIFF"),
    "avif": encode(picture(), "AVIF"),
    "avif-animated": animation(frames(), "AVIF"),
    "jpeg2000": encode(picture(), "JPEG2000"),
    "jpeg2000-stream": encode(picture(), "JPEG2000", no_jp2=True),
}
