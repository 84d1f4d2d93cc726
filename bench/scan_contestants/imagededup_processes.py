"""``imagededup`` with its own worker processes."""

from __future__ import annotations

import sys

from common import arguments, files, write
from imagededup.methods import PHash

if __name__ == "__main__":
    entries, paths, output, jobs = arguments()
    hasher = PHash(verbose=False)
    encodings = hasher.encode_images(sys.argv[2], recursive=True, num_enc_workers=jobs)
    found: dict[str, list[str]] = {path: [] for path in files(sys.argv[2])}
    for name, text in encodings.items():
        found[name] = entries.near(hasher._hash_to_bits(text))  # noqa: SLF001 # it has no other way
    write(output, found)
