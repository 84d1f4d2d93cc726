"""Finds the entries of one list that two kinds of hash agree on.

Agreement reaches further out than one hash alone, where one kind has very many near entries. So
only the first kind is searched; the other hash of each entry found is compared directly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from hashmatch.hashing import ALGORITHMS, Codes
from hashmatch.hashing.distance import distances
from hashmatch.hashlist import ListSection, SectionUpdate
from hashmatch.match.cutoffs import FURTHER, NEVER, TURNED, USUAL, Cutoffs, Distances
from hashmatch.match.sections import IndexedSection, Rows
from hashmatch.match.symmetries import turn, turn_mask
from hashmatch.model import QUARTER, HashKind, ViewHashes, is_further

Flags: TypeAlias = npt.NDArray[np.bool_]
Sorts: TypeAlias = npt.NDArray[np.int8]


def sorts_of(views: Iterable[ViewHashes]) -> Sorts:
    """The sort of each view, by its name, shape (n,); a quarter turn's is ``TURNED``."""
    return np.fromiter((_sort_of(view.view) for view in views), dtype=np.int8)


def _sort_of(name: str) -> int:
    if not is_further(name):
        return USUAL
    return TURNED if name.rpartition("+")[2] == QUARTER else FURTHER


class Agreed(NamedTuple):
    """Pairs of a query and an entry that two hashes agree on; each array has one item a pair.

    Attributes:
        query: the query's number.
        symmetry: which mirror image of the query it is, as in ``Agreement.symmetries``.
        rows: for each section, the entry's row.
        apart: for each section, the distance in bits.
    """

    query: Rows
    symmetry: Rows
    sort: int
    rows: tuple[Rows, Rows]
    apart: tuple[Rows, Rows]


class _Readings(NamedTuple):
    """What to look up of some views; each array has one item a reading.

    Attributes:
        query: the view's number.
        symmetry: which mirror image of it, as in ``Agreement.symmetries``; 0 for itself.
        sort: of all of them.
    """

    query: Rows
    symmetry: Rows
    sort: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two sections of one list, and how near both hashes of an entry must be.

    Attributes:
        places: the sections' numbers. The first is searched, so chance should be rarer there.
        partners: for each row of the first section, that of the same entry in the second; -1 where
            there is none.
        within: the cutoff of each sort of reading, in bits.
        symmetries: the mirror images of each query to look up as well, by name.
        quarters: whether to look up views with rows and columns exchanged.
    """

    places: tuple[int, int]
    sections: tuple[IndexedSection, IndexedSection]
    partners: Rows
    within: tuple[Distances, Distances, Distances]
    symmetries: tuple[str, ...] = ()
    quarters: bool = False

    @property
    def kinds(self) -> tuple[HashKind, HashKind]:
        """Of the two sections."""
        return self.sections[0].kind, self.sections[1].kind

    @property
    def adds_suspects(self) -> bool:
        """Whether it finds more than lies within the first section's own threshold."""
        first = self.sections[0]
        usual, turned, further = (within[first.kind] for within in self.within)
        return max(turned, further) >= 0 or usual > first.threshold

    def find(self, queries: Mapping[HashKind, Codes], sorts: Sorts) -> Iterator[Agreed]:
        """Find every entry that both hashes of a query agree on, by one sort of reading at a time.

        Args:
            queries: exact hashes of both kinds, each of shape (n, words).
            sorts: of the queries' views, shape (n,): see ``sorts_of``.
        """
        return (self._find(queries, asked) for asked in self._readings(sorts))

    def _find(self, queries: Mapping[HashKind, Codes], asked: _Readings) -> Agreed:
        """Find the entries that both hashes of readings of one sort agree on."""
        (first, second), within = self.sections, self.within[asked.sort]
        turned = {kind: self._each(kind, queries[kind], asked, turn) for kind in self.kinds}
        near = first.index.search(turned[first.kind], within[first.kind])
        partner = self.partners[near.row]
        has = partner >= 0
        query, row, partner = near.query[has], near.row[has], partner[has]
        own = near.distance[has].astype(np.int64)
        apart = distances(turned[second.kind][query], second.codes(partner)).astype(np.int64)
        agree = apart <= within[second.kind]
        return Agreed(
            asked.query[query[agree]],
            asked.symmetry[query[agree]],
            asked.sort,
            (row[agree], partner[agree]),
            (own[agree], apart[agree]),
        )

    def _readings(self, sorts: Sorts) -> Iterator[_Readings]:
        """What to look up, sort by sort: each view, and the mirror images of most."""
        usual, quartered, further = (np.flatnonzero(sorts == sort) for sort in range(3))
        yield _Readings(usual, np.zeros_like(usual), USUAL)
        if self.symmetries and self.within[TURNED][self.kinds[0]] >= 0:
            plain = quartered if self.quarters else quartered[:0]
            sides = np.concatenate([usual, plain])
            query = np.concatenate([plain, *(sides for _ in self.symmetries)])
            which = np.repeat(np.arange(1, 1 + len(self.symmetries)), len(sides))
            yield _Readings(query, np.concatenate([np.zeros_like(plain), which]), TURNED)
        if len(further) and self.within[FURTHER][self.kinds[0]] >= 0:
            yield _Readings(further, np.zeros_like(further), FURTHER)

    def _each(
        self,
        kind: HashKind,
        codes: Codes,
        asked: _Readings,
        change: Callable[[HashKind, Codes, str], Codes],
    ) -> Codes:
        """The hashes or masks of readings, which are in the order of their symmetries."""
        parts = [codes[asked.query[asked.symmetry == 0]]]
        for number, name in enumerate(self.symmetries, 1):
            parts.append(change(kind, codes[asked.query[asked.symmetry == number]], name))
        return np.concatenate(parts)

    def may_agree(
        self,
        codes: Mapping[HashKind, Codes],
        uncertain_bits: Mapping[HashKind, Codes],
        sorts: Sorts,
    ) -> Flags:
        """Tell which previews' exact hashes may agree on an entry; bool, shape (n,)."""
        flags = np.zeros(len(sorts), dtype=np.bool_)
        for asked in self._readings(sorts):
            flags[self._may_agree(codes, uncertain_bits, asked)] = True
        return flags

    def _may_agree(
        self,
        codes: Mapping[HashKind, Codes],
        uncertain_bits: Mapping[HashKind, Codes],
        asked: _Readings,
    ) -> Rows:
        """The numbers of the views that may agree on an entry by one of these readings."""
        (first, second), within = self.sections, self.within[asked.sort]
        turned = {kind: self._each(kind, codes[kind], asked, turn) for kind in self.kinds}
        unsure = {
            kind: self._each(kind, uncertain_bits[kind], asked, turn_mask) for kind in self.kinds
        }

        def screen(section: IndexedSection, query: Rows, row: Rows) -> tuple[Rows, Rows]:
            kind = section.kind
            near = may_be_near(
                turned[kind][query], unsure[kind][query], section.codes(row), kind, within[kind]
            )
            return query[near], row[near]

        found = [asked.query[:0]]
        for pair in first.index.uncertain(
            turned[first.kind], unsure[first.kind], within[first.kind], max_bit_flips(first.kind)
        ):
            query, row = screen(first, *pair)
            partner = self.partners[row]
            has = partner >= 0
            query, _ = screen(second, query[has], partner[has])
            found.append(asked.query[query])
        return np.concatenate(found)


