"""Decides which record of an id counts, if later records supersede earlier ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hashmatch.hashlist.columns import Rows, TextColumn
from hashmatch.hashlist.problems import Problems
from hashmatch.hashlist.revisions import Revisions
from hashmatch.hashlist.section import Lines, ListSection
from hashmatch.model import HashKind
from hashmatch.text import count as counted

Mask = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Superseder:
    """Remembers the id of every record, and what decides between records with one id.

    Attributes:
        latest: the record with the highest rank counts; among equals, the last; one without a rank
            outranks all before it. Otherwise an id that is withdrawn must not occur anywhere else.
        revisions: what is known about ids from earlier lists, which older records do not supersede.
        replaced: how many hashes do not count because a later record of their id has others.
    """

    latest: bool
    revisions: Revisions | None = None
    count: int = 0
    replaced: int = 0
    _ids: list[TextColumn] = field(default_factory=list)
    _numbers: list[Lines] = field(default_factory=list)
    _ranks: list[Rows] = field(default_factory=list)
    _withdrawn: list[Mask] = field(default_factory=list)

    def add(self, ids: TextColumn, numbers: Lines, ranks: Rows, withdrawn: Mask) -> None:
        """Remember some records. Those with an empty id supersede nothing."""
        self.count += len(ids)
        self._ids.append(ids)
        self._numbers.append(numbers)
        self._ranks.append(ranks)
        self._withdrawn.append(withdrawn)

    def notices(self) -> Iterator[str]:
        """Yield what to tell the operator."""
        if self.replaced:
            yield f"skipped {counted(self.replaced, 'hash', 'hashes')} that a later record replaces"

    def settle(
        self, parts: list[ListSection], problems: Problems
    ) -> tuple[list[ListSection], TextColumn]:
        """Leave out the records that do not count.

        Returns:
            The parts without those records, and the ids that are withdrawn.
        """
        if not self.count:
            return parts, TextColumn.empty(0)
        ids = TextColumn.concatenate(self._ids)
        numbers, withdrawn = np.concatenate(self._numbers), np.concatenate(self._withdrawn)
        if self.latest:
            void = self._outdated(ids, withdrawn)
        else:
            void = _contradicted(ids, withdrawn, numbers, problems)
        gone = ids.take(np.flatnonzero(withdrawn & ~void))
        if not void.any():
            return parts, gone
        outdated = [np.isin(part.lines, numbers[void]) for part in parts if part.lines is not None]
        left = [
            part.take(np.flatnonzero(~mask)) for part, mask in zip(parts, outdated, strict=True)
        ]
        if self.latest:
            pairs = zip(parts, outdated, strict=True)
            dropped = [part.take(np.flatnonzero(mask)) for part, mask in pairs if mask.any()]
            self.replaced = _replaced(dropped, left, gone)
        return [part for part in left if len(part)], gone

    def _outdated(self, ids: TextColumn, withdrawn: Mask) -> Mask:
        ranks = np.concatenate(self._ranks)
        void = _outdated(ids, ranks)
        if self.revisions is not None:
            void |= self.revisions.note(ids, ranks, withdrawn, void)
        return void


def _replaced(dropped: list[ListSection], left: list[ListSection], gone: TextColumn) -> int:
    """How many hashes were replaced, although their ids are not withdrawn."""
    prints = [part.column("id").fingerprints() for part in dropped]
    if not prints:
        return 0
    ids = np.setdiff1d(np.concatenate(prints), gone.fingerprints())
    return len(_hashes_of(ids, dropped) - _hashes_of(ids, left)) if len(ids) else 0


def _hashes_of(
    ids: npt.NDArray[np.uint64], parts: list[ListSection]
) -> set[tuple[HashKind, bytes]]:
    """The hashes of some ids, each after its id's fingerprint. ``ids`` are sorted fingerprints."""
    found: set[tuple[HashKind, bytes]] = set()
    for part in parts:
        prints = part.column("id").fingerprints()
        # Parts are many and short, and isin would sort all ids again for each
        place = np.minimum(np.searchsorted(ids, prints), len(ids) - 1)
        rows = np.flatnonzero(ids[place] == prints)
        whole = np.column_stack((prints[rows], part.codes[rows]))
        found.update((part.kind, row.tobytes()) for row in whole)
    return found


def _repeated(ids: TextColumn) -> Iterator[tuple[int, bytes]]:
    """Rows whose id may occur twice, with their ids. There are few, unless many really do."""
    prints = ids.fingerprints()
    ordered = np.sort(prints)
    suspects = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    for row in np.flatnonzero(np.isin(prints, suspects)).tolist():
        text = ids.bytes_at(row)
        if text:
            yield row, text


def _outdated(ids: TextColumn, ranks: Rows) -> Mask:
    void = np.zeros(len(ids), dtype=np.bool_)
    best: dict[bytes, int] = {}
    for row, text in _repeated(ids):
        other = best.setdefault(text, row)
        if other != row:
            later = not ranks[row] or ranks[row] >= ranks[other]
            best[text], outdated = (row, other) if later else (other, row)
            void[outdated] = True
    return void


def _contradicted(ids: TextColumn, withdrawn: Mask, numbers: Lines, problems: Problems) -> Mask:
    void = np.zeros(len(ids), dtype=np.bool_)
    if not withdrawn.any():
        return void
    repeated = list(_repeated(ids))
    gone = {text for row, text in repeated if withdrawn[row]}
    first: dict[bytes, int] = {}
    kept: set[bytes] = set()
    for row, text in repeated:
        if text in gone:
            void[row] = text in kept or not withdrawn[row]
            if withdrawn[row]:
                kept.add(text)
            other = first.setdefault(text, row)
            if other != row:
                problems.add(int(numbers[row]), f"the id is on line {numbers[other]} already")
    return void
