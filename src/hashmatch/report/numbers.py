"""Write shares, thresholds and estimates for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

_RAREST = 1e-9
"""About as many pairs of pictures were counted: what is rarer was never seen."""

_LEAST = 0.0001


def thresholds(bits: Mapping[str, int]) -> str:
    """Such as ``phash 8`` or ``phash 8 with dhash 4``."""
    return " with ".join(f"{name} {value}" for name, value in bits.items())


def at(estimates: Mapping[str, Any], level: int) -> tuple[float, float, float]:
    """The estimate at one level: value, low and high."""
    return estimates["value"][level], estimates["low"][level], estimates["high"][level]


def interval(ends: tuple[float, float, float], show: Callable[[float], str]) -> str:
    """Such as ``97.1% (96.4% to 97.8%)``, or only a bound where nothing was seen."""
    value, low, high = ends
    if value == 0 and low == 0:
        bound = show(high)
        return f"{bound if bound.startswith('under') else f'at most {bound}'} (none seen)"
    return f"{show(value)} ({show(low)} to {show(high)})"


def estimate(one: Mapping[str, float], *, shares: bool = False) -> str:
    """An estimate of a record, as ``interval`` writes it: an amount, or a share in percent."""
    return interval((one["value"], one["low"], one["high"]), percent if shares else amount)


def share_at(estimates: Mapping[str, Any], level: int) -> str:
    """The estimate of a share at one level, in percent."""
    return interval(at(estimates, level), percent)


def parameters(values: Mapping[str, object]) -> str:
    """Such as ``quality 75, again 60``."""
    return ", ".join(f"{name} {value}" for name, value in values.items())


def percent(share: float) -> str:
    """A share of one in percent, with one decimal."""
    return f"{100 * share:.1f}%"


def share_of(part: int, whole: int) -> str:
    """A part in percent of the whole, never rounded down to nothing."""
    if not whole:
        return "0%"
    share = 100 * part / whole
    if 0 < share < 0.1:
        return "under 0.1%"
    return f"{share:.1f}%" if share % 1 else f"{share:.0f}%"


def one_in(expected: float | None) -> str:
    """Such as ``1 in 40,000,000``: one is expected in so many files."""
    if expected is None:
        return "not known"
    if expected == 0:
        return "none"
    if expected > 0.5:
        return f"{amount(expected)} per file"
    if expected < _RAREST:
        return f"under 1 in {1 / _RAREST:,.0f}"
    return f"1 in {two_digits(1 / expected):,}"


def two_digits(value: float) -> int:
    """A value of at least 1, rounded to two significant digits, as a whole number."""
    return int(float(f"{value:.2g}")) if value >= 10 else round(value)


def amount(value: float) -> str:
    """A number of any size, with at least two significant digits and never an exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    if 0 < value < _LEAST:
        return f"under {_LEAST}"
    return f"{Decimal(f'{value:.2g}'):f}"
