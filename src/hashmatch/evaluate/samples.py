"""Chance rates far below what pairs of pictures reach: crops and mirror images as negatives.

A thousand pictures have half a million pairs, and a list of a million entries makes as many with
every file. But crops of two different pictures are different pictures, too, and so are their mirror
images. With 24 crops and 4 symmetries of each, a thousand pictures give 1.2 thousand million pairs.

These pairs are not independent: they share pictures. If two pictures have one near pair, they often
have more. So each count comes with the number of independent near pairs that would vary as much:
the near pairs of each picture are added up to its degree, and the sum of the degrees, squared, is
divided by twice the sum of their squares (the design effect of L. Kish, "Survey Sampling", 1965).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from hashmatch.evaluate.gather import Measurements
from hashmatch.evaluate.identity import LEFT_OUT, Identities
from hashmatch.evaluate.intervals import Ints
from hashmatch.hashing import Codes
from hashmatch.hashing.distance import distances
from hashmatch.match.symmetries import SYMMETRIES, TURNABLE, turn
from hashmatch.model import HashKind

REACH = 16
"""Bits of 64 up to which near pairs are counted."""

MOST = 50_000
"""Crops of all pictures to compare at most; with more pictures, fewer of each."""

_TILE = 1 << 17
"""Pairs compared at a time, so that their distances fit a core's cache."""


@dataclass(frozen=True, slots=True, repr=False)
class SampleCounts:
    """How many pairs of crops of different pictures are near.

    Attributes:
        crops: how many crops were compared.
        pairs: how many pairs.
        near: for each set of kinds, the pairs within each distance, which for several kinds is in
            bits of 64; with the number of independent ones.
    """

    crops: int
    pairs: int
    near: Mapping[tuple[HashKind, ...], list[tuple[int, float]]]

    def record(self) -> dict[str, Any]:
        """Plain values, for the evaluation's record."""
        return {
            "crops": self.crops,
            "pairs": self.pairs,
            "near": [
                {
                    "kinds": [str(kind) for kind in kinds],
                    "within": [near for near, _ in counts],
                    "independent": [round(independent, 2) for _, independent in counts],
                }
                for kinds, counts in self.near.items()
            ],
        }


def count_samples(pictures: Measurements, identities: Identities) -> SampleCounts:
    """Compare the crops of all pictures that are not copies of others."""
    kinds = [kind for kind in pictures.kinds if kind.algorithm in TURNABLE]
    each = max(1, MOST // max(1, len(pictures)))
    chosen = _first_of_each(pictures.sample_owner, each)
    chosen &= identities.part[pictures.sample_owner] != LEFT_OUT
    owner = pictures.sample_owner[chosen]
    codes = {kind: pictures.samples[kind][chosen] for kind in kinds if len(owner)}
    sets = [*((kind,) for kind in codes), *combinations(codes, 2)]
    found: dict[tuple[HashKind, ...], list[Ints]] = {kinds: [] for kinds in sets}
    pairs = 0
    for picture in np.unique(owner).tolist():
        start, stop = np.searchsorted(owner, (picture, picture + 1)).tolist()
        queries = {kind: _all_sides(kind, rows[start:stop]) for kind, rows in codes.items()}
        sides = 1 + len(SYMMETRIES)
        pairs += sides * (stop - start) * (len(owner) - stop)
        step = max(1, _TILE // (sides * (stop - start)))
        for first in range(stop, len(owner), step):
            tile = slice(first, first + step)
            entries = {kind: rows[tile] for kind, rows in codes.items()}
            for kinds_near, level, row in _near(sets, queries, entries):
                both = np.stack([np.full(len(row), picture), owner[tile][row], level], axis=1)
                found[kinds_near].append(both)
    return SampleCounts(
        len(owner), pairs, {kinds: _by_level(kinds, parts) for kinds, parts in found.items()}
    )


def _first_of_each(owner: Ints, most: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Choose the first crops of each picture; owners are in ascending order."""
    first = np.searchsorted(owner, owner)
    chosen: np.ndarray[Any, np.dtype[np.bool_]] = np.arange(len(owner)) - first < most
    return chosen


def _all_sides(kind: HashKind, codes: Codes) -> Codes:
    return np.concatenate([codes, *(turn(kind, codes, symmetry) for symmetry in SYMMETRIES)])


def _near(
    sets: Sequence[tuple[HashKind, ...]],
    queries: Mapping[HashKind, Codes],
    entries: Mapping[HashKind, Codes],
) -> Iterator[tuple[tuple[HashKind, ...], Ints, Ints]]:
    """Yield each set of kinds with the level and the entry of the pairs that are near by it."""
    near = {}
    for kind, asked in queries.items():
        apart = distances(asked[:, None], entries[kind])
        near[kind] = np.nonzero(apart <= REACH * kind.bits // 64)
        yield (kind,), apart[near[kind]].astype(np.int64), near[kind][1]
    for kinds in sets:
        if len(kinds) == 1:
            continue
        query, row = near[kinds[0]]
        levels = [
            -(
                -64
                * distances(queries[kind][query], entries[kind][row]).astype(np.int64)
                // kind.bits
            )
            for kind in kinds
        ]
        level = np.maximum(*levels)
        within = level <= REACH
        yield kinds, level[within], row[within]


def _by_level(kinds: tuple[HashKind, ...], parts: Sequence[Ints]) -> list[tuple[int, float]]:
    """The near pairs within each level, and how many independent ones would vary as much."""
    rows = np.concatenate(parts) if parts else np.zeros((0, 3), dtype=np.int64)
    rows = rows[np.argsort(rows[:, 2], kind="stable")]
    most = REACH * kinds[0].bits // 64 if len(kinds) == 1 else REACH
    degree = np.zeros(int(rows[:, :2].max(initial=0)) + 1)
    counts, start = [], 0
    for end in np.searchsorted(rows[:, 2], np.arange(most + 1), side="right").tolist():
        degree += np.bincount(rows[start:end, :2].ravel(), minlength=len(degree))
        start = end
        squares = float((degree**2).sum())
        counts.append((end, 2 * end**2 / squares if squares else 0.0))
    return counts
