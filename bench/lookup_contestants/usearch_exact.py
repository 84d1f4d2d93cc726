"""usearch: exact search, which compares with every entry and returns the k nearest.

It has no search by radius, so it gets the largest number of entries near any query, as if that were
known in advance.
"""

from __future__ import annotations

import numpy as np
from usearch.index import MetricKind, search

NAME = "usearch exact"
INSTALL = "pip install usearch"
LIMIT = 10**6


def variants(_bits: int) -> list[str]:
    """A single configuration."""
    return [""]


class Contestant:
    """Searches for the nearest on one thread."""

    def __init__(self, codes: np.ndarray, _variant: str) -> None:
        self._codes = codes.view(np.uint8)
        self._most = {}

    def prepare(self, radius: int) -> None:
        """Do nothing."""

    def search(self, queries: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of query and row."""
        count = self._most.get(radius, 1)
        while True:
            query, row, last = self._nearest(queries, radius, count)
            if last > radius or count == len(self._codes):
                self._most[radius] = count
                return query, row
            count = min(4 * count, len(self._codes))

    def _nearest(
        self, queries: np.ndarray, radius: int, count: int
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """The pairs within the radius among the nearest, and the distance of the last of these."""
        found = search(
            self._codes,
            queries.view(np.uint8),
            count,
            MetricKind.Hamming,
            exact=True,
            threads=1,
        )
        keys = np.atleast_2d(found.keys).astype(np.int64)
        far = np.atleast_2d(found.distances)
        query, place = (far <= radius).nonzero()
        return query, keys[query, place], far[:, -1].min()
