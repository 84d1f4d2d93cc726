"""One picture in every format that hashmatch decodes, and in every container that it opens."""

from __future__ import annotations

import bz2
import gzip
import lzma
from functools import cache

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
)

from .archive.makers import make_tar, make_zip, zstd
from .document.containers import CONTAINERS
from .raws import every_raw

load_decoders()  # registers what encodes, too


def listed_picture() -> Image.Image:
    """A fresh copy of the picture that is in every file."""
    return photo(7, 160, 120)


@cache
def in_every_format() -> dict[str, tuple[str, bytes]]:
    """Files by name, each with its format and holding ``listed_picture``, lossless or nearly so."""
    picture = listed_picture
    sizes = [(160, 120), (40, 30), (16, 12)]
    other = photo(8, 160, 120)
    icon = encode(picture(), "ICO", sizes=sizes, bitmap_format="bmp")
    files = {
        "a.avif": ("AVIF", encode(picture(), "AVIF", quality=95)),
        "a.bmp": ("BMP", encode(picture(), "BMP")),
        "a.cur": ("ICO", as_cursor(icon)),
        "a.gif": ("GIF", encode(as_mode(picture(), "P"), "GIF")),
        "a.ico": ("ICO", encode(picture(), "ICO", sizes=sizes)),
        "bitmaps.ico": ("ICO", icon),
        "a.jpg": ("JPEG", encode(picture(), "JPEG", quality=95)),
        "progressive.jpg": ("JPEG", encode(picture(), "JPEG", quality=95, progressive=True)),
        "a.jp2": ("JPEG2000", encode(picture(), "JPEG2000")),
        "a.j2k": ("JPEG2000", encode(picture(), "JPEG2000", no_jp2=True)),
        "a.mpo": ("MPO", animation([other, picture()], "MPO", quality=95)),
        "grey.pfm": ("PFM", encode(as_mode(picture(), "F"), "PPM")),
        "colour.pfm": ("PFM", colour_pfm(picture())),
        "a.png": ("PNG", encode(picture(), "PNG")),
        "a.apng": ("PNG", animation([other, picture()], "PNG")),
        "a.ppm": ("PNM", encode(picture(), "PPM")),
        "plain.ppm": ("PNM", plain_ppm(picture())),
        "second.ppm": ("PNM", encode(other, "PPM") + encode(picture(), "PPM")),
        "a.pam": ("PNM", pam(picture())),
        "transparent.pam": ("PNM", pam(as_mode(picture(), "RGBA"))),
        "a.psd": ("PSD", photoshop(picture())),
        "a.tga": ("TGA", encode(picture(), "TGA")),
        "packed.tga": ("TGA", encode(picture(), "TGA", compression="tga_rle")),
        "a.tif": ("TIFF", encode(picture(), "TIFF")),
        "second.tif": ("TIFF", animation([other, picture()], "TIFF")),
        "a.webp": ("WEBP", encode(picture(), "WEBP", lossless=True)),
        "animated.webp": ("WEBP", animation([other, picture()], "WEBP", lossless=True)),
    }
    raws = every_raw(encode(picture(), "JPEG", quality=95))
    files |= {f"a.{suffix}": raw for suffix, raw in raws.items()}
    if missing("HEIF") is None:
        files["a.heic"] = ("HEIF", encode(picture(), "HEIF", quality=95))
    if missing("JXL") is None:
        files["a.jxl"] = ("JXL", encode(picture(), "JXL", quality=95))
    return files


@cache
def in_every_container() -> dict[str, tuple[str, bytes]]:
    """Files by name, each with its format in the table of containers, that hold the same JPEG."""
    jpeg = encode(listed_picture(), "JPEG", quality=95)
    formats = {"RAR4": "RAR", "RAR5": "RAR", "EML": "MAIL", "UUENCODED": "MAIL", "DOCX": "ZIP"}
    files = {
        f"in.{name.lower()}": (formats.get(name, name), pack(jpeg))
        for name, pack in CONTAINERS.items()
    }
    files |= {
        f"in.{name.lower()}": (name, pack(jpeg))
        for name, pack in (
            ("GZIP", gzip.compress),
            ("BZIP2", bz2.compress),
            ("XZ", lzma.compress),
            ("ZSTD", zstd.compress),
        )
    }
    files |= {"in.zip": ("ZIP", make_zip({"a": jpeg})), "in.tar": ("TAR", make_tar({"a": jpeg}))}
    other = encode(photo(8, 160, 120), "JPEG")
    return files | {
        "behind.jpg": ("ZIP", other + make_zip({"a": jpeg})),
        "two.jpg": ("JPEG", other + jpeg),
    }
