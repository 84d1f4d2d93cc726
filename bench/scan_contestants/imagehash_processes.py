"""``imagehash.phash`` in a pool of processes."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor

import imagehash
import numpy as np
import numpy.typing as npt
from common import arguments, write
from PIL import Image


def hashed(path: str) -> npt.NDArray[np.bool_]:
    """The hash of one file."""
    with Image.open(path) as image:
        bits: npt.NDArray[np.bool_] = imagehash.phash(image).hash
        return bits


if __name__ == "__main__":
    entries, paths, output, jobs = arguments()
    with ProcessPoolExecutor(jobs) as pool:
        found = {
            path: entries.near(bits)
            for path, bits in zip(paths, pool.map(hashed, paths, chunksize=16), strict=True)
        }
    write(output, found)
