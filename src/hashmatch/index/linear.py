"""Compares with every entry: the reference that all other indexes must equal."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias
from warnings import catch_warnings

import numpy as np
import numpy.typing as npt

from hashmatch.index.base import BuiltIndex, Codes, Hits, IndexArrays
from hashmatch.model import WORD_BITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Compare: TypeAlias = "Callable[[Codes, Codes], npt.NDArray[np.integer]]"
"""Takes queries and entries, and returns their distances in bits, shape (queries, entries). The
next call overwrites them."""

TILE = 1 << 15
"""Pairs to compare at a time. Their XOR, 256 KiB, stays in a core's own cache (measured)."""

FAISS_TILE = 1 << 17
"""The same for faiss, which keeps no XOR; a call of it takes as long as 10,000 pairs (measured)."""

FAISS_QUERIES = 8
"""Queries of a tile for faiss, so that entries are fetched from memory once for all of them."""

LONG = 1 << 15
"""Words that a list must have for faiss, which takes 0.15 s to import."""

WORD_NS = 1
"""The time to compare a word by NumPy, in nanoseconds."""

FAISS_ENTRY_NS, FAISS_WORD_NS = 0.25, 0.12
"""The time to compare an entry by faiss, in nanoseconds, and what each of its words adds."""


class LinearIndex(BuiltIndex):
    """Compares each query with each entry. It needs no tables and no time to build.

    It works in tiles of queries and entries, so its memory does not depend on how many there are.
    A long list is compared by faiss where that is installed, otherwise by NumPy.
    """

    kind: ClassVar[str] = "linear"
    TABLES = ()

    def pieces(self, queries: Codes, radius: int) -> Iterator[Hits]:
        """See ``Index.pieces``."""
        if not len(self.codes):
            return
        faiss = _faiss() if self._is_long() else None
        if faiss is None:
            entries = min(len(self.codes), TILE)
            step = TILE // entries
            compare = _by_numpy(self.words, step, entries)
        else:
            step = min(len(queries), FAISS_QUERIES)
            entries = min(len(self.codes), FAISS_TILE // step)
            compare = _by_faiss(faiss, step * entries)
        for top in range(0, len(queries), step):
            tile = queries[top : top + step]
            for left in range(0, len(self.codes), entries):
                block = self.codes[left : left + entries]
                total = compare(tile, block)
                near = (total <= radius).ravel().nonzero()[0]
                if len(near):
                    query, row = np.divmod(near, len(block))
                    yield Hits(query + top, row + left, total[query, row].astype(np.uint16))

    def expected_cost(self) -> float:
        """The expected cost of a query, in nanoseconds."""
        words: int = self.codes.size
        if self._is_long() and find_spec("faiss") is not None:
            return FAISS_ENTRY_NS * len(self) + FAISS_WORD_NS * words
        return float(WORD_NS * words)

    def _is_long(self) -> bool:
        return self.codes.size >= LONG

    def _build(self) -> IndexArrays:
        return {}

    def _take_up(self, tables: IndexArrays) -> None:
        """Do nothing: there are no tables."""

    def explain(self) -> str:
        """See ``Index.explain``."""
        return f"linear scan of {len(self):,} entries, {self.reason}"


@cache
def _faiss() -> Any:
    """The module; None if it is not installed."""
    with suppress(ImportError), catch_warnings(action="ignore"):  # SWIG's own, from Python 3.12 on
        return import_module("faiss")
    return None


def _by_faiss(faiss: Any, pairs: int) -> Compare:
    """Compare up to so many pairs at a time."""
    distance = np.empty(pairs, np.int32)
    where = faiss.swig_ptr(distance)

    def compare(queries: Codes, block: Codes) -> npt.NDArray[np.int32]:
        asked, known = (faiss.swig_ptr(codes.view(np.uint8)) for codes in (queries, block))
        octets = block.itemsize * block.shape[1]
        faiss.hammings(asked, known, len(queries), len(block), octets, where)
        return distance[: len(queries) * len(block)].reshape(len(queries), len(block))

    return compare


def _by_numpy(words: int, step: int, entries: int) -> Compare:
    """Compare up to ``step`` queries with up to so many entries, in buffers that stay in the cache.

    It does what ``hashmatch.hashing.distance.distances`` does.
    """
    # 256 differing bits would overflow a byte
    counted = np.uint8 if WORD_BITS * words < 256 else np.uint16
    buffer = np.empty((step, entries), np.uint64)
    distance = np.empty((step, entries), counted)

    def compare(queries: Codes, block: Codes) -> npt.NDArray[np.unsignedinteger]:
        shape = np.s_[: len(queries), : len(block)]
        differing, total = buffer[shape], distance[shape]
        np.bitwise_xor(queries[:, None, 0], block[:, 0], out=differing)
        np.bitwise_count(differing, out=total, casting="unsafe")
        for word in range(1, words):
            np.bitwise_xor(queries[:, None, word], block[:, word], out=differing)
            total += np.bitwise_count(differing)
        return total

    return compare
