"""Changes laid over an index, so that a few do not rebuild millions."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from hashmatch.errors import HashMismatchError, SettingsError
from hashmatch.index.base import BuiltIndex, Codes, Hits, Index, Ints

if TYPE_CHECKING:
    from collections.abc import Iterator


class UpdatedIndex(Index):
    """An index with entries added to it and others withdrawn, over the same contract.

    The entries of the base keep their rows, and those added follow: the rows of the answers stay
    valid for whoever knows what each row stands for. A withdrawn row is found no more. Neither
    index is changed, so threads may go on searching either of them.

    Once much has been added or withdrawn, an index built afresh answers faster.

    Args:
        base: the index before the changes.
        added: an index over the entries added.
        withdrawn: int64: rows that are not to be found any more, of the base or among the added.

    Raises:
        HashMismatchError: the two indexes are of different widths.
        SettingsError: a withdrawn row is in neither.
    """

    kind: ClassVar[str] = "updated"

    def __init__(self, base: BuiltIndex, added: BuiltIndex, withdrawn: Ints) -> None:
        if base.words != added.words:
            raise HashMismatchError("entries of another width cannot be added to an index")
        rows = len(base) + len(added)
        withdrawn = np.unique(withdrawn)
        if len(withdrawn) and not 0 <= withdrawn[0] <= withdrawn[-1] < rows:
            raise SettingsError("a row is withdrawn that the index does not have")
        self.words = base.words
        self._base = base
        self._added = added
        # Pages of zeros that nothing is written to take no memory, and no time
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
