from __future__ import annotations

import math
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.evaluate.intervals import (
    count_pairs,
    pictures_needed,
    unseen_bound,
    wilson,
    wilson_needs,
    wilson_of_means,
)


@given(st.integers(0, 300), st.integers(1, 300))
def test_wilson_equals_scipy(successes: int, of: int) -> None:
    """Wilson's interval equals SciPy's."""
    from scipy.stats import binomtest  # noqa: PLC0415 # it takes a second to load

    successes = min(successes, of)
    low, high = binomtest(successes, of).proportion_ci(method="wilson")
    found = wilson(successes / of, of)
    assert float(found.low) == pytest.approx(low, abs=1e-12)
    assert float(found.high) == pytest.approx(high, abs=1e-12)


def test_pictures_that_agree_with_themselves_count_once() -> None:
    """Ten equal answers per picture are worth no more than one."""
    answers = np.array([1.0] * 80 + [0.0] * 20)
    many = wilson_of_means(np.repeat(answers[:, None], 10, axis=1).mean(axis=1))
    once = wilson(0.8, 100)
    assert float(many.low) == pytest.approx(float(once.low), abs=0.01)
    assert float(many.high) == pytest.approx(float(once.high), abs=0.01)


def test_independent_answers_narrow_the_interval() -> None:
    """Ten unrelated answers per picture are worth nearly ten pictures."""
    rng = np.random.default_rng(1)
    shares = rng.binomial(10, 0.8, 400) / 10
    found = wilson_of_means(shares)
    alone = wilson(shares.mean(), 4000)
    assert float(found.high - found.low) == pytest.approx(float(alone.high - alone.low), rel=0.15)


def test_unanimous_pictures_leave_doubt() -> None:
    """If every variant is found, the lower end is that of as many pictures."""
    found = wilson_of_means(np.ones(50))
    assert (float(found.value), float(found.high)) == (1, 1)
    assert float(found.low) == pytest.approx(float(wilson(1, 50).low))


@given(st.integers(2, 10_000))
def test_unseen_bound_is_that_of_one_family(pictures: int) -> None:
    """At the bound, a single family of look-alikes would go unseen one time in twenty."""
    bound = unseen_bound(pictures)
    if bound < 1:
        members = math.sqrt(bound * pictures * (pictures - 1))
        assert (1 + members) * math.exp(-members) == pytest.approx(0.05)


@given(st.floats(1e-12, 0.5))
def test_pictures_needed_are_just_enough(rate: float) -> None:
    """The pictures asked for bring the bound down to the rate; one fewer would not."""
    pictures = pictures_needed(rate)
    assert unseen_bound(pictures) <= rate * (1 + 1e-9)
    assert pictures <= 6 or unseen_bound(pictures - 2) > rate


def by_hand(pairs: dict[tuple[int, int], int], pictures: int, level: int) -> tuple[float, float]:
    """The share of matches and its variance by Hoeffding, summed term by term."""
    half = np.zeros((pictures, pictures))
    for (query, entry), at in pairs.items():
        if at <= level:
            half[query, entry] += 0.5
            half[entry, query] += 0.5
    single = [half[pair] for pair in combinations(range(pictures), 2)]
    shared = [half[a, b] * half[a, c] for a, b, c in permutations(range(pictures), 3)]
    mean = float(np.mean(single))
    covariance = max(0.0, float(np.mean(shared)) - mean**2)
    variance = max(0.0, float(np.mean(np.square(single))) - mean**2)
    terms = 4 * (pictures - 2) * covariance + 2 * variance
    return mean, terms / (pictures * (pictures - 1))


places = st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda pair: pair[0] != pair[1])


@given(st.dictionaries(places, st.integers(0, 5), max_size=30))
def test_pair_counts_equal_sums_by_hand(pairs: dict[tuple[int, int], int]) -> None:
    """Counts and variance by level equal their definitions, term by term."""
    query, entry = np.array(list(pairs), dtype=np.int64).reshape(-1, 2).T
    counted = count_pairs(query, entry, np.array(list(pairs.values()), dtype=np.int64), 7, 4)
    assert counted.pairs == 42
    for level in range(4):
        mean, variance = by_hand(pairs, 7, level)
        assert counted.matches[level] / counted.pairs == pytest.approx(mean)
        assert counted.variance[level] == pytest.approx(variance)


def test_bounds_hold_the_value_and_never_fall() -> None:
    """Upper ends never fall from level to level, and start at the bound for nothing seen."""
    query, entry = np.array([0, 1, 2, 3, 0]), np.array([1, 0, 3, 2, 2])
    rate = count_pairs(query, entry, np.array([2, 2, 3, 3, 4]), 500, 6).rate
    assert (rate.value[:2] == 0).all()
    assert (rate.low[:2] == 0).all()
    assert rate.high[0] == pytest.approx(unseen_bound(500))
    assert (np.diff(rate.high) >= 0).all()
    assert (rate.low <= rate.value).all()
    assert (rate.value <= rate.high).all()


def test_a_hub_widens_the_interval() -> None:
    """The same number of matches proves less if one picture is in all of them."""
    spread = count_pairs(np.arange(0, 40, 2), np.arange(1, 40, 2), np.zeros(20, np.int64), 300, 1)
    hub = count_pairs(np.zeros(20, np.int64), np.arange(1, 21), np.zeros(20, np.int64), 300, 1)
    assert hub.rate.value == spread.rate.value
    assert hub.rate.high[0] > 2 * spread.rate.high[0]


def test_two_pictures_say_nothing() -> None:
    """A single pair proves nothing about the rate."""
    rate = count_pairs(np.array([0]), np.array([1]), np.array([0]), 2, 2).rate
    assert rate.high.tolist() == [1, 1]


@pytest.mark.parametrize("share", [0.0, 0.004])
def test_shares_need_so_many_pictures(share: float) -> None:
    """The pictures asked for bring Wilson's upper end to the rate; one fewer would not."""
    count = wilson_needs(share, 0.01)
    assert wilson(share, count).high <= 0.01 < wilson(share, count - 1).high
    assert wilson_needs(0.01, 0.01) == 0
