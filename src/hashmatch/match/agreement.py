"""Finds the entries of one list that two kinds of hash agree on.

Agreement reaches further out than one hash alone, where one kind has very many near entries. So
only the first kind is searched; the other hash of each entry found is compared directly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from hashmatch.hashing import ALGORITHMS, Codes
from hashmatch.hashing.distance import distances
from hashmatch.hashlist import ListSection, SectionUpdate
from hashmatch.match.cutoffs import NEVER, Cutoffs, Distances
from hashmatch.match.sections import IndexedSection, Rows
from hashmatch.match.symmetries import turn, turn_mask
from hashmatch.model import QUARTER, HashKind, ViewHashes, is_further

Flags: TypeAlias = npt.NDArray[np.bool_]
Sorts: TypeAlias = npt.NDArray[np.int8]

USUAL, QUARTERED, FURTHER = range(3)
"""Sorts of views: those that count by one hash too; those with rows and columns exchanged, which
count with their mirror images where two hashes agree; and those that count only where two hashes
agree, without mirror images."""


def sorts_of(views: Iterable[ViewHashes]) -> Sorts:
    """The sort of each view, by its name; shape (n,)."""
    return np.fromiter((_sort_of(view.view) for view in views), dtype=np.int8)


def _sort_of(name: str) -> int:
    if not is_further(name):
        return USUAL
    return QUARTERED if name.rpartition("+")[2] == QUARTER else FURTHER


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
    rows: tuple[Rows, Rows]
    apart: tuple[Rows, Rows]


class _Readings(NamedTuple):
    """What to look up of some views; each array has one item a reading.

    Attributes:
        query: the view's number.
        symmetry: which mirror image of it, as in ``Agreement.symmetries``; 0 for itself.
        sort: of the view.
    """

    query: Rows
    symmetry: Rows
    sort: Sorts


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two sections of one list, and how near both hashes of an entry must be.

    Attributes:
        places: the sections' numbers. The first is searched, so chance should be rarer there.
        sections: the two.
        partners: for each row of the first section, that of the same entry in the second; -1 where
            there is none.
        within: the cutoff, in bits.
        further_within: that of further views; never more.
        symmetries: the mirror images of each query to look up as well, by name.
        quarters: whether to look up views with rows and columns exchanged.
    """

    places: tuple[int, int]
    sections: tuple[IndexedSection, IndexedSection]
    partners: Rows
    within: Distances
    further_within: Distances
    symmetries: tuple[str, ...] = ()
    quarters: bool = False

    @property
    def adds_suspects(self) -> bool:
        """Whether it finds more than lies within the first section's own threshold."""
        first = self.sections[0]
        further = self.further_within[first.kind] >= 0
        return further or bool(self.symmetries) or self.within[first.kind] > first.threshold

    def find(self, queries: Mapping[HashKind, Codes], sorts: Sorts) -> Agreed:
        """Find every entry that both hashes of a query agree on.

        Args:
            queries: exact hashes of both kinds, each of shape (n, words).
            sorts: of the queries' views, shape (n,): see ``sorts_of``.
        """
        first, second = self.sections
        asked = self._readings(sorts)
        turned = {kind: self._turned(kind, queries[kind], asked) for kind in self.within}
        near = first.index.search(turned[first.kind], self.within[first.kind])
        partner = self._partners(near.row)
        has = partner >= 0
        query, row, partner = near.query[has], near.row[has], partner[has]
        own = near.distance[has].astype(np.int64)
        apart = distances(turned[second.kind][query], second.codes(partner)).astype(np.int64)
        agree = self._agree(asked.sort[query], own, apart)
        return Agreed(
            asked.query[query[agree]],
            asked.symmetry[query[agree]],
            (row[agree], partner[agree]),
            (own[agree], apart[agree]),
        )

    def _agree(self, sort: Sorts, own: Rows, apart: Rows) -> Flags:
        """Tell which pairs are within the cutoff of their view."""
        first, second = self.sections
        usual = (own <= self.within[first.kind]) & (apart <= self.within[second.kind])
        further = own <= self.further_within[first.kind]
        further &= apart <= self.further_within[second.kind]
        agree: Flags = np.where(sort == FURTHER, further, usual)
        return agree

    def _readings(self, sorts: Sorts) -> _Readings:
        """What to look up: each view, and the mirror images of those that have any."""
        every = np.arange(len(sorts))
        if not self.quarters:
            every = every[sorts != QUARTERED]
        turned = every[sorts[every] != FURTHER] if self.symmetries else every[:0]
        query = np.concatenate([every, *(turned for _ in self.symmetries)])
        symmetry = np.repeat(
            np.arange(1 + len(self.symmetries)),
            [len(every), *(len(turned) for _ in self.symmetries)],
        )
        return _Readings(query, symmetry, sorts[query])

    def _turned(self, kind: HashKind, codes: Codes, asked: _Readings) -> Codes:
        """The hashes of all readings, one after another."""
        return self._each(kind, codes, asked, turn)

    def _each(
        self,
        kind: HashKind,
        codes: Codes,
        asked: _Readings,
        change: Callable[[HashKind, Codes, str], Codes],
    ) -> Codes:
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
        first, second = self.sections
        asked, flags = self._readings(sorts), np.zeros(len(sorts), dtype=np.bool_)
        codes = {kind: self._turned(kind, codes[kind], asked) for kind in self.within}
        uncertain_bits = {
            kind: self._each(kind, uncertain_bits[kind], asked, turn_mask) for kind in self.within
        }
        for query, row in first.index.uncertain(
            codes[first.kind],
            uncertain_bits[first.kind],
            self.within[first.kind],
            max_bit_flips(first.kind),
        ):
            near = self._may_be_near(first, codes, uncertain_bits, query, row)
            left, partner = query[near], self._partners(row[near])
            has = partner >= 0
            left, partner = left[has], partner[has]
            near = self._may_be_near(second, codes, uncertain_bits, left, partner)
            flags[asked.query[left[near]]] = True
        return flags

    def _may_be_near(
        self,
        section: IndexedSection,
        codes: Mapping[HashKind, Codes],
        uncertain_bits: Mapping[HashKind, Codes],
        query: Rows,
        row: Rows,
    ) -> Flags:
        kind = section.kind
        asked, unsure = codes[kind][query], uncertain_bits[kind][query]
        return may_be_near(asked, unsure, section.codes(row), kind, self.within[kind])

    def _partners(self, rows: Rows) -> Rows:
        """The rows of the same entries in the second section; -1 where it has none."""
        return self.partners[rows]


