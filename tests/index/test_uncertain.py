"""Queries with uncertain bits, checked against plain integer arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counts import examples
from hashmatch.index import Codes, Index, UpdatedIndex, build_index, multi
from hashmatch.index.uncertain import LEVELS, buckets, reach

from .oracle import KINDS, SHAPES, flip, make, questions

FLIPS = 6


@pytest.fixture(autouse=True)
def _cheap_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the multi-index look at buckets even if its list is too short for that to pay off."""
    for name in ("UNSURE_CALL_NS", "UNSURE_NS", "UNSURE_BUCKET_NS", "FRAGMENT_NS"):
        monkeypatch.setattr(multi, name, 0)


def in_doubt(codes: Codes, most: int, seed: int) -> tuple[Codes, Codes]:
    """Queries with some uncertain bits wrong; in some queries they are all in about one chunk."""
    rng = np.random.default_rng(seed)
    uncertain_bits = flip(np.zeros_like(codes), most, rng)
    uncertain_bits[::3] &= np.uint64(0xFFFF)
    return codes ^ (
        uncertain_bits & rng.integers(0, 2**64, codes.shape, dtype=np.uint64)
    ), uncertain_bits


def wanted(
    codes: Codes, queries: Codes, uncertain_bits: Codes, radius: int
) -> set[tuple[int, int]]:
    """The pairs that must be found, by definition."""
    differing = queries[:, None] ^ codes[None]
    whole = np.bitwise_count(differing).sum(axis=2, dtype=int)
    sure = np.bitwise_count(differing & ~uncertain_bits[:, None]).sum(axis=2, dtype=int)
    near = (sure <= radius) & (whole <= radius + FLIPS)
    return set(zip(*(axis.tolist() for axis in near.nonzero()), strict=True))


def told(index: Index, queries: Codes, uncertain_bits: Codes, radius: int) -> set[tuple[int, int]]:
    """The pairs that an index finds."""
    pairs: set[tuple[int, int]] = set()
    for query, row in index.uncertain(queries, uncertain_bits, radius, FLIPS):
        assert query.dtype == row.dtype == np.int64
        pairs.update(zip(query.tolist(), row.tolist(), strict=True))
    return pairs


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(question=questions(), most=st.integers(0, 24), seed=st.integers(0, 2**16))
def test_none_is_missed(
    kind: str, question: tuple[Codes, Codes, int], most: int, seed: int
) -> None:
    """Every kind of index finds all entries near by the sure bits, and by all but a few."""
    codes, queries, radius = question
    queries, uncertain_bits = in_doubt(queries, most, seed)
    radius = min(radius, 64 * codes.shape[1])
    index = build_index(codes, kind)
    assert told(index, queries, uncertain_bits, radius) >= wanted(
        codes, queries, uncertain_bits, radius
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_large_lists_by_their_buckets(shape: str) -> None:
    """With full buckets, the entries that are wanted are found, and few others."""
    codes = make(shape, 3_000, 64, seed=3)
    rng = np.random.default_rng(4)
    queries, uncertain_bits = in_doubt(flip(codes[:40], 10, rng), 8, seed=5)
    index = build_index(codes, "multi")
    for radius in (0, 4, 8, 12):
        found, due = (
            told(index, queries, uncertain_bits, radius),
            wanted(codes, queries, uncertain_bits, radius),
        )
        assert found >= due
    if shape == "uniform":
        assert len(due) >= 40
        assert len(found) < len(codes) * len(queries) / 20


def test_short_lists_are_scanned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a scan is cheaper than to list buckets, it finds the same entries."""
    codes = make("uniform", 2_000, 64, seed=9)
    queries, uncertain_bits = in_doubt(flip(codes[:3], 6, np.random.default_rng(1)), 8, seed=2)
    index = build_index(codes, "multi")
    monkeypatch.setattr(multi, "UNSURE_CALL_NS", 100_000)
    monkeypatch.setattr(multi, "reach", None)
    due = wanted(codes, queries, uncertain_bits, 8)
    assert due
    assert told(index, queries, uncertain_bits, 8) >= due


def test_withdrawn_entries_are_not_told() -> None:
    """Added entries are found by their rows, and withdrawn ones are not."""
    codes = make("clustered", 300, 64, seed=6)
    index = UpdatedIndex(
        build_index(codes[:200], "multi"), build_index(codes[200:]), np.array([3, 250])
    )
    asked = flip(codes[:250:10], 6, np.random.default_rng(7))
    queries, uncertain_bits = in_doubt(asked, 6, seed=8)
    left = {pair for pair in wanted(codes, queries, uncertain_bits, 8) if pair[1] not in {3, 250}}
    found = told(index, queries, uncertain_bits, 8)
    assert found >= left
    assert not {row for _, row in found} & {3, 250}


@examples(50)
@given(st.lists(st.integers(0, 2**16 - 1), min_size=4, max_size=4), st.integers(0, 40))
def test_reach_misses_nothing_and_counts_its_buckets(
    uncertain_bits: list[int], radius: int
) -> None:
    """Radii add up as the pigeonhole principle demands, and the count of buckets is right."""
    unsure = np.array([uncertain_bits], np.uint16)
    radii, count = reach(unsure, radius)
    assert (radii + 1).sum() == radius + 1
    if count[0] < 1 << 18:
        found = buckets(np.zeros_like(unsure), unsure, radii)
        assert len(found.number) == len(set(found.number.tolist())) == count[0]
        assert (found.flipped <= radii.reshape(-1)[found.owner]).all()


def test_a_chunk_without_doubts_is_looked_at_farther() -> None:
    """A bit of radius goes where it costs the fewest buckets."""
    radii, _ = reach(np.array([[0, 0b11, 0b11111, 0]], np.uint16), 8)
    assert radii.tolist() == [[2, 1, 0, 2]]
    assert LEVELS[2, 1] == 14 * 4
