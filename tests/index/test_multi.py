"""The parts of the multi-index: chunks, their radii, and the expected cost of a lookup."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hashmatch.errors import SettingsError
from hashmatch.index import Codes, Hits, LinearIndex, MultiIndex, multi, ranges
from hashmatch.index.chunks import CHUNK_BITS, Cutter, arrange
from hashmatch.index.multi import VALUES, bucket_count, chunk_radii, probe_for

from .oracle import SHAPES, WIDTHS, make

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("shape", SHAPES)
def test_chunks_share_out_the_bits(shape: str, bits: int) -> None:
    """Each bit of a hash is in exactly one chunk, at the place that the arrangement gives it."""
    codes = make(shape, 50, bits, seed=bits)
    order = arrange(codes)
    assert sorted(order.tolist()) == list(range(bits))
    cutter = Cutter(order)
    assert np.bitwise_xor.reduce(cutter.masks, axis=0).tolist() == [2**64 - 1] * (bits // 64)
    for row, chunks in zip(codes.tolist(), cutter(codes).tolist(), strict=True):
        value = sum(word << 64 * place for place, word in enumerate(row))
        for place, bit in enumerate(order.tolist()):
            chunk, rank = divmod(place, CHUNK_BITS)
            assert chunks[chunk] >> rank & 1 == value >> bit & 1


def test_bits_that_agree_go_to_different_chunks() -> None:
    """If the 8 bits of each byte are equal, each chunk gets 2 bits from each of the 8 bytes."""
    order = arrange(make("blocks", 5_000, 64, seed=1))
    for chunk in order.reshape(-1, CHUNK_BITS):
        assert np.bincount(chunk // 8, minlength=8).tolist() == [2] * 8


def test_bits_that_never_change_are_shared_out() -> None:
    """If only 16 of the 64 bits ever change, each chunk gets a quarter of them."""
    codes = make("uniform", 5_000, 64, seed=2) & np.uint64(0xFFFF)
    changing = (arrange(codes).reshape(-1, CHUNK_BITS) < 16).sum(axis=1)
    assert changing.tolist() == [4, 4, 4, 4]


@pytest.mark.parametrize("words", [1, 2, 3, 4])
def test_radii_leave_no_gap(words: int) -> None:
    """At each radius, it takes exactly one bit more to exceed the radius of every chunk."""
    for radius in range(64 * words + 1):
        radii = chunk_radii(radius, words)
        assert sum(reach + 1 for reach in radii) == radius + 1
        assert max(radii) - min(radii) <= 1


@pytest.mark.parametrize("words", [1, 2, 3, 4])
def test_buckets_are_counted_as_they_are_listed(words: int) -> None:
    """A probe lists each bucket within the radius of its chunk once, as many as counted."""
    for radius in range(0, 12 * words, words):
        probe = probe_for(radius, words)
        assert len(np.unique(probe.bucket)) == len(probe.chunk) == bucket_count(radius, words)
        assert (probe.bucket[:, 0] >> CHUNK_BITS == probe.chunk).all()
        in_chunk = probe.flipped.view(np.uint8).reshape(-1, ranges.BLOCK)
        assert (in_chunk == np.bitwise_count(probe.bucket & VALUES - 1)).all()
        assert (in_chunk <= probe.radii[probe.chunk][:, None]).all()


def test_expected_cost_follows_the_list() -> None:
    """The expected cost is low if buckets are few and even, and high otherwise."""
    uniform = make("uniform", 200_000, 64, seed=3)
    equal = make("equal", 200_000, 64, seed=3)
    index = MultiIndex(uniform)
    assert index.expected_cost(uniform[:64], 4).mean() < 0.1
    assert (
        index.expected_cost(uniform[:64], 4).mean() < index.expected_cost(uniform[:64], 12).mean()
    )
    assert (MultiIndex(equal).expected_cost(equal[:4], 4) > 1).all()
    assert (MultiIndex(equal).expected_cost(~equal[:64], 4) < 0.1).all()
    assert np.isinf(index.expected_cost(uniform[:64], 40)).all()


def test_memory_does_not_grow_with_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times the queries, with ten times the candidates, take hardly more memory."""
    monkeypatch.setattr(multi, "CANDIDATES", 20_000)
    monkeypatch.setattr(multi, "BUCKETS", 40_000)
    monkeypatch.setattr(ranges, "STEP", 1_000)
    codes = make("clustered", 100_000, 64, seed=4)
    index = MultiIndex(codes)
    peaks = []
    for count in (1_000, 10_000):
        tracemalloc.start()
        near = index.any(codes[:count], 8)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert near.all()
    assert peaks[1] < 1.3 * peaks[0]


def test_no_scan_where_buckets_are_cheap() -> None:
    """A batch is answered from its buckets if they hold little; only costly queries scan."""
    codes = make("uniform", 200_000, 64, seed=5)
    codes[:50_000] = codes[0]
    index = MultiIndex(codes)
    scanned = []

    class Watched(LinearIndex):
        def pieces(self, queries: Codes, radius: int) -> Iterator[Hits]:
            scanned.append(queries.copy())
            return super().pieces(queries, radius)

    index._scan = Watched(codes)
    index.search(codes[100_000:100_064], 4)
    assert scanned == []
    index.search(np.concatenate([codes[100_000:100_064], codes[:1]]), 4)
    assert [queries.tolist() for queries in scanned] == [codes[:1].tolist()]
    scanned.clear()
    index.search(codes[100_000:100_064], 30)
    assert [len(queries) for queries in scanned] == [64]


@pytest.mark.parametrize("words", [1, 4])
def test_too_many_positions(monkeypatch: pytest.MonkeyPatch, words: int) -> None:
    """A list whose tables need more positions than there are numbers raises SettingsError."""
    monkeypatch.setattr(multi, "MAX_ENTRIES", 4 * words * 10 + 8)
    MultiIndex(make("uniform", 10, 64 * words, seed=6))
    with pytest.raises(SettingsError, match="too long"):
        MultiIndex(make("uniform", 11, 64 * words, seed=6))
