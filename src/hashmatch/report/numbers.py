"""Write thresholds, estimates and shares of an evaluation for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def thresholds(bits: Mapping[str, int]) -> str:
    """Such as ``phash 8`` or ``phash 8 with dhash 4``."""
    return " with ".join(f"{name} {value}" for name, value in bits.items())


def at(estimate: Mapping[str, Any], level: int) -> tuple[float, float, float]:
    """An estimate at one level: value, low and high."""
    return estimate["value"][level], estimate["low"][level], estimate["high"][level]


def interval(estimate: tuple[float, float, float], show: Callable[[float], str]) -> str:
    """Such as ``97.1% (96.4% to 97.8%)``, or a bound alone where nothing was seen."""
    value, low, high = estimate
    if value == 0 and low == 0:
        return f"at most {show(high)} (none seen)"
    return f"{show(value)} ({show(low)} to {show(high)})"


def percent(share: float) -> str:
    """A share of one in percent, with one decimal."""
    return f"{100 * share:.1f}%"


def amount(value: float) -> str:
    """A number of whatever size, with two digits that count."""
    if value == 0:
        return "0"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2g}" if value >= 0.001 else f"{value:.0e}"
