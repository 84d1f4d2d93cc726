"""Finds equal hashes in a hash table: for digests, and for every search at radius 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from hashmatch.index.base import (
    BuiltIndex,
    Codes,
    Hits,
    IndexArrays,
    Ints,
    check_search,
    take_table,
)
from hashmatch.index.linear import LinearIndex
from hashmatch.index.ranges import equal_in_runs
from hashmatch.model import WORD_BITS

if TYPE_CHECKING:
    from collections.abc import Iterator

_FACTOR = 0x9E37_79B9_7F4A_7C15
"""2 ** 64 divided by the golden ratio. The highest bits of a product with it depend on all bits
(Knuth, The Art of Computer Programming, volume 3, section 6.4)."""

_ALL = (1 << WORD_BITS) - 1

_FEW = 16
"""Up to this many queries, Python alone is faster than NumPy's calls (measured)."""


class EqualIndex(BuiltIndex):
    """A hash table with at least as many buckets as entries. At larger radii it scans.

    ``rows`` lists the entries bucket by bucket, and ``starts`` says where each bucket begins. They
    take 8 to 12 bytes an entry.
    """

    kind: ClassVar[str] = "equal"
    TABLES = ("rows", "starts")

    def _build(self) -> IndexArrays:
        self._shift = _shift_for(len(self))
        buckets = 1 << WORD_BITS - self._shift
        bucket = self._buckets(self.codes)
        starts = np.zeros(buckets + 1, np.uint32)
        starts[1:] = np.bincount(bucket, minlength=buckets).cumsum()
        return {"rows": np.argsort(bucket, kind="stable").astype(np.uint32), "starts": starts}

    def _take_up(self, tables: IndexArrays) -> None:
        self._shift = _shift_for(len(self))
        buckets = 1 << WORD_BITS - self._shift
        self._rows = take_table(tables, "rows", np.uint32, (len(self),))
        self._starts = take_table(tables, "starts", np.uint32, (buckets + 1,))
        self._scan = LinearIndex(self.codes)

    def explain(self) -> str:
        """See ``Index.explain``."""
        return f"hash table of {len(self):,} entries, {self.reason}"

    def search(self, queries: Codes, radius: int) -> Hits:
        """See ``Index.search``. Equal entries are found in order, so there is nothing to sort."""
        if radius:
            return super().search(queries, radius)
        queries, _ = check_search(self.words, queries, radius)
        return Hits.join(self.pieces(queries, 0))

    def pieces(self, queries: Codes, radius: int) -> Iterator[Hits]:
        """See ``Index.pieces``."""
        if radius:
            yield from self._scan.pieces(queries, radius)
        elif len(queries) <= _FEW:
            yield from self._one_by_one(queries)
        else:
            bucket = self._buckets(queries)
            start, stop = self._starts.take(bucket), self._starts.take(bucket + 1)
            yield from equal_in_runs(self.codes, queries, self._rows, start, stop)

    def _one_by_one(self, queries: Codes) -> Iterator[Hits]:
        starts, rows, words = self._starts, self._rows, self.codes.reshape(-1)
        shift, width = self._shift, self.words
        found = []
        for number, query in enumerate(queries.tolist()):
            mixed = 0
            for word in query:
                mixed = (mixed ^ word) * _FACTOR & _ALL
            bucket = mixed >> shift
            begin, end = starts.item(bucket), starts.item(bucket + 1)
            for row in rows[begin:end].tolist() if begin < end else ():
                first = row * width
                if words.item(first) == query[0] and self.codes[row].tolist() == query:
                    found.append((number, row))
        if found:
            asker, row = np.array(found).T
            yield Hits(asker, row, np.zeros(len(row), np.uint16))

    def _buckets(self, codes: Codes) -> Ints:
        """The bucket of each hash: the highest bits of its words, folded into one."""
        factor = np.uint64(_FACTOR)
        mixed = codes[:, 0] * factor
        for word in range(1, self.words):
            mixed = (mixed ^ codes[:, word]) * factor
        return (mixed >> np.uint64(self._shift)).view(np.int64)


def _shift_for(entries: int) -> int:
    """How many low bits of a product to drop, so that there is a bucket for each entry."""
    return WORD_BITS - max(1, (entries - 1).bit_length())
