"""faiss: compares with every entry, in C++, with the processor's bit-counting instruction."""

from __future__ import annotations

import faiss
import numpy as np

NAME = "faiss IndexBinaryFlat"
INSTALL = "pip install faiss-cpu"
LIMIT = 10**7


def variants(_bits: int) -> list[str]:
    """A single configuration."""
    return [""]


class Contestant:
    """Searches by range on one thread."""

    def __init__(self, codes: np.ndarray, _variant: str) -> None:
        faiss.omp_set_num_threads(1)
        self._index = faiss.IndexBinaryFlat(64 * codes.shape[1])
        self._index.add(codes.view(np.uint8))

    def prepare(self, radius: int) -> None:
        """Do nothing."""

    def search(self, queries: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of query and row."""
        # Its radius is exclusive
        ends, _, rows = self._index.range_search(queries.view(np.uint8), radius + 1)
        return np.repeat(np.arange(len(queries)), np.diff(ends.astype(np.int64))), rows
