"""Finds the buckets of hashes that have uncertain bits.

The bits that are not uncertain are the *sure* ones. An entry that is near by its sure bits differs
from the query in few sure bits of some chunk, and in any of that chunk's uncertain bits. So the
buckets to look at are, for each such chunk, all settings of its uncertain bits, combined with a few
flips of its sure bits.

How few is decided for each query. Suppose we look at chunk c up to ``a`` sure bits, or -1 for not
at all. If the numbers ``a + 1`` of all chunks add up to radius + 1, we miss nothing: an entry
beyond ``a`` in every chunk would be at least radius + 1 sure bits away. A chunk with many uncertain
bits has many buckets for each sure bit, so we look less far there, and farther in one with none.
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
    """The number of buckets, by [uncertain bits of the chunk, sure bits flipped]."""
    sizes = range(CHUNK_BITS + 1)
    return np.array(
        [
            [math.comb(CHUNK_BITS - uncertain, flips) << uncertain for flips in sizes] + [math.inf]
            for uncertain in sizes
        ]
    )


LEVELS = _levels()


class Reach(NamedTuple):
    """How far to look in each chunk of each query.

    Attributes:
        radii: in sure bits, -1 for not at all; shape (queries, chunks).
        buckets: how many buckets that makes, for each query.
    """

    radii: Ints
    buckets: npt.NDArray[np.float64]


def reach(uncertain_bits: Fields, radius: int) -> Reach:
    """Divide the radius among the chunks: each bit goes where it adds the fewest buckets.

    Args:
        uncertain_bits: the uncertain bits of each chunk, shape (queries, chunks).
        radius: in sure bits.
    """
    uncertain = np.bitwise_count(uncertain_bits)
    radii = np.full(uncertain_bits.shape, -1, np.int64)
    buckets = np.zeros(len(uncertain_bits))
    query = np.arange(len(uncertain_bits))
    for _ in range(radius + 1):
        added = LEVELS[uncertain, radii + 1]
        chunk = added.argmin(axis=1)
        buckets += added[query, chunk]
        radii[query, chunk] += 1
    return Reach(radii, buckets)


@lru_cache(maxsize=1 << 10)  # a few megabytes at ordinary thresholds
def _flips(uncertain: int, radius: int) -> npt.NDArray[np.uint16]:
    """All flips of these bits of a chunk, combined with up to ``radius`` flips of its others."""
    if not uncertain:
        values = np.arange(1 << CHUNK_BITS, dtype=np.uint16)
        few: npt.NDArray[np.uint16] = values[np.bitwise_count(values) <= radius]
        return few
    sure = _flips(0, radius)
    free = np.zeros(1, np.uint16)
    for bit in range(CHUNK_BITS):
        if uncertain >> bit & 1:
            free = np.concatenate([free, free | np.uint16(1 << bit)])
    flips: npt.NDArray[np.uint16] = sure[sure & np.uint16(uncertain) == 0][:, None] | free
    return flips.reshape(-1)


class Buckets(NamedTuple):
    """The buckets of several queries, one after another.

    Attributes:
        owner: the query and chunk that each belongs to, as ``query * chunks + chunk``.
        number: the number of each, counted over the tables of all chunks.
        flipped: in how many sure bits each differs from the query.
    """

    owner: Ints
    number: Ints
    flipped: npt.NDArray[np.uint8]


def buckets(fields: Fields, uncertain_bits: Fields, radii: Ints) -> Buckets:
    """List the buckets to look at.

    Args:
        fields: the queries' chunks, shape (queries, chunks).
        uncertain_bits: their uncertain bits, of the same shape.
        radii: from ``reach``.
    """
    asked = (radii >= 0).reshape(-1).nonzero()[0]
    unsure = uncertain_bits.reshape(-1)[asked]
    sets = list(map(_flips, unsure.tolist(), radii.reshape(-1)[asked].tolist()))
    sizes = [len(each) for each in sets]
    owner = asked.repeat(sizes)
    flip = np.concatenate(sets)
    number = (owner % fields.shape[1] << CHUNK_BITS) | (fields.reshape(-1)[owner] ^ flip)
    return Buckets(owner, number, np.bitwise_count(flip & ~unsure.repeat(sizes)))
