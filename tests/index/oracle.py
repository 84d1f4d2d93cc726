"""Shared by the index tests: a naive oracle, and data that is hard on indexes."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from hashmatch.index import INDEX_KINDS, BuiltIndex, Codes, Hits, open_index

KINDS = (*INDEX_KINDS, "auto")
WIDTHS = (64, 128, 192, 256)
SHAPES = ("uniform", "clustered", "equal", "skewed", "tiny", "blocks")


def naive(codes: Codes, queries: Codes, radius: int) -> list[tuple[int, int, int]]:
    """Every pair within the radius, sorted, computed with Python integers."""
    entries = [int.from_bytes(row.astype(">u8").tobytes()) for row in codes]
    asked = [int.from_bytes(row.astype(">u8").tobytes()) for row in queries]
    pairs = [
        (query, (one ^ other).bit_count(), row)
        for query, one in enumerate(asked)
        for row, other in enumerate(entries)
    ]
    return [(query, row, near) for query, near, row in sorted(pairs) if near <= radius]


def triples(hits: Hits) -> list[tuple[int, int, int]]:
    """Hits as plain tuples of (query, row, distance)."""
    return list(zip(*(column.tolist() for column in hits), strict=True))


def reopen(index: BuiltIndex) -> BuiltIndex:
    """Reopen the index as a compiled list does, from read-only tables."""
    frozen = {name: table.copy() for name, table in index.tables().items()}
    for table in frozen.values():
        table.setflags(write=False)
    return open_index(index.kind, index.codes, frozen, index.reason)


def make(shape: str, count: int, bits: int, seed: int) -> Codes:
    """Hashes that are distributed badly for some index."""
    rng = np.random.default_rng(seed)
    words = bits // 64
    codes = rng.integers(0, 2**64, (count, words), dtype=np.uint64)
    if shape == "equal":
        codes[:] = codes[:1]
    elif shape == "clustered":
        codes = codes[rng.integers(0, max(1, count // 20), count)]
        codes = flip(codes, 6, rng)
    elif shape == "skewed":  # few bits set, as flat pictures give
        codes = flip(np.zeros_like(codes), 8, rng)
    elif shape == "tiny":  # two bits only ever differ
        codes &= np.uint64(3)
    elif shape == "blocks":  # the bits of each byte agree, as neighbouring bits of dHash nearly do
        ones = rng.integers(0, 2, (count, 8 * words), dtype=np.uint8)
        codes = (255 * ones).view(np.uint64)
    return codes


def flip(codes: Codes, most: int, rng: np.random.Generator) -> Codes:
    """Copies with up to ``most`` bits of each flipped."""
    codes = codes.copy()
    for _ in range(most):
        bit = rng.integers(0, 64, codes.shape[0]).astype(np.uint64)
        word = rng.integers(0, codes.shape[1], codes.shape[0])
        some = rng.random(codes.shape[0]) < 0.5
        codes[np.flatnonzero(some), word[some]] ^= np.uint64(1) << bit[some]
    return codes


@st.composite
def questions(draw: st.DrawFn, most: int = 60) -> tuple[Codes, Codes, int]:
    """Entries, queries (in the list, near it, and far from it) and a radius."""
    bits = draw(st.sampled_from(WIDTHS))
    seed = draw(st.integers(0, 2**32 - 1))
    count = draw(st.sampled_from((0, 1, 2, 4, 8)) | st.integers(0, most))
    codes = make(draw(st.sampled_from(SHAPES)), count, bits, seed)
    rng = np.random.default_rng(seed + 1)
    asked = draw(st.integers(0, 6))
    queries = rng.integers(0, 2**64, (asked, bits // 64), dtype=np.uint64)
    if count and asked:
        near = rng.random(asked) < 0.7
        queries[near] = flip(codes[rng.integers(0, count, near.sum())], 8, rng)
    radius = draw(st.integers(0, 64) | st.integers(0, bits + 8))
    return codes, queries, radius
