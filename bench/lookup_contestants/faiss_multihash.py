"""faiss: multi-index hashing in hash maps, in every plausible configuration.

Which number and width of the chunks is best depends on the list and the radius, so each is a
contestant, and faiss is credited with the best. ``nflip`` is what keeps the answers complete.
"""

from __future__ import annotations

import faiss
import numpy as np

NAME = "faiss IndexBinaryMultiHash"
INSTALL = "pip install faiss-cpu"
LIMIT = 10**7


def variants(bits: int) -> list[str]:
    """The number and width of the chunks."""
    return ["2x32", "3x21", "4x16"] if bits == 64 else ["8x32", "10x25", "12x21", "16x16"]


class Contestant:
    """Searches by range on one thread."""

    def __init__(self, codes: np.ndarray, variant: str) -> None:
        faiss.omp_set_num_threads(1)
        self._chunks, width = map(int, variant.split("x"))
        self._index = faiss.IndexBinaryMultiHash(64 * codes.shape[1], self._chunks, width)
        self._index.add(codes.view(np.uint8))

    def prepare(self, radius: int) -> None:
        """Flip as many bits of a chunk as may differ in the one that differs least."""
        self._index.nflip = radius // self._chunks

    def search(self, queries: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of query and row."""
        ends, _, rows = self._index.range_search(queries.view(np.uint8), radius + 1)
        return np.repeat(np.arange(len(queries)), np.diff(ends.astype(np.int64))), rows
