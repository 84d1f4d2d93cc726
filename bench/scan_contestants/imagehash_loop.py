"""The loop that most people write: ``imagehash.phash`` of one file after another."""

from __future__ import annotations

import imagehash
from common import arguments, write
from PIL import Image

entries, paths, output, _ = arguments()
found = {}
for path in paths:
    with Image.open(path) as image:
        found[path] = entries.near(imagehash.phash(image).hash)
write(output, found)
