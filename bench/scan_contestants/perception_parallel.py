"""``perception`` with its own worker processes. Its pHash differs from imagehash's."""

from __future__ import annotations

import numpy as np
from common import arguments, write
from perception.hashers import PHash

if __name__ == "__main__":
    entries, paths, output, jobs = arguments()
    hasher = PHash()
    found = {}
    for result in hasher.compute_parallel(paths, max_workers=jobs):
        bits = hasher.string_to_vector(result["hash"]).astype(bool)
        found[result["filepath"]] = entries.near(np.asarray(bits).reshape(8, 8))
    write(output, found)
