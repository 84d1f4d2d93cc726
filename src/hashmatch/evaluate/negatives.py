"""All pairs of different pictures: how far apart they are, and which are near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from hashmatch.evaluate.gather import Measurements
from hashmatch.evaluate.identity import LEFT_OUT, Identities
from hashmatch.evaluate.intervals import Flags, Ints
from hashmatch.evaluate.rules import MAX_SHARE, Rule
from hashmatch.hashing.distance import distances
from hashmatch.index import build_index
from hashmatch.model import HashKind

MAX_NEAR = 3_000_000
"""Thresholds are tried only while at most this many pairs are near. Laxer ones are useless: a
file in a hundred would match any given entry."""

_TILE = 1 << 17
"""Pairs compared at a time, so that their distances fit a core's cache."""


@dataclass(frozen=True, slots=True, repr=False)
class NearPairs:
    """Ordered pairs of different pictures that are near by some kind of hash.

    Attributes:
        query: shape (m,), the picture looked up.
        entry: shape (m,), the picture that a list would hold.
        distance: shape (m, kinds), in bits, of the view looked up; each view of a pair has a row.
        further: shape (m,), whether that view counts only where two hashes agree.
        radius: for each kind, the distance up to which all pairs are included.
    """

    query: Ints
    entry: Ints
    distance: npt.NDArray[np.uint16]
    further: Flags
    radius: tuple[int, ...]

    def levels(self, rule: Rule) -> tuple[Ints, Ints, Ints]:
        """Query, entry and level of each pair that matches at some level, by its best view."""
        level = rule.level(self.distance, self.further)
        near = level < rule.levels
        return best_of_each(self.query[near], self.entry[near], level[near])


def count_agreeing(
    near: NearPairs, kinds: Sequence[HashKind]
) -> list[tuple[HashKind, HashKind, Ints]]:
    """Count the pairs that two kinds agree on, by the level up to which both are near.

    Returns:
        Each two kinds, with the number of ordered pairs at each level, in bits of 64.
    """
    found = []
    for first, second in combinations(range(len(kinds)), 2):
        columns = (first, second)
        levels = np.max(
            [-(-64 * near.distance[:, at].astype(np.int64) // kinds[at].bits) for at in columns],
            axis=0,
        )
        # Beyond the radius of either kind, not all pairs are known
        deepest = min(64 * near.radius[at] // kinds[at].bits for at in columns)
        known = (levels <= deepest) & ~near.further  # rates are of one view each
        _, _, best = best_of_each(near.query[known], near.entry[known], levels[known])
        counts = np.bincount(best, minlength=deepest + 1)
        found.append((kinds[first], kinds[second], counts))
    return found


def best_of_each(query: Ints, entry: Ints, level: Ints) -> tuple[Ints, Ints, Ints]:
    """Keep the lowest level of each pair, in the order of the pairs."""
    order = np.lexsort((level, entry, query))
    query, entry, level = query[order], entry[order], level[order]
    best = np.ones(len(order), dtype=np.bool_)
    best[1:] = (query[1:] != query[:-1]) | (entry[1:] != entry[:-1])
    return query[best], entry[best], level[best]


def count_distances(pictures: Measurements, identities: Identities) -> list[Ints]:
    """Count the ordered pairs of different pictures at each distance, by their nearest usual views.

    Returns:
        For each kind, shape (bits + 1,).
    """
    kept = identities.part != LEFT_OUT
    numbers = np.flatnonzero(kept)
    views = kept[pictures.owner] & ~pictures.further
    place = np.searchsorted(numbers, pictures.owner[views])
    counts = []
    for kind in pictures.kinds:
        entries, queries = pictures.entries[kind][kept], pictures.queries[kind][views]
        counts.append(_histogram(entries, queries, place, kind.bits))
    return counts


def _histogram(
    entries: npt.NDArray[np.uint64], queries: npt.NDArray[np.uint64], place: Ints, bits: int
) -> Ints:
    total = np.zeros(bits + 1, dtype=np.int64)
    step = max(1, _TILE // max(1, len(entries)))
    for first in range(0, len(entries), step):
        last = min(first + step, len(entries))
        start, stop = np.searchsorted(place, (first, last))
        apart = distances(queries[start:stop, None], entries)
        if stop - start > last - first:
            views = np.searchsorted(place[start:stop], np.arange(first, last))
            apart = np.minimum.reduceat(apart, views, axis=0)
        total += np.bincount(apart.ravel(), minlength=bits + 1)
        itself = apart[np.arange(last - first), np.arange(first, last)]
        total -= np.bincount(itself, minlength=bits + 1)
    return total


def choose_radius(counts: list[Ints]) -> tuple[int, ...]:
    """How far to search, for each kind: up to the laxest useful threshold."""
    radius = []
    for count in counts:
        useful = int(MAX_SHARE * (len(count) - 1))
        bearable = int(np.searchsorted(count.cumsum(), MAX_NEAR, side="right")) - 1
        radius.append(max(0, min(useful, bearable)))
    return tuple(radius)


def find_near(pictures: Measurements, identities: Identities, radius: tuple[int, ...]) -> NearPairs:
    """Find the pairs of different pictures that are near by some kind of hash, with the index."""
    kept = identities.part != LEFT_OUT
    entries, views = np.flatnonzero(kept), np.flatnonzero(kept[pictures.owner])
    keys = []
    for kind, bits in zip(pictures.kinds, radius, strict=True):
        index = build_index(pictures.entries[kind][entries], radius=bits)
        hits = index.search(pictures.queries[kind][views], bits)
        keys.append(hits.query * len(entries) + hits.row)
    both = np.unique(np.concatenate(keys))
    view, entry = views[both // max(1, len(entries))], entries[both % max(1, len(entries))]
    query = pictures.owner[view]
    others = query != entry
    view, entry, query = view[others], entry[others], query[others]
    apart = [
        distances(pictures.queries[kind][view], pictures.entries[kind][entry])
        for kind in pictures.kinds
    ]
    return NearPairs(query, entry, np.stack(apart, axis=1), pictures.further[view], radius)
