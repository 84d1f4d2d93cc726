"""Write a thumbnail as a PNG (RFC 2083): pixels, and nothing else.

Pillow could do that, but it also decodes, so only ``examine`` may import it.
"""

from __future__ import annotations

import struct
import zlib

from hashmatch.model import Thumbnail

_GREY, _RGB = 0, 2


def to_png(found: Thumbnail) -> bytes:
    """A PNG of 8 bits a sample, without any metadata."""
    row = found.width * (3 if found.colour else 1)
    rows = range(0, len(found.pixels), row)
    lines = b"".join(b"\0" + found.pixels[start : start + row] for start in rows)  # 0: no filter
    colour = _RGB if found.colour else _GREY
    header = struct.pack(">IIBBBBB", found.width, found.height, 8, colour, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)
