"""Lays a few changes over an index, instead of building it anew from millions of entries."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from hashmatch.errors import HashMismatchError, SettingsError
from hashmatch.index.base import BuiltIndex, Codes, Hits, Index, Ints

if TYPE_CHECKING:
    from collections.abc import Iterator


class UpdatedIndex(Index):
    """An index with some entries added and others withdrawn.

    Base entries keep their rows and added ones follow, so a row means the same before and after.
    Withdrawn rows are no longer found. Neither index changes, so threads may go on searching both.

    After many changes, a new index answers faster.

    Args:
        base: the index before the changes.
        added: an index over the added entries.
        withdrawn: int64, the rows to leave out, whether of the base or added.

    Raises:
        HashMismatchError: the two indexes differ in width.
        SettingsError: a withdrawn row does not exist.
    """

    kind: ClassVar[str] = "updated"

    def __init__(self, base: BuiltIndex, added: BuiltIndex, withdrawn: Ints) -> None:
        if base.words != added.words:
            raise HashMismatchError("cannot add entries of another width to an index")
        rows = len(base) + len(added)
        withdrawn = np.unique(withdrawn)
        if len(withdrawn) and not 0 <= withdrawn[0] <= withdrawn[-1] < rows:
            raise SettingsError("cannot withdraw a row that the index does not have")
        self.words = base.words
        self._base = base
        self._added = added
        # Pages of zeros take no memory and no time until they are written to
        self._withdrawn = np.zeros(rows, np.bool_)
        self._withdrawn[withdrawn] = True
        self._left = rows - len(withdrawn)

    def __len__(self) -> int:
        return self._left

    def pieces(self, queries: Codes, radius: int) -> Iterator[Hits]:
        """See ``Index.pieces``."""
        for index, first in ((self._base, 0), (self._added, len(self._base))):
            for hits in index.pieces(queries, radius):
                row = hits.row + first
                left = (~self._withdrawn[row]).nonzero()[0]
                if len(left):
                    yield Hits(hits.query[left], row[left], hits.distance[left])

    def uncertain(
        self, queries: Codes, uncertain_bits: Codes, radius: int, max_bit_flips: int
    ) -> Iterator[tuple[Ints, Ints]]:
        """See ``Index.uncertain``."""
        for index, first in ((self._base, 0), (self._added, len(self._base))):
            for query, found in index.uncertain(queries, uncertain_bits, radius, max_bit_flips):
                row = found + first
                left = (~self._withdrawn[row]).nonzero()[0]
                yield query[left], row[left]

    def explain(self) -> str:
        """See ``Index.explain``."""
        gone = len(self._base) + len(self._added) - len(self)
        return f"{self._base.explain()}; {len(self._added)} added and {gone} withdrawn since"
