"""Comparing queries with runs of entries: the kernel that the tree and the multi-index share.

Both end in the same question: of the entries that lie side by side from ``start`` to ``stop``,
which are near this query? The entries are fetched in aligned blocks of a cache line rather than
one by one, which costs a few comparisons too many and a fraction of the time (measured: 1.4 ns an
entry against 8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from hashmatch.index.base import Codes, Hits, Ints

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Positions: TypeAlias = npt.NDArray[np.integer]
SHIFT = 3
BLOCK = 1 << SHIFT
"""Entries in a block."""

STEP = 1 << 12
"""Blocks compared at a time: 32,768 entries, so that the work stays in a core's own cache."""


class Runs(NamedTuple):
    """Runs of entries, each to be compared with one query: three arrays of one length.

    Attributes:
        query: the query's row in the batch.
        start: the first position of the run.
        stop: the position after its last.
    """

    query: Positions
    start: Positions
    stop: Positions

    @classmethod
    def join(cls, parts: Iterable[Runs]) -> Runs:
        """One after another, in the order given."""
        return cls(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def padded_shape(codes: Codes) -> tuple[int, int]:
    """The shape that ``pad`` gives: as many entries as fill the last block, and the words."""
    return -(-len(codes) // BLOCK) * BLOCK, codes.shape[1]


def pad(codes: Codes) -> Codes:
    """A copy of shape ``padded_shape(codes)``; what fills it up is never reported."""
    padded = np.zeros(padded_shape(codes), np.uint64)
    padded[: len(codes)] = codes
    return padded


def spread(counts: Ints) -> tuple[Ints, Ints]:
    """Number the members of groups of these sizes: the group of each, and its place in it.

    >>> spread(np.array([2, 0, 3]))
    (array([0, 0, 2, 2, 2]), array([0, 1, 0, 1, 2]))
    """
    ends = counts.cumsum()
    group = np.arange(len(counts)).repeat(counts)
    return group, np.arange(len(group)) - (ends - counts)[group]


def compare_runs(padded: Codes, queries: Codes, runs: Runs, radius: int) -> Iterator[Hits]:
    """The entries of each run that lie within the radius of the run's query.

    Args:
        padded: what ``pad`` returned.
        queries: shape (m, words).
        runs: what to compare; none overlaps another of the same query.
        radius: in bits, inclusive.

    Yields:
        Hits whose ``row`` is the entry's position in ``padded``; at most ``STEP * BLOCK`` a piece.
    """
    filled = (runs.stop > runs.start).nonzero()[0]
    query, start, stop = (column[filled].astype(np.int64) for column in runs)
    first = start >> SHIFT
    blocks = ((stop - 1) >> SHIFT) - first + 1
    ends = blocks.cumsum()
    origin = first - (ends - blocks)
    total = int(ends[-1]) if len(ends) else 0
    for low in range(0, total, STEP):
        high = min(low + STEP, total)
        begin, last = ends.searchsorted((low, high - 1), side="right")
        counts = np.minimum(ends[begin : last + 1], high)
        counts[1:] -= ends[begin:last]
        counts[0] -= low
        run = np.arange(begin, last + 1).repeat(counts)
        block = origin[run] + np.arange(low, high)
        near, distance = _near(padded, block, queries, query[run], radius)
        if len(near):
            run = run[near >> SHIFT]
            position = (block[near >> SHIFT] << SHIFT) + (near & (BLOCK - 1))
            inside = (position >= start[run]) & (position < stop[run])
            yield Hits(query[run][inside], position[inside], distance[inside])


def _near(
    padded: Codes, block: Ints, queries: Codes, query: Ints, radius: int
) -> tuple[Ints, npt.NDArray[np.uint16]]:
    """Compare whole blocks, each with its query: the places within them that are near, and how."""
    words = padded.shape[1]
    found = padded.reshape(-1, BLOCK, words).take(block, axis=0)
    found ^= queries.take(query, axis=0)[:, None]
    distance = sum_words(np.bitwise_count(found).reshape(-1, words))
    near = (distance <= radius).nonzero()[0]
    return near, distance[near].astype(np.uint16)


def sum_words(counts: npt.NDArray[np.uint8]) -> npt.NDArray[np.unsignedinteger]:
    """Add up the bit counts of the words of each hash.

    Args:
        counts: shape (n, words).

    Returns:
        Shape (n,), uint8 where it cannot overflow, else uint16.
    """
    total = counts[:, 0]
    if counts.shape[1] > 1:
        total = total.astype(np.uint16)
        for word in range(1, counts.shape[1]):
            total += counts[:, word]
    return total
