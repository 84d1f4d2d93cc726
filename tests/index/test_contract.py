"""Every kind of index keeps the one contract."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from hashmatch.errors import HashMismatchError, SettingsError
from hashmatch.index import Codes, LinearIndex, base, build_index, multi

from .oracle import KINDS, SHAPES, WIDTHS, flip, make, naive, triples


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The name of a kind of index."""
    return str(request.param)


@pytest.fixture(autouse=True)
def _cheap_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the multi-index look at buckets even if its list is too short for that to pay off."""
    monkeypatch.setattr(multi, "CALL_NS", 0)
    monkeypatch.setattr(multi, "BUCKET_NS", 0)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_linear(kind: str, shape: str, bits: int) -> None:
    """Every index answers like LinearIndex on lists large enough for several levels and tiles."""
    codes = make(shape, 3_000, bits, seed=bits)
    queries = np.concatenate([flip(codes[:12], 8, np.random.default_rng(1)), ~codes[:2]])
    index, oracle = build_index(codes, kind), LinearIndex(codes)
    for radius in (0, 1, 2, 3, 5, 8, 13, 31, 64):
        for found, expected in zip(
            index.search(queries, radius), oracle.search(queries, radius), strict=True
        ):
            assert np.array_equal(found, expected)


def test_every_radius(kind: str) -> None:
    """At each radius from 0 to 64, the answer equals that of plain integer arithmetic."""
    for radius in range(65):
        codes = make("clustered", 300, 64, seed=radius)
        queries = flip(codes[:4], 30, np.random.default_rng(radius))
        found = triples(build_index(codes, kind).search(queries, radius))
        assert found == naive(codes, queries, radius), radius


def test_hits_have_the_types_told(kind: str) -> None:
    """Hits are int64, int64 and uint16 arrays, even when there are none."""
    codes = make("uniform", 10, 64, seed=1)
    for queries in (codes, codes[:0], ~codes[:1]):
        hits = build_index(codes, kind).search(queries, 0)
        assert [column.dtype for column in hits] == [np.int64, np.int64, np.uint16]


def test_read_only_codes(kind: str) -> None:
    """Read-only codes and queries can be searched, and do not change."""
    codes = make("uniform", 100, 64, seed=2)
    codes.setflags(write=False)
    assert triples(build_index(codes, kind).search(codes, 0)) == [(i, i, 0) for i in range(100)]


def test_codes_are_kept(kind: str) -> None:
    """The index returns its codes in their original order, and counts them."""
    codes = make("uniform", 100, 128, seed=3)
    index = build_index(codes, kind)
    assert len(index) == 100
    assert (index.codes == codes).all()


def test_many_equal_hashes(kind: str) -> None:
    """100,000 equal hashes are all found, and none if the query is one bit too far."""
    codes = make("equal", 100_000, 64, seed=4)
    index = build_index(codes, kind)
    assert index.search(codes[:1], 0).row.tolist() == list(range(100_000))
    assert not index.search(codes[:1] ^ np.uint64(1), 0).row.size
    assert index.search(codes[:1] ^ np.uint64(7), 3).distance.tolist() == [3] * 100_000


def test_nearest_of_very_many(kind: str) -> None:
    """If 100,000 entries are near, finding the nearest takes no more memory than a few do."""
    codes = np.concatenate([make("equal", 100_000, 64, seed=4), make("uniform", 9, 64, seed=5)])
    codes[77_777] ^= np.uint64(1)
    index = build_index(codes, kind)
    queries = np.repeat(codes[77_777:77_778], 64, axis=0)
    tracemalloc.start()
    try:
        hits, counts = index.nearest(queries, 3, 3)
        near = index.any(queries, 3)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert counts.tolist() == [100_000] * 64
    assert near.all()
    expected = [
        (query, row, far) for query in range(64) for row, far in ((77_777, 0), (0, 1), (1, 1))
    ]
    assert triples(hits) == expected
    assert peak < 40e6 < 64 * 100_000 * hits.row.itemsize


@pytest.mark.parametrize("k", [0, -1])
def test_nearest_of_none(kind: str, k: int) -> None:
    """Asking for fewer than one entry raises SettingsError."""
    codes = make("uniform", 3, 64, seed=11)
    with pytest.raises(SettingsError, match="at least"):
        build_index(codes, kind).nearest(codes, 2, k)


def test_no_queries(kind: str) -> None:
    """An empty batch has no hits, counts or flags."""
    codes = make("uniform", 5_000, 64, seed=12)
    index = build_index(codes, kind)
    assert triples(index.search(codes[:0], 3)) == []
    nearest = index.nearest(codes[:0], 3, 1)
    assert triples(nearest.hits) == []
    assert nearest.counts.tolist() == []
    assert index.any(codes[:0], 3).tolist() == []


def test_queries_of_another_width(kind: str) -> None:
    """A query of another width than the list raises HashMismatchError, which names both."""
    index = build_index(make("uniform", 3, 128, seed=5), kind)
    with pytest.raises(HashMismatchError, match="64-bit hashes in an index of 128-bit"):
        index.search(make("uniform", 1, 64, seed=5), 2)


@pytest.mark.parametrize(
    "queries",
    [np.zeros(3, np.uint64), np.zeros((2, 1), np.int64), np.zeros((2, 0), np.uint64), [[1]]],
)
def test_queries_of_a_wrong_form(kind: str, queries: Codes) -> None:
    """Queries that are not a uint64 array of shape (n, words) raise SettingsError."""
    with pytest.raises(SettingsError):
        build_index(make("uniform", 3, 64, seed=6), kind).search(queries, 2)


@pytest.mark.parametrize("radius", [-1, 1.5, None])
def test_radius_that_is_none(kind: str, radius: int) -> None:
    """A radius that is negative or not an integer raises SettingsError."""
    codes = make("uniform", 3, 64, seed=7)
    with pytest.raises(SettingsError, match="radius"):
        build_index(codes, kind).search(codes, radius)


@pytest.mark.parametrize("codes", [np.zeros(3, np.uint64), np.zeros((2, 1), np.uint32)])
def test_codes_of_a_wrong_form(kind: str, codes: Codes) -> None:
    """Codes that are not a uint64 array of shape (n, words) raise SettingsError."""
    with pytest.raises(SettingsError):
        build_index(codes, kind)


def test_tables_that_do_not_fit(kind: str) -> None:
    """A table that is missing, or made for another list, raises SettingsError."""
    index = build_index(make("uniform", 30, 64, seed=8), kind)
    for name in index.tables():
        others = {key: table for key, table in index.tables().items() if key != name}
        with pytest.raises(SettingsError, match=name):
            type(index)(index.codes, others)
        with pytest.raises(SettingsError, match=name):
            type(index)(index.codes, {**others, name: np.zeros(3, np.uint8)})


def test_explains_itself(kind: str) -> None:
    """explain() is one sentence that gives the number of entries and no hash."""
    codes = make("uniform", 1234, 64, seed=9)
    told = build_index(codes, kind).explain()
    assert "1,234" in told
    assert "\n" not in told
    assert f"{codes[0, 0]:x}" not in told


def test_too_many_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """More entries than there are row numbers raise SettingsError."""
    monkeypatch.setattr(base, "MAX_ENTRIES", 2)
    with pytest.raises(SettingsError, match="at most 2"):
        LinearIndex(make("uniform", 3, 64, seed=10))
