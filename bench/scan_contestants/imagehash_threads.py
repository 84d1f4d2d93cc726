"""``imagehash.phash`` in threads: decoding releases the interpreter's lock."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import imagehash
from common import arguments, write
from PIL import Image

entries, paths, output, jobs = arguments()


def near(path: str) -> list[str]:
    """Look one file up."""
    with Image.open(path) as image:
        return entries.near(imagehash.phash(image).hash)


with ThreadPoolExecutor(jobs) as pool:
    write(output, dict(zip(paths, pool.map(near, paths), strict=True)))
