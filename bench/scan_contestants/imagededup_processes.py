"""``imagededup`` with its own worker processes."""

from __future__ import annotations

import sys

import numpy as np
from common import arguments, files, write
from imagededup.methods import PHash

if __name__ == "__main__":
    entries, paths, output, jobs = arguments()
    hasher = PHash(verbose=False)
    encodings = hasher.encode_images(sys.argv[2], recursive=True, num_enc_workers=jobs)
    found: dict[str, list[str]] = {path: [] for path in files(sys.argv[2])}
    for name, text in encodings.items():
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(text), dtype=np.uint8))
        found[name] = entries.near(bits.astype(bool).reshape(8, 8))
    write(output, found)
