"""Which pictures are copies of each other, and which half each distinct picture belongs to.

A copy counted as another picture would look like a false match at every threshold. But telling
copies by the very distance under evaluation would define false matches away. So other evidence
decides: the 256-bit hashes of both algorithms must agree. A 64-bit hash holds only the coarse
layout; two pictures that share it by chance differ in the 192 finer bits like any other two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np

from hashmatch.evaluate.gather import Measurements
from hashmatch.evaluate.intervals import Ints
from hashmatch.evaluate.pictures import IDENTITY_KINDS
from hashmatch.hashing.distance import distances
from hashmatch.index import LinearIndex

Pair: TypeAlias = tuple[int, int]

COPY_BITS = 64
"""Copies differ in at most this many of 256 bits, by both algorithms; others in about 128."""

_STEP = 1024

CHOOSE, SCORE, LEFT_OUT = 0, 1, 2
"""The part of a picture: thresholds are chosen on it or scored on it, or it is a copy."""


class Copy(NamedTuple):
    """Two pictures that count as one.

    Attributes:
        why: ``same bytes``, ``labelled same``, or ``near`` by both 256-bit hashes.
    """

    first: int
    second: int
    why: str


@dataclass(frozen=True, slots=True)
class Identities:
    """Which pictures are the same.

    Attributes:
        copies: pairs that count as one picture.
        part: shape (n,): ``CHOOSE`` or ``SCORE`` for the first of each group of copies, and
            ``LEFT_OUT`` for the others.
    """

    copies: tuple[Copy, ...]
    part: Ints

    def members(self, part: int) -> Ints:
        """The numbers of the pictures in a part."""
        return np.flatnonzero(self.part == part)


def identify(
    pictures: Measurements,
    seed: int,
    same: Collection[Pair] = (),
    different: Collection[Pair] = (),
) -> Identities:
    """Find the copies, and split the distinct pictures in two halves.

    The seed decides the split, together with each picture's bytes; names do not matter. Pairs that
    a human labelled ``different`` are different, whatever their hashes say.
    """
    copies = [*_same_bytes(pictures), *(Copy(*pair, "labelled same") for pair in same)]
    known = {(copy.first, copy.second) for copy in copies} | set(different)
    copies += [Copy(*pair, "near") for pair in _near(pictures) if pair not in known]
    first = _first_of_each(len(pictures), copies)
    part = np.full(len(pictures), LEFT_OUT, dtype=np.int64)
    chosen = np.flatnonzero(first == np.arange(len(pictures)))
    drawn = sorted(chosen.tolist(), key=lambda number: _draw(seed, pictures.digests[number]))
    part[drawn] = SCORE
    part[drawn[: (len(drawn) + 1) // 2]] = CHOOSE
    return Identities(tuple(sorted(copies)), part)


def _draw(seed: int, digest: str) -> bytes:
    return hashlib.sha256(f"{seed}:split:{digest}".encode()).digest()


def _same_bytes(pictures: Measurements) -> list[Copy]:
    seen: dict[str, int] = {}
    copies = []
    for number, digest in enumerate(pictures.digests):
        first = seen.setdefault(digest, number)
        if first != number:
            copies.append(Copy(first, number, "same bytes"))
    return copies


def _near(pictures: Measurements) -> list[Pair]:
    """Pairs near by both kinds; of pictures with equal hashes, each with the first."""
    fine, other = (pictures.entries[kind] for kind in IDENTITY_KINDS)
    both = np.concatenate([fine, other], axis=1)
    # Equal hashes are grouped first, or a folder full of one picture would give all pairs
    _, first, back = np.unique(both, axis=0, return_index=True, return_inverse=True)
    found = []
    for start in range(0, len(first), _STEP):
        # Each only with itself and later ones: half the work
        rest = first[start:]
        hits = LinearIndex(fine[rest]).search(fine[rest[:_STEP]], COPY_BITS)
        left, right = rest[hits.query], rest[hits.row]
        near = (hits.query < hits.row) & (distances(other[left], other[right]) <= COPY_BITS)
        found.append((left[near], right[near]))
    twins = np.flatnonzero(first[back] != np.arange(len(back)))
    found.append((first[back[twins]], twins))
    return sorted(
        (min(pair), max(pair))
        for left, right in found
        for pair in zip(left.tolist(), right.tolist(), strict=True)
    )


def _first_of_each(count: int, copies: list[Copy]) -> Ints:
    """For each picture the first that it is a copy of, in any number of steps."""
    group = connected([copy[:2] for copy in copies], count)
    _, first = np.unique(group, return_index=True)
    return np.asarray(first, np.int64)[group]


def connected(pairs: Sequence[Pair], count: int) -> Ints:
    """Number the groups that pairs join ``count`` pictures into; shape (count,)."""
    from scipy.sparse import coo_array  # noqa: PLC0415 # SciPy is slow to import
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415 # SciPy is slow to import

    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count))
    _, group = connected_components(graph, directed=False)
    return np.asarray(group, np.int64)