def max_bit_flips(kind: HashKind) -> int:
    """The most bits of a preview's hash that the exact one has the other way."""
    return (ALGORITHMS[kind.algorithm].max_bit_flips or {}).get(kind.bits, kind.bits)


def may_be_near(
    codes: Codes, uncertain_bits: Codes, entries: Codes, kind: HashKind, threshold: int
) -> Flags:
    """Tell which previews' exact hashes may be within the threshold of an entry each.

    The exact hash differs from its preview only in uncertain bits, and only in a few of them. So it
    can be near only if the preview is within the threshold plus those few, and within the threshold
    by its certain bits alone. All arrays have the shape (n, words). The threshold is in
    bits.
    """
    sure = ~uncertain_bits
    near: Flags = distances(codes & sure, entries & sure) <= threshold
    near &= distances(codes, entries) <= threshold + max_bit_flips(kind)
    return near


def find_agreements(sections: list[IndexedSection], cutoffs: Cutoffs) -> list[Agreement]:
    """Pair the sections of each list that a cutoff of two kinds names."""
    return [
        _agreement((place, other), (section, partner), within, cutoffs)
        for within in cutoffs.agreements()
        for (place, section), (other, partner) in permutations(enumerate(sections), 2)
        if [section.kind, partner.kind] == _in_order(within)
        and section.hash_list is partner.hash_list
    ]


def _in_order(within: Distances) -> list[HashKind]:
    """Two kinds, dHash last: it has most look-alikes, since smooth pictures share it."""
    return sorted(within, key=lambda kind: (kind.algorithm == "dhash", -kind.bits))


def _agreement(
    places: tuple[int, int],
    sections: tuple[IndexedSection, IndexedSection],
    within: Distances,
    cutoffs: Cutoffs,
) -> Agreement:
    never = dict.fromkeys(within, NEVER)
    turned, further = (cutoffs.of(within, sort) or never for sort in (TURNED, FURTHER))
    partners = find_partners(sections[0].rows, sections[1].rows)
    return Agreement(
        places,
        sections,
        partners,
        (within, turned, further),
        cutoffs.symmetries,
        cutoffs.quarters,
    )


def find_partners(rows: ListSection | SectionUpdate, others: ListSection | SectionUpdate) -> Rows:
    """The row of the same entry in another section, for each row; -1 where there is none.

    Lists that were made of entries with both hashes have them in the same order, which is quick to
    see. Otherwise it takes about a second per million entries.
    """
    if isinstance(rows, ListSection) and isinstance(others, ListSection):
        one, two = rows.column("id"), others.column("id")
        if rows.lines is None and others.lines is None and one.equals(two):
            return np.arange(len(rows), dtype=np.int64)
        return others.find(rows.ids(0, len(rows)))
    sections = (rows.base, rows.added) if isinstance(rows, SectionUpdate) else (rows,)
    return others.find([name for each in sections for name in each.ids(0, len(each))])
