"""Load the library that decodes each format, and name it for ``hashmatch doctor``."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import NamedTuple

from PIL import Image, features

from hashmatch.errors import install_line
from hashmatch.examine.decode import quick, quick_png, quick_webp
from hashmatch.examine.extras import (
    OwnProcess,
    is_deferred,
    optional,
    package_version,
    wait_for,
)
from hashmatch.options import FORMATS


class Decoder(NamedTuple):
    """The decoder of one format.

    Attributes:
        module: the module that registers it with Pillow.
        pillow: Pillow's name for the format.
        library: the library that does the work.
        feature: Pillow's name for that library; None if Pillow does the work itself.
        extra: hashmatch's extra that installs it; None if it comes with Pillow.
    """

    module: str
    pillow: str
    library: str = "Pillow"
    feature: str | None = None
    extra: str | None = None


_JPEG = ("PIL.JpegImagePlugin", "JPEG", "libjpeg-turbo", "libjpeg_turbo")

# Registered one by one: Image.init() would load all of Pillow's decoders
DECODERS = {
    "AVIF": Decoder("PIL.AvifImagePlugin", "AVIF", "libavif", "avif"),
    "BMP": Decoder("PIL.BmpImagePlugin", "BMP"),
    "GIF": Decoder("PIL.GifImagePlugin", "GIF"),
    "HEIF": Decoder("pillow_heif.HeifImagePlugin", "HEIF", "pillow-heif", extra="heif"),
    "ICO": Decoder("PIL.IcoImagePlugin", "ICO"),
    "JPEG": Decoder(*_JPEG),
    "JPEG2000": Decoder("PIL.Jpeg2KImagePlugin", "JPEG2000", "OpenJPEG", "jpg_2000"),
    "JXL": Decoder("pillow_jxl.JpegXLImagePlugin", "JXL", "pillow-jxl-plugin", extra="jxl"),
    "MPO": Decoder("PIL.MpoImagePlugin", "MPO", "libjpeg-turbo", "libjpeg_turbo"),
    "PFM": Decoder("PIL.PpmImagePlugin", "PPM"),
    "PNG": Decoder("PIL.PngImagePlugin", "PNG", "zlib", "zlib"),
    "PNM": Decoder("PIL.PpmImagePlugin", "PPM"),
    "PSD": Decoder("PIL.PsdImagePlugin", "PSD"),
    "RAW": Decoder(*_JPEG),
    "TGA": Decoder("PIL.TgaImagePlugin", "TGA"),
    "TIFF": Decoder("PIL.TiffImagePlugin", "TIFF", "libtiff", "libtiff"),
    "WEBP": Decoder("PIL.WebPImagePlugin", "WEBP", "libwebp", "webp"),
}
"""The decoder of each of ``FORMATS``."""

_QUICK = {"JPEG": quick.PACKAGE, "PNG": quick_png.PACKAGE, "WEBP": quick_webp.PACKAGE}
"""The package that decodes the plain files of a format in less time."""


@cache
def load_decoders(formats: frozenset[str] = FORMATS) -> None:
    """Import the decoders of these formats, if they are installed, and no others.

    Those that are loaded late are left to ``missing``.
    """
    for name in sorted(formats):
        if not is_deferred(DECODERS[name].module):
            missing(name)
    optional(quick.PACKAGE)


@cache
def missing(name: str) -> str | None:
    """Load the decoder of a format; return what to install if it is missing, else None.

    Raises:
        ImportError: in a worker, which is to be started again once the decoder has been loaded.
    """
    decoder = DECODERS[name]
    wait_for(decoder.module)
    try:
        import_module(decoder.module)
    except ImportError:
        if decoder.extra is None:
            raise
        return install_line(decoder.extra)
    if decoder.feature is not None and features.version(decoder.feature) is None:
        return f"a Pillow that is built with {decoder.library}"
    return None


def decoders() -> dict[str, str]:
    """Name what decodes each format: a library and its version, or what to install."""
    return {name: _described(name, decoder) for name, decoder in DECODERS.items()}


def _described(name: str, decoder: Decoder) -> str:
    if lacking := missing(name):
        return f"not installed: {lacking}"
    if decoder.extra is not None:
        return f"{decoder.library} {package_version(decoder.library)}"
    known = features.version(decoder.feature) if decoder.feature else None
    told = f"{decoder.library} {known}" if known else decoder.library
    package = _QUICK.get(name)
    if package is None or optional(package) is None:
        return told
    return f"{told}; plain files by {package} {package_version(package)}"


# The plug-ins that start threads: where each keeps how many, and what stands for none
_THREADS = (
    ("HEIF", "pillow_heif.options", "DECODE_THREADS", 1),
    ("JXL", "pillow_jxl.JpegXLImagePlugin", "DECODE_THREADS", 0),
)


def claim_process() -> None:
    """Set up Pillow and its plug-ins in a process of our own.

    Pillow limits pixels for the whole process: it warns at 89 megapixels and refuses at twice that.
    It does not know big-endian TIFFs of 16 bits that count from white. Plug-ins start threads,
    which a worker may not. A library must not change any of this for its host, so only our own
    processes do; elsewhere, what Pillow refuses is ``too_large`` or ``undecodable``.
    """
    Image.MAX_IMAGE_PIXELS = None
    OwnProcess.claimed = True
    for package in _QUICK.values():
        optional(package)  # it could not be loaded behind the walls
    modes = import_module("PIL.TiffImagePlugin").OPEN_INFO
    for order, mode in ((b"II", "I;16"), (b"MM", "I;16B")):
        modes.setdefault((order, 0, (1,), 1, (16,), ()), (mode, mode))
    for name, module, option, single in _THREADS:
        if not is_deferred(DECODERS[name].module) and missing(name) is None:
            vars(import_module(module))[option] = single
