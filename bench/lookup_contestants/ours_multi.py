"""hashmatch's own ``MultiIndex``."""

from __future__ import annotations

import numpy as np

from hashmatch.index import MultiIndex

NAME = "hashmatch multi"
INSTALL = ""
LIMIT = 10**7


def variants(_bits: int) -> list[str]:
    """A single configuration."""
    return [""]


class Contestant:
    """Searches the index."""

    def __init__(self, codes: np.ndarray, _variant: str) -> None:
        self._index = MultiIndex(codes)

    def prepare(self, radius: int) -> None:
        """Do nothing."""

    def search(self, queries: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of query and row."""
        hits = self._index.search(queries, radius)
        return hits.query, hits.row
