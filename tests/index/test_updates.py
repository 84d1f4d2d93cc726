"""Adding entries to an index and withdrawing them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from counts import examples
from hashmatch.errors import HashMismatchError, SettingsError
from hashmatch.index import Index, LinearIndex, UpdatedIndex, build_index

from .oracle import KINDS, SHAPES, flip, make, triples

NONE = np.empty(0, np.int64)
Rows = st.lists(st.integers(0, 10**6), max_size=6)


class Updates(RuleBasedStateMachine):
    """Changes an index, and compares it with a new one over the entries that should be left."""

    @initialize(
        kind=st.sampled_from(KINDS),
        shape=st.sampled_from(SHAPES),
        words=st.integers(1, 2),
        count=st.integers(0, 40),
    )
    def begin(self, kind: str, shape: str, words: int, count: int) -> None:
        """Start from any list."""
        self.kind, self.seed = kind, count
        self.base = make(shape, count, 64 * words, seed=count)
        self.codes = self.base
        self.withdrawn: set[int] = set()

    @rule(count=st.integers(0, 10), shape=st.sampled_from(SHAPES))
    def add(self, count: int, shape: str) -> None:
        """Add new hashes, some of them near existing ones."""
        self.seed += 1
        fresh = make(shape, count, 64 * self.base.shape[1], seed=self.seed)
        again = self.codes[: count // 2]
        near = flip(again, 3, np.random.default_rng(self.seed))
        self.codes = np.concatenate([self.codes, fresh, near])

    @rule(rows=Rows)
    def withdraw(self, rows: list[int]) -> None:
        """Withdraw rows, some of them for the second time."""
        self.withdrawn |= {row % len(self.codes) for row in rows if len(self.codes)}

    @rule()
    def merge(self) -> None:
        """Rebuild the base from what is left."""
        left = sorted(set(range(len(self.codes))) - self.withdrawn)
        self.base = self.codes = self.codes[left]
        self.withdrawn = set()

    @invariant()
    def equals_a_fresh_build(self) -> None:
        """Every answer equals that of an index built from what is left."""
        added = self.codes[len(self.base) :]
        gone = np.array(sorted(self.withdrawn, reverse=True), np.int64)
        index: Index = UpdatedIndex(build_index(self.base, self.kind), LinearIndex(added), gone)
        left = np.setdiff1d(np.arange(len(self.codes)), gone)
        fresh = LinearIndex(self.codes[left])
        queries = np.concatenate([self.codes[:3], self.codes[-3:], ~self.codes[:1]])
        assert len(index) == len(fresh)
        for radius in (0, 3, 20):
            expected = fresh.search(queries, radius)
            expected = expected._replace(row=left[expected.row])
            assert triples(index.search(queries, radius)) == triples(expected)
            assert (index.any(queries, radius) == fresh.any(queries, radius)).all()
            assert (
                index.nearest(queries, radius, 2).counts == fresh.nearest(queries, radius, 2).counts
            ).all()


Updates.TestCase.settings = settings(examples(30), stateful_step_count=8)
TestUpdates = Updates.TestCase


def test_explain_counts_the_changes() -> None:
    """explain() counts what was added and withdrawn since."""
    codes = make("uniform", 30, 64, seed=2)
    index = UpdatedIndex(LinearIndex(codes), LinearIndex(codes[:2]), np.array([3, 3, 31]))
    assert index.explain() == ("linear scan of 30 entries, as asked; 2 added and 2 withdrawn since")
    assert len(index) == 30


def test_added_entries_of_another_width() -> None:
    """Entries of another width cannot be added."""
    with pytest.raises(HashMismatchError, match="width"):
        UpdatedIndex(
            LinearIndex(make("uniform", 3, 64, seed=1)),
            LinearIndex(make("uniform", 3, 128, seed=1)),
            NONE,
        )


@pytest.mark.parametrize("row", [-1, 5])
def test_withdrawn_rows_that_are_not_there(row: int) -> None:
    """Withdrawing a row that does not exist raises SettingsError."""
    codes = make("uniform", 5, 64, seed=1)
    with pytest.raises(SettingsError, match="cannot withdraw a row"):
        UpdatedIndex(LinearIndex(codes[:3]), LinearIndex(codes[3:]), np.array([0, row]))
