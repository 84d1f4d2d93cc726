"""Any list and any query, with limits so low that a few entries reach every one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counts import examples
from hashmatch.index import Codes, base, bktree, build_index, equal, linear, multi, ranges

from .oracle import KINDS, naive, questions, reopen, triples

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True, scope="module")
def small_limits() -> Iterator[None]:
    """Leaves of 2 entries, tiles of 16 pairs, frontiers of 3, steps of 2 blocks, and so on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "MAX_QUERIES", 4)
        patch.setattr(base, "BUNDLE", 3)
        patch.setattr(bktree, "LEAF", 2)
        patch.setattr(bktree, "FRONTIER", 3)
        patch.setattr(equal, "_FEW", 2)
        patch.setattr(ranges, "CANDIDATES", 3)
        patch.setattr(linear, "TILE", 16)
        patch.setattr(linear, "FAISS_TILE", 16)
        patch.setattr(ranges, "STEP", 2)
        patch.setattr(multi, "BUCKETS", 40)
        patch.setattr(multi, "CANDIDATES", 10)
        patch.setattr(multi, "FINDS", 3)
        patch.setattr(multi, "CALL_NS", 0)
        patch.setattr(multi, "BUCKET_NS", 20)
        yield


@pytest.mark.parametrize("reopened", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@examples(60)
@given(
    question=questions(),
    word_ns=st.sampled_from([5, 50, 10_000]),
    by_faiss=st.booleans(),
    k=st.integers(1, 4),
)
def test_equals_naive(
    kind: str,
    *,
    reopened: bool,
    question: tuple[Codes, Codes, int],
    word_ns: int,
    by_faiss: bool,
    k: int,
) -> None:
    """Every index equals plain integer arithmetic on any list of any width, also when reopened.

    So it does where faiss compares what is scanned, if that is installed.
    """
    codes, queries, radius = question
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linear, "LONG", 0 if by_faiss else linear.LONG)
        # From a scan so cheap that no bucket is worth it, to one so expensive that all are
        patch.setattr(linear, "WORD_NS", word_ns)
        patch.setattr(linear, "FAISS_WORD_NS", word_ns)
        index = build_index(codes, kind)
        if reopened:
            told = index.explain()
            index = reopen(index)
            assert index.explain() == told
        expected = naive(codes, queries, radius)
        assert triples(index.search(queries, radius)) == expected
        counts = [sum(query == asked for query, _, _ in expected) for asked in range(len(queries))]
        assert index.any(queries, radius).tolist() == [count > 0 for count in counts]
        nearest = index.nearest(queries, radius, k)
        assert nearest.counts.tolist() == counts
        places = [place for count in counts for place in range(count)]
        assert triples(nearest.hits) == [
            triple for triple, place in zip(expected, places, strict=True) if place < k
        ]
