"""usearch: exact search, which compares with every entry and returns the k nearest.

It has no search by radius, so it is asked for as many as any query has within it, as if that were
known beforehand.
"""

from __future__ import annotations

import numpy as np
from usearch.index import MetricKind, search

NAME = "usearch exact"
INSTALL = "pip install usearch"
LIMIT = 10**6


def variants(_bits: int) -> list[str]:
    """There is one."""
    return [""]


class Contestant:
    """Asks for the nearest on one thread."""

    def __init__(self, codes: np.ndarray, _variant: str) -> None:
        self._codes = codes.view(np.uint8)
        self._most = {}

    def prepare(self, radius: int) -> None:
        """Nothing is to be done."""

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
        """Pairs within the radius among the nearest, and how far the last of the nearest is."""
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
