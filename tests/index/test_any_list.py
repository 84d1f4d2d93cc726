"""Any list and any question, with limits so low that a few entries meet every one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from hashmatch.index import Codes, bktree, build_index, linear, ranges

from .oracle import KINDS, naive, questions, reopen, triples

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True, scope="module")
def small_limits() -> Iterator[None]:
    """Leaves of 2 entries, tiles of 16 pairs, frontiers of 3 and steps of 2 blocks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bktree, "LEAF", 2)
        patch.setattr(bktree, "FRONTIER", 3)
        patch.setattr(linear, "TILE", 16)
        patch.setattr(ranges, "STEP", 2)
        yield


@pytest.mark.parametrize("reopened", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150, deadline=None)
@given(question=questions())
def test_equals_naive(kind: str, *, reopened: bool, question: tuple[Codes, Codes, int]) -> None:
    """Any list of any width is answered as by plain integer arithmetic, also when reopened."""
    codes, queries, radius = question
    index = build_index(codes, kind)
    if reopened:
        told = index.explain()
        index = reopen(index)
        assert index.explain() == told
    assert triples(index.search(queries, radius)) == naive(codes, queries, radius)
