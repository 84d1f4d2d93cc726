"""How often two different pictures are near each other by chance.

Hashes of real pictures are not random bits: a model of independent bits gives a 26th of the chance
matches that 64-bit pHashes have at 8 bits. So the rates here are counts. Between two counted
distances, the logarithm of the rate is interpolated. Below all counts, it is extrapolated along the
line from the lowest count to the first that is ten times as high: between two neighbouring counts
of a few pairs each, the slope would be noise. The result is a guess, and is marked as one. The
upper bound is never extrapolated to smaller distances: no more pairs are near there than at the
lowest counted one, so the bound of that one holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import ceil, exp, inf, lgamma, log, sqrt
from typing import NamedTuple

from hashmatch.model import DIGEST_BITS, HashKind

_MISSED = 0.05
_ONE_SIDED = 1.6448536269514722
"""Standard deviations above which a normal variable is in one of 20 cases."""

_MANY = 5_000

_SPAN = 10
"""How many times as high the second rate of an extrapolation is as the first."""


class Seen(NamedTuple):
    """How many pairs of different pictures were within a distance.

    Attributes:
        distance: in bits, inclusive.
        near: pairs within it.
        pairs: pairs compared.
        independent: how many independent near pairs would vary as much; None for all of them.
    """

    distance: int
    near: int
    pairs: int
    independent: float | None = None

    @property
    def rate(self) -> float:
        """The share of pairs within the distance."""
        return self.near / self.pairs

    @property
    def bound(self) -> float:
        """The 95% upper bound of the rate."""
        if self.independent is None or not self.near:
            return min(1.0, poisson_bound(self.near) / self.pairs)
        count = max(1, int(self.independent))
        return min(1.0, self.rate * poisson_bound(count) / count)


class Chance(NamedTuple):
    """How often something happens by chance.

    Attributes:
        rate: the share of pairs of different pictures, or after ``times`` an expected number.
        bound: its 95% upper bound, one-sided. The pairs counted share pictures and the bound treats
            them as independent, so the truth is somewhat less certain than it says.
        extrapolated: the rate lies outside of what was counted, and is a guess.
    """

    rate: float
    bound: float
    extrapolated: bool = False

    def times(self, number: float) -> Chance:
        """The expected number in that many trials."""
        return Chance(self.rate * number, self.bound * number, self.extrapolated)


Curve = tuple[Seen, ...]
"""Counts by ascending distance."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Chance rates by kind of hash.

    Attributes:
        name: what they were measured on, for records.
        alone: counts for each kind of hash.
        agreeing: counts of pairs that are near by every one of several kinds. Their distance is in
            bits of 64, so 10 stands for 40 bits of a hash of 256.
    """

    name: str
    alone: Mapping[HashKind, Curve]
    agreeing: Mapping[frozenset[HashKind], Curve]

    def of(self, distances: Mapping[HashKind, int]) -> Chance | None:
        """The chance that two different pictures are within all of these distances, in bits.

        For kinds whose agreement was not counted, this is the rate of the rarest kind alone, which
        is more than that of the agreement. Exact digests never agree by chance.

        Returns:
            None if nothing is known about any of the kinds.
        """
        if any(kind.algorithm in DIGEST_BITS for kind in distances):
            return Chance(0.0, 0.0)
        known = [
            read_curve(self.alone[kind], bits)
            for kind, bits in distances.items()
            if kind in self.alone
        ]
        together = self.agreeing.get(frozenset(distances))
        if together:
            level = max(ceil(64 * bits / kind.bits) for kind, bits in distances.items())
            known.append(read_curve(together, level))
        if not known:
            return None
        rarest = min(known)
        return rarest._replace(bound=min(chance.bound for chance in known))


def read_curve(curve: Curve, distance: int) -> Chance:
    """The chance of being within a distance, by a curve with at least one near pair."""
    counted = [seen for seen in curve if seen.near]
    first, last = counted[0], counted[-1]
    bound = min((seen.bound for seen in curve if seen.distance >= distance), default=inf)
    if distance < first.distance:
        higher = (seen for seen in counted if seen.rate >= _SPAN * first.rate)
        rate = _along(distance, first, next(higher, last))
    elif distance > last.distance:
        rate = _along(distance, *counted[-2:]) if len(counted) > 1 else 1.0
        bound = min(1.0, rate * last.bound / last.rate)
    else:
        upper = next(place for place, seen in enumerate(counted) if seen.distance >= distance)
        rate = _along(distance, counted[max(0, upper - 1)], counted[upper])
    outside = not first.distance <= distance <= last.distance
    return Chance(min(rate, bound), bound, outside)


def _along(distance: int, first: Seen, second: Seen) -> float:
    """The rate at a distance on the line through two counts, with a logarithmic scale of rates."""
    if distance == second.distance or first is second:
        return second.rate
    low, high = log(first.rate), log(second.rate)
    slope = (high - low) / (second.distance - first.distance)
    return exp(min(0.0, low + slope * (distance - first.distance)))


@cache
def poisson_bound(near: int) -> float:
    """The 95% upper bound of what a Poisson count of ``near`` may have been expected to be.

    The largest mean under which so few or fewer have a probability of 5% (F. Garwood, "Fiducial
    limits for the Poisson distribution", Biometrika 28, 1936); for rates this small it equals
    Clopper's and Pearson's bound of a binomial share. Large counts take the approximation of E. B.
    Wilson and M. M. Hilferty ("The distribution of chi-square", PNAS 17, 1931), which is then
    within a millionth of it.
    """
    if near > _MANY:
        share = 1 / (9 * (near + 1))
        return (near + 1) * (1 - share + _ONE_SIDED * sqrt(share)) ** 3
    low, high = float(near), 2.0 * near + 10
    for _ in range(60):
        middle = (low + high) / 2
        if poisson_at_most(near, middle) > _MISSED:
            low = middle
        else:
            high = middle
    return high


def poisson_at_most(near: int, mean: float) -> float:
    """The probability of at most ``near`` events when ``mean`` are expected."""
    if mean == 0:
        return 1.0
    term = total = exp(near * log(mean) - mean - lgamma(near + 1))
    for number in range(near, 0, -1):
        term *= number / mean
        total += term
        if term < total * 1e-15:
            break
    return total


_FEWER, _MORE = 118_458_822, 1_060_000_000
"""Pairs of 15,400 and of 46,161 crops; crops of one photograph were not compared."""


def kind_of(name: str) -> HashKind:
    """Read the name of a kind, such as ``phash-64``. Raises ``ValueError`` for any other text."""
    algorithm, bits = name.rsplit("-", 1)
    return HashKind(algorithm, int(bits))


def _curve(*counts: tuple[int, int, int]) -> Curve:
    return tuple(Seen(*count) for count in counts)


PHOTOGRAPHS = Rates(
    name="photographs",
    alone={
        kind_of("phash-64"): _curve(
            (4, 0, _MORE), (6, 17, _MORE), (8, 123, _MORE),
            (10, 79, _FEWER), (12, 498, _FEWER), (14, 3_317, _FEWER),
        ),
        kind_of("dhash-64"): _curve(
            (2, 66, _MORE), (4, 418, _MORE),
            (6, 163, _FEWER), (8, 640, _FEWER), (10, 2_132, _FEWER),
        ),
        kind_of("phash-256"): _curve(
            (48, 2, _MORE), (60, 10, _MORE),
            (70, 3, _FEWER), (76, 17, _FEWER), (82, 108, _FEWER), (88, 699, _FEWER),
        ),
        kind_of("dhash-256"): _curve(
            (16, 20, _MORE),
            (28, 9, _FEWER), (34, 42, _FEWER), (40, 118, _FEWER), (64, 4_975, _FEWER),
        ),
        kind_of("pdq-256"): _curve(
            (48, 2, _MORE), (60, 9, _MORE),
            (70, 5, _FEWER), (76, 21, _FEWER), (82, 82, _FEWER), (88, 509, _FEWER),
        ),
    },
    agreeing={
        frozenset({kind_of("phash-64"), kind_of("dhash-64")}): _curve(
            (8, 1, _MORE), (10, 3, _MORE), (12, 19, _MORE), (14, 193, _MORE)
        ),
    },
)  # fmt: skip
"""Counted between crops of 983 public photographs: of each distance, the count with the most pairs.
Where only a share was kept, the count is that share of the pairs."""
