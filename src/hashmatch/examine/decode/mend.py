"""Remove the damage and metadata that no pixel depends on, so that a decoder shows the picture.

Browsers and viewers show a JPEG without its end marker, a PNG whose comment has a wrong checksum,
and a phone's JPEG whose second picture some service removed. Pillow refuses them, so it gets only
what it needs. Whether a file was cut is judged by the original bytes, never by these.

Sources: ITU-T T.81 (JPEG), annex B; the PNG specification (Third Edition), sections 5 and 11; CIPA
DC-007 (Multi-Picture Format), section 5.2; the WebP container specification.
"""

from __future__ import annotations

import zlib
from functools import partial

from hashmatch.examine.decode.jpeg import JPEG_END, JPEG_START, jpeg_ends_early, mp_index
from hashmatch.examine.decode.netpbm import mend_netpbm

_PNG_SIGNATURE_BYTES = 8
_PNG_KEPT = frozenset(
    {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"acTL", b"fcTL", b"fdAT", b"eXIf", b"IEND"}
)
_WEBP_KEPT = frozenset({b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L"})
_WEBP_EXIF = 0x08
_WEBP_METADATA = 0x20 | _WEBP_EXIF | 0x04  # flags of the ICC profile, Exif and XMP


def mend(picture_format: str, data: bytes) -> bytes:
    """Return what to decode in place of ``data``; the pixels are the same."""
    if picture_format == "JPEG":
        return _mend_jpeg(data)
    if picture_format == "PNG":
        return _mend_png(data)
    if picture_format in {"PNM", "PFM"}:
        return mend_netpbm(data)
    return _mend_webp(data) if picture_format == "WEBP" else data


def _mend_jpeg(data: bytes) -> bytes:
    index = mp_index(data)
    if index is not None and not any(map(partial(_is_there, data), index.pictures)):
        data = data[: index.start] + data[index.end :]
    # libjpeg then fills in what is missing, as in a viewer
    is_cut = not data.endswith(JPEG_END) and jpeg_ends_early(data)
    return data + JPEG_END if is_cut else data


def _is_there(data: bytes, place: int) -> bool:
    """Tell whether a picture begins here, however little is left of it."""
    start = data[place : place + len(JPEG_START)]
    return bool(start) and JPEG_START.startswith(start)


def _mend_png(data: bytes) -> bytes:
    kept = [data[:_PNG_SIGNATURE_BYTES]]
    position = begin = _PNG_SIGNATURE_BYTES
    while position + 12 <= len(data):
        name = data[position + 4 : position + 8]
        end = position + 12 + int.from_bytes(data[position : position + 4], "big")
        if not name.isalpha() or end > len(data):
            break
        ancillary = name[0] & 0x20
        wanted = name in _PNG_KEPT and (not ancillary or _is_sound(data, position, end))
        if ancillary and not wanted:
            kept.append(data[begin:position])
            begin = end
        position = end
    if begin == _PNG_SIGNATURE_BYTES:
        return data
    return b"".join((*kept, data[begin:]))


def _is_sound(data: bytes, position: int, end: int) -> bool:
    """Check the checksum of a PNG chunk. libpng skips an ancillary chunk that fails it."""
    return zlib.crc32(data[position + 4 : end - 4]) == int.from_bytes(data[end - 4 : end], "big")


def _mend_webp(data: bytes) -> bytes:
    """Drop the metadata of an extended WebP, which often come last and so get cut.

    Complete Exif stays: it may say which side is up.
    """
    if data[12:16] != b"VP8X" or len(data) < 30:
        return data
    kept: list[bytes] = []
    flags = data[20] & ~_WEBP_METADATA
    position = 30
    while position + 8 <= len(data):
        end = position + 8 + int.from_bytes(data[position + 4 : position + 8], "little")
        end += end & 1
        name = data[position : position + 4]
        if name == b"EXIF" and end <= len(data):
            flags |= _WEBP_EXIF
            kept.append(data[position:end])
        elif name in _WEBP_KEPT:
            kept.append(data[position:end])
        position = end
    header = b"WEBPVP8X" + (10).to_bytes(4, "little") + bytes([flags]) + data[21:30]
    body = header + b"".join(kept)
    return b"RIFF" + len(body).to_bytes(4, "little") + body
