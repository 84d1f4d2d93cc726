"""Tell whether a file ends before its own structure does.

Decoders treat a cut file differently: some raise, some fill the rest with grey, some just see fewer
frames. The structure of the file gives one answer for all of them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from hashmatch.examine.decode.icons import icons_end_early
from hashmatch.examine.decode.jpeg import JPEG_END, jpeg_ends_early
from hashmatch.examine.decode.netpbm import netpbm_ends_early, pfm_ends_early
from hashmatch.examine.decode.photoshop import psd_ends_early
from hashmatch.examine.decode.tiff import tiff_ends_early

_PNG_SIGNATURE_BYTES = 8
_BMP_FILE_HEADER_BYTES = 14
_BMP_CORE_HEADER_BYTES = 12
_BMP_RUN_LENGTHS = frozenset({1, 2})
_TGA_PACKED = 9  # and more
_GIF_TRAILER = 0x3B
_GIF_EXTENSION = 0x21
_GIF_IMAGE = 0x2C


def ends_early(picture_format: str, data: bytes) -> bool:
    """Tell whether ``data`` ends before its structure does.

    It is False for a whole file, for one that is broken in another way, and for no bytes at all.
    """
    check = _CHECKS.get(picture_format)
    return check is not None and bool(data) and check(data)


def _png(data: bytes) -> bool:
    position = _PNG_SIGNATURE_BYTES
    while position + 8 <= len(data):
        name = data[position + 4 : position + 8]
        if not name.isalpha():
            return False
        position += 12 + int.from_bytes(data[position : position + 4], "big")
        if name == b"IEND":
            return position > len(data)
    return True


def _gif(data: bytes) -> bool:
    position = 13 + _gif_colours(data[10] if len(data) > 10 else 0)
    while position < len(data):
        block = data[position]
        if block == _GIF_TRAILER:
            return False
        if block == _GIF_EXTENSION:
            position = _gif_sub_blocks(data, position + 2)
        elif block == _GIF_IMAGE:
            flags = data[position + 9] if position + 9 < len(data) else 0
            position = _gif_sub_blocks(data, position + 11 + _gif_colours(flags))
        elif block == 0:
            position += 1  # some writers add an empty block
        else:
            return False
    return True


def _gif_colours(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _gif_sub_blocks(data: bytes, position: int) -> int:
    while position < len(data) and data[position]:
        position += 1 + data[position]
    return position + 1


def _webp(data: bytes) -> bool:
    return 8 + int.from_bytes(data[4:8], "little") > len(data)


def _bmp(data: bytes) -> bool:
    header = data[_BMP_FILE_HEADER_BYTES:]
    try:
        announced, start = struct.unpack_from("<I4xI", data, 2)
        if header[0] == _BMP_CORE_HEADER_BYTES:
            (width, height, bits), compression = struct.unpack_from("<HH2xH", header, 4), 0
        else:
            width, height, bits, compression = struct.unpack_from("<ii2xHI", header, 4)
    except (struct.error, IndexError):
        return True
    if compression in _BMP_RUN_LENGTHS:
        return bool(announced > len(data))
    # Some writers announce a wrong size, and the last row may lack its padding
    row = -(-width * bits // 32) * 4
    return bool(start + row * (abs(height) - 1) + -(-width * bits // 8) > len(data))


def _tga(data: bytes) -> bool:
    try:
        name, _, kind, colours, colour_bits, width, height, depth = struct.unpack_from(
            "<BBB2xHB4xHHB", data
        )
    except struct.error:
        return True
    position = 18 + name + colours * -(-colour_bits // 8)
    pixels, size = width * height, -(-depth // 8)
    if kind < _TGA_PACKED:
        return bool(position + pixels * size > len(data))
    while pixels > 0:
        if position >= len(data):
            return True
        run = (data[position] & 0x7F) + 1
        position += 1 + (size if data[position] & 0x80 else size * run)
        pixels -= run
    return bool(position > len(data))


def _boxes(data: bytes) -> bool:
    position = 0
    has_pixels = False
    while position + 8 <= len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        has_pixels |= data[position + 4 : position + 8] == b"mdat"
        if size == 0:  # to the end of the file
            return False
        if size == 1:
            size = int.from_bytes(data[position + 8 : position + 16], "big")
        if size < 8:
            return False
        position += size
    return position != len(data) or not has_pixels


def _last_marker(data: bytes) -> bool:
    # JPEG and JPEG 2000 share it; some writers add padding
    return not data.rstrip(b"\x00").endswith(JPEG_END)


_CHECKS: dict[str, Callable[[bytes], bool]] = {
    "JPEG": jpeg_ends_early,
    "MPO": _last_marker,
    "PNG": _png,
    "GIF": _gif,
    "WEBP": _webp,
    "BMP": _bmp,
    "TIFF": tiff_ends_early,
    "AVIF": _boxes,
    "HEIF": _boxes,
    "ICO": icons_end_early,
    "CUR": icons_end_early,
    "PFM": pfm_ends_early,
    "PNM": netpbm_ends_early,
    "PSD": psd_ends_early,
    "TGA": _tga,
    "JPEG2000": _last_marker,
}
