"""Ordinary pictures against the operator's own list: which entries would match them falsely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hashmatch.evaluate.gather import Measurements
from hashmatch.evaluate.identity import CHOOSE, LEFT_OUT, SCORE, Identities
from hashmatch.evaluate.intervals import Estimate, wilson, wilson_needs
from hashmatch.evaluate.negatives import best_of_each
from hashmatch.evaluate.settings import EvaluationSettings
from hashmatch.hashing import ALGORITHMS, default_threshold
from hashmatch.hashing.distance import distances
from hashmatch.hashlist import HashList, Section
from hashmatch.index import build_index
from hashmatch.model import HashKind

Ints: TypeAlias = npt.NDArray[np.int64]

REACH = 3 / 16
"""Thresholds are looked at up to this share of the bits: 12 of 64."""

NAMED = 20
"""How many entries are named of those that match the most pictures, and of the flat ones."""

_BATCH = 64


@dataclass(frozen=True, slots=True)
class NamedEntry:
    """An entry that matches ordinary pictures.

    Attributes:
        id: the list's own id for it.
        pictures: how many it is near to.
        nearest: the smallest distance, in bits.
    """

    id: str
    pictures: int
    nearest: int


@dataclass(frozen=True, slots=True, repr=False)
class ListFigures:
    """What a list's entries of one kind do with ordinary pictures.

    Attributes:
        list: the list's name.
        kind: of the entries.
        entries: how many there are.
        threshold: the default of the kind, in bits, which entries are named for.
        pictures: shape (2,), how many pictures there are in the half to choose on and to score on.
        matched: shape (2, levels), how many of them match some entry, by threshold.
        hits: shape (levels,), how many pairs of a picture and an entry match.
        named: the entries that match the most pictures.
        matching_entries: how many entries match any picture.
        near_flat: the ids of entries that are near to what a blank picture gives.
        near_flat_count: how many there are.
        level: the largest threshold that keeps false matches within the limit; None for none.
        more_pictures: how many more would be needed for threshold 0, if they are like these; 0
            where there is a level, or where no number of them would do.
    """

    list: str
    kind: HashKind
    entries: int
    threshold: int
    pictures: Ints
    matched: Ints
    hits: Ints
    named: tuple[NamedEntry, ...]
    matching_entries: int
    near_flat: tuple[str, ...]
    near_flat_count: int
    level: int | None
    more_pictures: int

    def share(self, part: int) -> Estimate:
        """The share of a half's pictures that match some entry, by threshold."""
        return wilson(self.matched[part] / self.pictures[part], self.pictures[part])


def weigh_lists(
    pictures: Measurements,
    identities: Identities,
    hash_lists: list[HashList],
    settings: EvaluationSettings,
) -> list[ListFigures]:
    """Look up every picture in every section of the lists that is of an evaluated kind."""
    return [
        _weigh(pictures, identities, hash_list.name, section, settings)
        for hash_list in hash_lists
        for kind, section in hash_list.sections.items()
        if kind in pictures.kinds
    ]


def _weigh(
    pictures: Measurements,
    identities: Identities,
    name: str,
    section: Section,
    settings: EvaluationSettings,
) -> ListFigures:
    kind, threshold = section.kind, default_threshold(section.kind)
    levels = max(int(REACH * kind.bits), threshold) + 1
    best, counts, nearest, hits = _look_up(pictures, identities, section, threshold, levels)
    matched = np.stack(
        [
            np.bincount(best[identities.part == part], minlength=levels + 1)[:levels].cumsum()
            for part in (CHOOSE, SCORE)
        ]
    )
    members = np.array([(identities.part == part).sum() for part in (CHOOSE, SCORE)])
    share = matched[CHOOSE] / members[CHOOSE]
    limit = settings.max_false_per_day / settings.files_per_day
    bearable = np.flatnonzero(wilson(share, members[CHOOSE]).high <= limit)
    needed = 0 if len(bearable) else wilson_needs(float(share[0]), limit)
    # The most pictures first, then the list's own order
    order = np.argsort(-counts, kind="stable")[:NAMED]
    flat = np.flatnonzero(_near_flat(section, threshold))
    return ListFigures(
        list=name,
        kind=kind,
        entries=len(section),
        threshold=threshold,
        pictures=members,
        matched=matched,
        hits=hits.cumsum(),
        named=tuple(
            NamedEntry(section.entry(row).id, int(counts[row]), int(nearest[row]))
            for row in order.tolist()
            if counts[row]
        ),
        matching_entries=int((counts > 0).sum()),
        near_flat=tuple(section.entry(row).id for row in flat[:NAMED].tolist()),
        near_flat_count=len(flat),
        level=int(bearable[-1]) if len(bearable) else None,
        more_pictures=max(1, 2 * needed - int(members.sum())) * (needed > 0),
    )


def _look_up(
    pictures: Measurements, identities: Identities, section: Section, threshold: int, levels: int
) -> tuple[Ints, Ints, Ints, Ints]:
    """Look up in batches, so that a list with many near entries costs no memory.

    Returns:
        Each picture's distance to its nearest entry; how many pictures each entry is near to and
        its smallest distance; how many pairs there are at each distance.
    """
    index = build_index(section.codes, radius=levels - 1)
    best = np.full(len(pictures), levels, dtype=np.int64)
    counts = np.zeros(len(section), dtype=np.int64)
    nearest = np.full(len(section), levels, dtype=np.int64)
    hits = np.zeros(levels, dtype=np.int64)
    views = np.flatnonzero(identities.part[pictures.owner] != LEFT_OUT)
    queries = pictures.queries[section.kind]
    # Whole pictures to a batch, so that a picture with several views counts once for an entry
    owners = np.unique(pictures.owner[views])
    for start in range(0, len(owners), _BATCH):
        batch = views[np.isin(pictures.owner[views], owners[start : start + _BATCH])]
        found = index.search(queries[batch], levels - 1)
        owner, apart = pictures.owner[batch][found.query], found.distance.astype(np.int64)
        owner, row, apart = best_of_each(owner, found.row, apart)
        np.minimum.at(best, owner, apart)
        np.minimum.at(nearest, row, apart)
        hits += np.bincount(apart, minlength=levels)
        counts += np.bincount(row[apart <= threshold], minlength=len(section))
    return best, counts, nearest, hits


def _near_flat(section: Section, threshold: int) -> npt.NDArray[np.bool_]:
    """Which entries are within the threshold of what a blank picture gives."""
    near = np.zeros(len(section), dtype=np.bool_)
    octets = section.kind.bits // 8
    for first in ALGORITHMS[section.kind.algorithm].flat:
        rest = b"\xff" if first == 0xFF else b"\0"
        pattern = np.frombuffer(bytes([first]) + rest * (octets - 1), dtype=">u8")
        near |= distances(section.codes, pattern.astype(np.uint64)) <= threshold
    return near
