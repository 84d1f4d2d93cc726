"""A limit, not a contestant: the fastest decoder at hand decodes every file and does nothing else.

Of a JPEG that is simplejpeg, in grey at the smallest scale that our previews have. Of a PNG it is
pyspng, of a WebP libwebp by the package webp.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyspng
import simplejpeg
import webp
from common import files, write

SIDE = 240

for path in files(sys.argv[2]):
    if path.endswith(".png"):
        pyspng.load(Path(path).read_bytes())
        continue
    if path.endswith(".webp"):
        webp.WebPData.from_buffer(Path(path).read_bytes()).decode()
        continue
    data = Path(path).read_bytes()
    height, width, _, _ = simplejpeg.decode_jpeg_header(data)
    least = min(height, width) // SIDE
    scale = next(scale for scale in (8, 4, 2, 1) if least >= scale or scale == 1)
    simplejpeg.decode_jpeg(
        data, "GRAY", min_height=-(-height // scale), min_width=-(-width // scale)
    )
write(sys.argv[3], {})
