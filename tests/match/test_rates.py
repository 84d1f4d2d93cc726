"""Chance rates: the counts, and what lies between and beyond them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaincinv

from hashmatch import HashKind
from hashmatch.match.rates import PHOTOGRAPHS, Rates, Seen, poisson_bound, read_curve

PHASH, DHASH = HashKind("phash", 64), HashKind("dhash", 64)


@pytest.mark.parametrize("near", [0, 1, 2, 19, 123, 4_975, 100_000])
def test_the_bound_is_that_of_a_poisson_count(near: int) -> None:
    """The bound equals SciPy's quantile of the gamma distribution."""
    assert poisson_bound(near) == pytest.approx(gammaincinv(near + 1, 0.95), rel=1e-9)


def test_counts_give_the_figures_that_they_were_taken_for() -> None:
    """19 of 118,458,822 pairs mean 1 file in 6,000 for 1,000 entries, and 16 in 100 for a million.

    The count with more pairs, which is the one that serves, lies within the interval of this one.
    """
    fewer = Rates("test", {PHASH: (Seen(8, 19, 118_458_822),)}, {}).of({PHASH: 8})
    more = PHOTOGRAPHS.of({PHASH: 8})
    assert fewer is not None
    assert more is not None
    assert 1 / fewer.times(1_000).rate == pytest.approx(6_000, rel=0.05)
    assert fewer.times(1_000_000).rate == pytest.approx(0.16, rel=0.05)
    assert fewer.rate / 2 < more.rate < more.bound < fewer.bound


@pytest.mark.parametrize("kind", list(PHOTOGRAPHS.alone), ids=str)
def test_rates_rise_with_the_distance(kind: HashKind) -> None:
    """At each larger distance, rate and bound are as large or larger, and the bound is the more."""
    chances = [PHOTOGRAPHS.of({kind: bits}) for bits in range(kind.bits // 2)]
    assert all(chance and 0 < chance.rate <= chance.bound <= 1 for chance in chances)
    for field in ("rate", "bound"):
        values = [getattr(chance, field) for chance in chances]
        assert values == sorted(values)


@pytest.mark.parametrize(
    ("bits", "guess"), [(4, True), (6, False), (7, False), (14, False), (15, True)]
)
def test_what_was_not_counted_is_marked(bits: int, guess: bool) -> None:
    """A rate between the smallest and the largest distance counted is not an extrapolation."""
    chance = PHOTOGRAPHS.of({PHASH: bits})
    assert chance is not None
    assert chance.extrapolated is guess


def test_a_guess_follows_the_line_to_ten_times_as_many_pairs() -> None:
    """Below all counts, the slope is that of a tenfold range, and no count in between tilts it.

    The bound stays that of the lowest count, which covers whatever is nearer.
    """
    counts = (Seen(40, 10, 10**9), Seen(41, 50, 10**9), Seen(50, 100, 10**9), Seen(60, 900, 10**9))
    guess = read_curve(counts, 30)
    assert guess.rate == pytest.approx(1e-9)
    assert guess.extrapolated
    assert guess.bound == counts[0].bound
    assert read_curve(counts[:2], 39).rate == pytest.approx(2e-9)
    assert read_curve(counts[:1], 30).rate == counts[0].rate


def test_agreement_is_rarer_than_either() -> None:
    """Agreement has a rate of its own; where it was not counted, that of the rarest kind."""
    both = PHOTOGRAPHS.of({PHASH: 10, DHASH: 10})
    assert both is not None
    assert both.rate == 3 / 1_060_000_000
    wide, pdq = HashKind("phash", 256), HashKind("pdq", 256)
    alone = PHOTOGRAPHS.of({wide: 60})
    assert PHOTOGRAPHS.of({wide: 60, pdq: 88}) == alone


def test_nothing_is_said_of_what_was_never_counted() -> None:
    """A plug-in's hash has no rate, and an exact digest is never equal by chance."""
    assert PHOTOGRAPHS.of({HashKind("plugin", 64): 4}) is None
    digest = PHOTOGRAPHS.of({HashKind("sha256", 256): 0})
    assert digest is not None
    assert (digest.rate, digest.bound) == (0, 0)


counts = st.lists(st.integers(0, 10_000), min_size=1, max_size=6).map(sorted)


@given(counts.filter(any), st.integers(0, 31))
def test_a_rate_never_exceeds_its_bound(near: list[int], distance: int) -> None:
    """Any counts give a rate within 0 and its bound, wherever it is asked for."""
    curve = tuple(Seen(4 * place, count, 1_000_000) for place, count in enumerate(near))
    chance = read_curve(curve, distance)
    assert 0 < chance.rate <= chance.bound <= 1
