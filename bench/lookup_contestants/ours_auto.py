"""hashmatch's own choice, made for each radius."""

from __future__ import annotations

import numpy as np

from hashmatch.index import build_index

NAME = "hashmatch auto"
INSTALL = ""
LIMIT = 10**7


def variants(_bits: int) -> list[str]:
    """A single configuration."""
    return [""]


class Contestant:
    """Searches the index that ``build_index`` chooses for the radius."""

    def __init__(self, codes: np.ndarray, _variant: str) -> None:
        self._codes = codes

    def prepare(self, radius: int) -> None:
        """Choose an index."""
        self._index = build_index(self._codes, radius=radius)

    def search(self, queries: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of query and row."""
        hits = self._index.search(queries, radius)
        return hits.query, hits.row
