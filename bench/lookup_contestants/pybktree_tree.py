"""pybktree: a BK-tree of Python objects."""

from __future__ import annotations

import numpy as np
import pybktree

NAME = "pybktree"
INSTALL = "pip install pybktree"
LIMIT = 10**5


def variants(_bits: int) -> list[str]:
    """A single configuration."""
    return [""]


def distance(one: tuple[int, int], other: tuple[int, int]) -> int:
    """The distance of two hashes, given with their rows."""
    return (one[0] ^ other[0]).bit_count()


def integers(codes: np.ndarray) -> list[int]:
    """Hashes as Python integers."""
    return [sum(word << 64 * place for place, word in enumerate(row)) for row in codes.tolist()]


class Contestant:
    """Searches for each query in turn."""

    def __init__(self, codes: np.ndarray, _variant: str) -> None:
        items = [(value, row) for row, value in enumerate(integers(codes))]
        self._tree = pybktree.BKTree(distance, items)

    def prepare(self, radius: int) -> None:
        """Do nothing."""

    def search(self, queries: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of query and row."""
        pairs = [
            (query, row)
            for query, value in enumerate(integers(queries))
            for _, (_, row) in self._tree.find((value, -1), radius)
        ]
        found = np.array(pairs, np.int64).reshape(-1, 2)
        return found[:, 0], found[:, 1]
