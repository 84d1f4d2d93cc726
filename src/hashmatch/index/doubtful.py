"""Looking up hashes some of whose bits are in doubt: by the others, in the buckets of their chunks.

An entry that is near by the bits that are not in doubt, the *sure* ones, differs from the query in
few sure bits of some chunk, and in whichever of its doubtful bits. So the buckets to look at are
those of each such chunk: all settings of its doubtful bits, with a few of its sure bits flipped.

How few is decided for each query. Let chunk c be looked at up to ``a`` sure bits, -1 for not at
all. If the numbers ``a + 1`` of all chunks add up to radius + 1, nothing is missed: an entry beyond
``a`` in every chunk would be radius + 1 sure bits away. A chunk with much in doubt has many buckets
for each sure bit, and so is looked at less far, and one without doubts farther.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hashmatch.index.chunks import CHUNK_BITS

if TYPE_CHECKING:
    import numpy.typing as npt

    from hashmatch.index.base import Ints
    from hashmatch.index.chunks import Fields


def _levels() -> npt.NDArray[np.float64]:
    """Buckets with exactly so many sure bits flipped: [doubtful bits of the chunk, sure bits]."""
    sizes = range(CHUNK_BITS + 1)
    return np.array(
        [
            [math.comb(CHUNK_BITS - doubtful, flips) << doubtful for flips in sizes] + [math.inf]
            for doubtful in sizes
        ]
    )


LEVELS = _levels()


class Reach(NamedTuple):
    """How far to look in each chunk of each query.

    Attributes:
        radii: sure bits, -1 for not at all: shape (queries, chunks).
        buckets: how many that are, for each query.
    """

    radii: Ints
    buckets: npt.NDArray[np.float64]


def reach(doubts: Fields, radius: int) -> Reach:
    """Divide the radius among the chunks, always where the next bit adds the fewest buckets.

    Args:
        doubts: the doubtful bits of each chunk, shape (queries, chunks).
        radius: in sure bits.
    """
    doubtful = np.bitwise_count(doubts)
    radii = np.full(doubts.shape, -1, np.int64)
    buckets = np.zeros(len(doubts))
    query = np.arange(len(doubts))
    for _ in range(radius + 1):
        added = LEVELS[doubtful, radii + 1]
        chunk = added.argmin(axis=1)
        buckets += added[query, chunk]
        radii[query, chunk] += 1
    return Reach(radii, buckets)


@lru_cache(maxsize=1 << 10)  # some megabytes at ordinary thresholds
def _flips(doubtful: int, radius: int) -> npt.NDArray[np.uint16]:
    """All differences in these bits of a chunk, and in no more than so many of its others."""
    if not doubtful:
        values = np.arange(1 << CHUNK_BITS, dtype=np.uint16)
        few: npt.NDArray[np.uint16] = values[np.bitwise_count(values) <= radius]
        return few
    sure = _flips(0, radius)
    free = np.zeros(1, np.uint16)
    for bit in range(CHUNK_BITS):
        if doubtful >> bit & 1:
            free = np.concatenate([free, free | np.uint16(1 << bit)])
    flips: npt.NDArray[np.uint16] = sure[sure & np.uint16(doubtful) == 0][:, None] | free
    return flips.reshape(-1)


class Buckets(NamedTuple):
    """The buckets of several queries, one after another.

    Attributes:
        owner: the chunk of a query that each belongs to: ``query * chunks + chunk``.
        number: of each, over the tables of all chunks.
        flipped: the sure bits in which each differs from the query.
    """

    owner: Ints
    number: Ints
    flipped: npt.NDArray[np.uint8]


def buckets(fields: Fields, doubts: Fields, radii: Ints) -> Buckets:
    """List the buckets to look at.

    Args:
        fields: the queries' chunks, shape (queries, chunks).
        doubts: their doubtful bits, likewise.
        radii: as ``reach`` tells them.
    """
    asked = (radii >= 0).reshape(-1).nonzero()[0]
    unsure = doubts.reshape(-1)[asked]
    sets = list(map(_flips, unsure.tolist(), radii.reshape(-1)[asked].tolist()))
    sizes = [len(each) for each in sets]
    owner = asked.repeat(sizes)
    flip = np.concatenate(sets)
    number = (owner % fields.shape[1] << CHUNK_BITS) | (fields.reshape(-1)[owner] ^ flip)
    return Buckets(owner, number, np.bitwise_count(flip & ~unsure.repeat(sizes)))
