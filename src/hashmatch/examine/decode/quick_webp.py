"""Decode plain WebPs by one call of libwebp: the same pixels in five sixths of Pillow's time.

Pillow decodes every WebP as an animation, and copies its pixels twice more than it needs to. The
package ``webp`` comes with the extra of that name. It has a libwebp of its own, which may be
another version than Pillow's, so only our own processes use it, within their walls. Pillow decodes
whatever it refuses, and all that is not plain.

Source: RFC 9649, sections 2.4, 2.5, 2.6 and 3.4.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from types import ModuleType

from PIL import Image

from hashmatch.examine.decode.quick import sample_picture
from hashmatch.examine.extras import optional, optional_in_ours

PACKAGE = "webp"

_HEADER = 12
_CHUNK = 8
_LOSSY, _LOSSLESS = b"VP8 ", b"VP8L"
_HAS_ALPHA = 0x10
"""In the fifth byte of a lossless picture, above the last bits of its height."""


def quick_webp(data: bytes) -> Image.Image | None:
    """Decode a WebP by libwebp.

    Args:
        data: the whole file.

    Returns:
        Mode ``RGBX``, whose fourth byte means nothing: the very pixels that Pillow gives. None if
        it is not plain, or cannot be decoded.
    """
    decoder = optional_in_ours(PACKAGE)
    if decoder is None or not is_plain_webp(data) or not agrees_with_pillow():
        return None
    return _decoded(decoder, data)


@cache
def agrees_with_pillow() -> bool:
    """Whether the two versions of libwebp give the same pixels; asked once in each process."""
    decoder = optional(PACKAGE)
    if decoder is None:
        return False
    file = BytesIO()
    sample_picture().save(file, "WEBP", quality=80)
    found = _decoded(decoder, file.getvalue())
    with Image.open(file) as image:
        return found is not None and found.convert("RGB").tobytes() == image.tobytes()


def _decoded(decoder: ModuleType, data: bytes) -> Image.Image | None:
    try:
        pixels = decoder.WebPData.from_buffer(data).decode(decoder.WebPColorMode.RGBA)
    except (decoder.WebPError, MemoryError):
        return None
    # Pillow keeps pixels like this, so it takes them over without a copy
    height, width, _ = pixels.shape
    return Image.frombuffer("RGBX", (width, height), pixels, "raw", "RGBX", 0, 1)


def is_plain_webp(data: bytes) -> bool:
    """Tell whether a file is a whole WebP of one opaque picture, with nothing beside or behind it.

    So it has no Exif that could turn it, no animation and no transparency.
    """
    name, size = data[_HEADER : _HEADER + 4], int.from_bytes(data[16:20], "little")
    content = _HEADER + _CHUNK
    if not data.startswith(b"RIFF") or data[8:_HEADER] != b"WEBP":
        return False
    if not len(data) == content + size + size % 2 == 8 + int.from_bytes(data[4:8], "little"):
        return False
    return name == _LOSSY or (name == _LOSSLESS and size > 4 and not data[content + 4] & _HAS_ALPHA)
