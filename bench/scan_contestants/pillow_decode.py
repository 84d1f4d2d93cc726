"""A limit, not a contestant: Pillow decodes every file in full and does nothing else."""

from __future__ import annotations

import sys

from common import files, write
from PIL import Image

for path in files(sys.argv[2]):
    with Image.open(path) as image:
        image.load()
write(sys.argv[3], {})
