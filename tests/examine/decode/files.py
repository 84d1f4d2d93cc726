"""Small files of every format that is decoded, whole."""

from __future__ import annotations

from PIL import Image

from hashmatch.examine.decode import load_decoders, missing
from pictures import (
    animation,
    as_cursor,
    as_mode,
    colour_pfm,
    encode,
    pam,
    photo,
    photoshop,
    plain_ppm,
    with_orientation,
)

load_decoders()


def picture(mode: str = "RGB") -> Image.Image:
    """A fresh picture: saving one leaves traces in it."""
    return as_mode(photo(1, 24, 18), mode) if mode != "RGB" else photo(1, 24, 18)


def frames(mode: str = "RGB") -> list[Image.Image]:
    """Three pictures that differ."""
    return [as_mode(photo(seed, 24, 18), mode) for seed in (1, 2, 3)]


SIZES = [(24, 18), (12, 9)]

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
    "ico": encode(picture(), "ICO", sizes=SIZES),
    "ico-bitmaps": encode(picture(), "ICO", sizes=SIZES, bitmap_format="bmp"),
    "cur": as_cursor(encode(picture(), "ICO", sizes=SIZES, bitmap_format="bmp")),
    "pbm": encode(picture("1"), "PPM"),
    "pgm": encode(picture("L"), "PPM"),
    "pgm-16": encode(picture("I;16"), "PPM"),
    "ppm": encode(picture(), "PPM"),
    "ppm-plain": plain_ppm(picture()),
    "ppm-many": b"".join(encode(each, "PPM") for each in frames()),
    "pam": pam(picture()),
    "pam-grey": pam(picture("L")),
    "pam-transparent": pam(picture("RGBA")),
    "pam-grey-transparent": pam(picture("LA")),
    "pfm": encode(picture("F"), "PPM"),
    "pfm-colour": colour_pfm(picture()),
    "tga": encode(picture(), "TGA"),
    "tga-packed": encode(picture(), "TGA", compression="tga_rle"),
    "tga-palette": encode(picture("P"), "TGA"),
    "psd": photoshop(picture()),
}
if missing("HEIF") is None:
    WHOLE["heif"] = encode(picture(), "HEIF")
    WHOLE["heif-many"] = encode(frames()[0], "HEIF", save_all=True, append_images=frames()[1:])
if missing("JXL") is None:
    WHOLE["jxl"] = encode(picture(), "JXL")
