"""Compares with every entry: the reference that all other indexes must equal."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from hashmatch.index.base import BuiltIndex, Codes, Hits, IndexArrays
from hashmatch.model import WORD_BITS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

TILE = 1 << 15
"""Pairs to compare at a time. Their XOR, 256 KiB, stays in a core's own cache (measured)."""


class LinearIndex(BuiltIndex):
    """Compares each query with each entry. It needs no tables and no time to build.

    It works in tiles of queries and entries, so its memory does not depend on how many there are.
    """

    kind: ClassVar[str] = "linear"
    TABLES = ()

    def pieces(self, queries: Codes, radius: int) -> Iterator[Hits]:
        """See ``Index.pieces``."""
        entries = min(len(self.codes), TILE)
        if not entries:
            return
        step = TILE // entries
        # 256 differing bits would overflow a byte
        counted = np.uint8 if WORD_BITS * self.codes.shape[1] < 256 else np.uint16
        differing = np.empty((step, entries), np.uint64)
        distance = np.empty((step, entries), counted)
        for top in range(0, len(queries), step):
            tile = queries[top : top + step, None]
            for left in range(0, len(self.codes), entries):
                block = self.codes[left : left + entries]
                shape = np.s_[: len(tile), : len(block)]
                total = _compare(tile, block, differing[shape], distance[shape])
                near = (total <= radius).ravel().nonzero()[0]
                if len(near):
                    query, row = np.divmod(near, len(block))
                    yield Hits(query + top, row + left, total[query, row].astype(np.uint16))

    def _build(self) -> IndexArrays:
        return {}

    def _take_up(self, tables: IndexArrays) -> None:
        """Do nothing: there are no tables."""

    def explain(self) -> str:
        """See ``Index.explain``."""
        return f"linear scan of {len(self):,} entries, {self.reason}"


def _compare(
    queries: Codes,
    block: Codes,
    differing: Codes,
    distance: npt.NDArray[np.unsignedinteger],
) -> npt.NDArray[np.unsignedinteger]:
    """Like ``hashmatch.hashing.distance.distances``, but into buffers already in the cache.

    Args:
        queries: shape (q, 1, words).
        block: shape (n, words).
        differing: shape (q, n), scratch.
        distance: shape (q, n), overwritten.

    Returns:
        ``distance``, in bits.
    """
    np.bitwise_xor(queries[..., 0], block[:, 0], out=differing)
    np.bitwise_count(differing, out=distance, casting="unsafe")
    for word in range(1, block.shape[1]):
        np.bitwise_xor(queries[..., word], block[:, word], out=differing)
        distance += np.bitwise_count(differing)
    return distance
