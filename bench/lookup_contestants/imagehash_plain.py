"""imagehash as its documentation shows it: subtracts the query from every hash."""

from __future__ import annotations

import imagehash
import numpy as np

NAME = "imagehash subtraction"
INSTALL = "pip install imagehash"
LIMIT = 10**3


def variants(_bits: int) -> list[str]:
    """A single configuration."""
    return [""]


def hashes(codes: np.ndarray) -> list[imagehash.ImageHash]:
    """Hashes as ``ImageHash`` objects."""
    octets = codes.astype(">u8").view(np.uint8).reshape(len(codes), -1)
    bits = np.unpackbits(octets, axis=1).astype(bool)
    side = int(bits.shape[1] ** 0.5)
    return [imagehash.ImageHash(row.reshape(side, side)) for row in bits]


class Contestant:
    """Compares one by one."""

    def __init__(self, codes: np.ndarray, _variant: str) -> None:
        self._hashes = hashes(codes)

    def prepare(self, radius: int) -> None:
        """Do nothing."""

    def search(self, queries: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of query and row."""
        pairs = [
            (query, row)
            for query, asked in enumerate(hashes(queries))
            for row, entry in enumerate(self._hashes)
            if entry - asked <= radius
        ]
        found = np.array(pairs, np.int64).reshape(-1, 2)
        return found[:, 0], found[:, 1]