def max_bit_flips(kind: HashKind) -> int:
    """The most bits of a preview's hash that the exact one has the other way."""
    return (ALGORITHMS[kind.algorithm].max_bit_flips or {}).get(kind.bits, kind.bits)


def may_be_near(
    codes: Codes, uncertain_bits: Codes, entries: Codes, kind: HashKind, threshold: int
) -> Flags:
    """Tell which previews' exact hashes may be within the threshold of an entry each.

    The exact hash differs from its preview only in uncertain bits, and only in a few of them. So it
    can be near only if the preview is within the threshold plus those few, and within the threshold
    by its certain bits alone.

    Args:
        codes: the previews' hashes, shape (n, words).
        uncertain_bits: their uncertain bits, in the same shape.
        entries: the entries' hashes, in the same shape.
        kind: of all of them.
        threshold: in bits.
    """
    sure = ~uncertain_bits
    near: Flags = distances(codes & sure, entries & sure) <= threshold
    near &= distances(codes, entries) <= threshold + max_bit_flips(kind)
    return near


def find_agreements(sections: list[IndexedSection], cutoffs: Cutoffs) -> list[Agreement]:
    """Pair the sections of each list that a cutoff of several kinds names, the rarer kind first."""
    return list(
        chain.from_iterable(_pairs(sections, within, cutoffs) for within in cutoffs.agreements())
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


def _pairs(
    sections: list[IndexedSection], within: Distances, cutoffs: Cutoffs
) -> Iterator[Agreement]:
    # dHash has most look-alikes, since smooth pictures share it
    first, second = sorted(within, key=lambda kind: (kind.algorithm == "dhash", -kind.bits))
    for place, section in enumerate(sections):
        for other, partner in enumerate(sections):
            if (section.kind, partner.kind) == (
                first,
                second,
            ) and section.hash_list is partner.hash_list:
                partners = find_partners(section.rows, partner.rows)
                yield Agreement(
                    (place, other),
                    (section, partner),
                    partners,
                    within,
                    cutoffs.of(within, further=True) or dict.fromkeys(within, NEVER),
                    cutoffs.symmetries,
                    cutoffs.quarters,
                )
