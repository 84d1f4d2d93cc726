"""Which libraries decode which formats: loaded on request, and named for ``hashmatch doctor``."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec

from PIL import Image, features

from hashmatch.errors import MissingExtraError
from hashmatch.options import DEFAULT_FORMATS

# Registered one by one: Image.init() would load every decoder that Pillow has
_PLUGINS = {
    "JPEG": "PIL.JpegImagePlugin",
    "MPO": "PIL.MpoImagePlugin",
    "PNG": "PIL.PngImagePlugin",
    "GIF": "PIL.GifImagePlugin",
    "WEBP": "PIL.WebPImagePlugin",
    "BMP": "PIL.BmpImagePlugin",
    "TIFF": "PIL.TiffImagePlugin",
    "AVIF": "PIL.AvifImagePlugin",
    "JPEG2000": "PIL.Jpeg2KImagePlugin",
    "RAW": "PIL.JpegImagePlugin",
}

_LIBRARIES = {
    "JPEG": ("libjpeg-turbo", "libjpeg_turbo"),
    "MPO": ("libjpeg-turbo", "libjpeg_turbo"),
    "PNG": ("zlib", "zlib"),
    "GIF": ("Pillow", None),
    "WEBP": ("libwebp", "webp"),
    "BMP": ("Pillow", None),
    "TIFF": ("libtiff", "libtiff"),
    "AVIF": ("libavif", "avif"),
    "JPEG2000": ("OpenJPEG", "jpg_2000"),
    "RAW": ("libjpeg-turbo", "libjpeg_turbo"),
}


@cache
def load_decoders(formats: frozenset[str] = DEFAULT_FORMATS) -> None:
    """Import the decoders of these formats, and no others.

    Raises:
        MissingExtraError: one of them comes with an extra that is not installed.
    """
    for name in sorted(formats):
        if name == "HEIF":
            try:
                import_module("pillow_heif").register_heif_opener()
            except ImportError:
                raise MissingExtraError("decoding HEIF", "heif") from None
        else:
            import_module(_PLUGINS[name])


def decoders() -> dict[str, str]:
    """What would decode each format: the library and its version, as Pillow tells it."""
    found = {}
    for name, (library, feature) in _LIBRARIES.items():
        known = features.version(feature) if feature else None
        found[name] = (
            f"{library} {known}" if known else (library if not feature else "not built in")
        )
    heif = find_spec("pillow_heif") is not None
    found["HEIF"] = "pillow-heif" if heif else "not installed: pip install 'hashmatch[heif]'"
    return found


def lift_pillow_limit() -> None:
    """Let hashmatch's own limits hold alone in this process.

    Pillow has a limit on pixels of its own, for the whole process, which warns at 89 megapixels and
    refuses at twice that. A library must not change it for its host, so only processes of our own
    call this; elsewhere what Pillow refuses is ``too_large``.
    """
    Image.MAX_IMAGE_PIXELS = None
