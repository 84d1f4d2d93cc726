from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.report.charts import power
from hashmatch.report.svg import Plot, Scale, decades


def test_ticks_are_round_wherever_an_axis_starts() -> None:
    """Ticks are multiples of a round step, within the axis."""
    assert Scale(-0.5, 64.5).ticks() == [0, 20, 40, 60]
    assert Scale(0, 1).ticks() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert Scale(1e-5, 1e-1, log=True).ticks() == pytest.approx([1e-5, 1e-4, 1e-3, 1e-2, 1e-1])


@given(st.lists(st.floats(1e-12, 1e12), min_size=1))
def test_decades_hold_all_values(values: list[float]) -> None:
    """A logarithmic axis begins at a power of ten and holds every value."""
    scale = decades([*values, 0.0])
    assert scale.low <= min(values) * (1 + 1e-9)
    assert scale.high >= max(values) * (1 - 1e-9)
    assert scale.high > scale.low
    assert all(0 <= scale.share(value) <= 1 for value in values)


def test_decades_of_nothing_are_an_axis_all_the_same() -> None:
    """An axis needs no positive value."""
    assert decades([0.0]).share(0.0) == 0


def test_values_outside_an_axis_lie_at_its_edge() -> None:
    """On a logarithmic axis, zero lies at the start and what is too large at the end."""
    plot = Plot("any", Scale(1, 100, log=True), Scale(0, 10))
    assert plot.at((0, 0)) == plot.at((1, 0))
    assert plot.at((1e9, 99)) == plot.at((100, 10))


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1, "1"), (0.01, "0.01"), (10_000, "10000"), (1e5, "10⁵"), (1e-7, "10⁻⁷"), (1e-12, "10⁻¹²")],
)
def test_powers_are_short(value: float, shown: str) -> None:
    """Short powers of ten are written out, and others as powers."""
    assert power(value) == shown
