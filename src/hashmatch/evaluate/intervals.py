"""95% intervals for shares of pictures, and for shares of pairs that have pictures in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

Z = 1.959963984540054
"""Standard deviations on either side that hold 95% of a normal distribution."""

FAMILY = 4.743864518390589
"""The solution of ``(1 + x) * exp(-x) == 0.05``: see ``unseen_bound``."""


class Estimate(NamedTuple):
    """A share or an amount, or several, with a 95% interval.

    Attributes:
        value: what was seen.
        low: the lower end.
        high: the upper end; where nothing was seen, a one-sided 95% bound.
    """

    value: Floats
    low: Floats
    high: Floats

    def times(self, factor: int) -> Estimate:
        """The estimate of a multiple."""
        return Estimate(*(end * factor for end in self))

    def at(self, place: Any) -> Estimate:
        """The estimates at one index."""
        return Estimate(*(end[place] for end in self))

    def record(self) -> dict[str, Any]:
        """Plain values with six significant digits, so that no rounding error of a sum shows."""
        return {name: _rounded(end.tolist()) for name, end in self._asdict().items()}


def _rounded(value: Any) -> Any:
    return [_rounded(one) for one in value] if isinstance(value, list) else float(f"{value:.6g}")


def wilson(share: Floats | float, of: Floats | float) -> Estimate:
    """The score interval of a share.

    Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference",
    Journal of the American Statistical Association 22, 1927.

    Args:
        share: 0 to 1.
        of: of how many independent pictures; need not be an integer.
    """
    value, count = np.asarray(share, np.float64), np.asarray(of, np.float64)
    weight = 1 + Z**2 / count
    middle = (value + Z**2 / (2 * count)) / weight
    reach = Z / weight * np.sqrt(value * (1 - value) / count + Z**2 / (4 * count**2))
    # At either end of the scale the interval starts exactly there, despite rounding
    low = np.where(value > 0, np.maximum(0, middle - reach), 0.0)
    return Estimate(value, low, np.where(value < 1, np.minimum(1, middle + reach), 1.0))


def wilson_needs(share: float, rate: float) -> int:
    """How many pictures bring the upper end of a share down to ``rate``; 0 if no number would."""
    return int(np.ceil(Z**2 * rate * (1 - rate) / (rate - share) ** 2)) if share < rate else 0


def wilson_of_means(shares: Floats) -> Estimate:
    """The score interval of a mean share, where each picture gives several answers.

    The answers of one picture are related, so they are worth fewer independent ones. How many
    follows from how far the pictures' own shares differ: the variance of their mean is set equal to
    that of a share of ``of`` independent answers (Kish's design effect; L. Kish, "Survey Sampling",
    1965).

    Args:
        shares: shape (pictures, ...), each picture's own share.
    """
    count = len(shares)
    mean = shares.mean(axis=0)
    # Student's t instead of the normal, since this variance is itself an estimate
    widening = (student(max(1, count - 1)) / Z) ** 2
    variance = shares.var(axis=0, ddof=1) / count * widening
    alone = mean * (1 - mean)
    with np.errstate(divide="ignore", invalid="ignore"):
        of = np.where(variance > 0, alone / variance, count)
    return wilson(mean, np.maximum(of, 1))


def student(freedom: Floats | float) -> Floats:
    """Standard errors on either side that hold 95% of Student's t distribution."""
    from scipy.special import stdtrit  # noqa: PLC0415 # SciPy is slow to import

    return np.asarray(stdtrit(freedom, 0.975), np.float64)


def unseen_bound(pictures: int) -> float:
    """The largest share of pairs that may be false matches if none was seen, 95% one-sided.

    "Three over n" would hold for pairs that have nothing to do with each other. But look-alikes
    come in families, and the worst case is a single one: a share ``s`` of all pictures, all near
    each other. Then ``s * s`` of all pairs are near, and none is seen as long as at most one member
    is among the n pictures. The probability of that is ``(1 + x) * exp(-x)`` with ``x = n * s``; it
    falls below 5% at x = 4.74. So the bound is 22.5 over n squared, nearly four times "three over
    the number of pairs".

    This is an assumption, and the price of a useful figure: what is near a family belongs to it. A
    hub, a picture near many that are not near each other, is missed more easily. Without any
    assumption only disjoint pairs are independent, and the bound is 6 over n; pictures near
    everything reach it. Those are the flat ones, which the quality floor removes.
    ``bench/calibration.py`` has a world with a hub, and ``against`` names the hubs of a list.
    """
    return min(1.0, FAMILY**2 / (pictures * max(1, pictures - 1)))


def pictures_needed(rate: float) -> int:
    """How many pictures bring ``unseen_bound`` down to ``rate``."""
    return int(np.ceil(0.5 + np.sqrt(0.25 + FAMILY**2 / rate)))


@dataclass(frozen=True, slots=True, repr=False)
class PairCounts:
    """False matches among all ordered pairs of n pictures, by level.

    Attributes:
        pictures: n.
        matches: shape (levels,), how many of the n * (n - 1) pairs match at each level.
        variance: shape (levels,), an unbiased estimate for the share of matches.
    """

    pictures: int
    matches: Ints
    variance: Floats

    @property
    def pairs(self) -> int:
        """How many ordered pairs there are."""
        return self.pictures * (self.pictures - 1)

    @property
    def rate(self) -> Estimate:
        """The share of pairs that are false matches, with its interval.

        The interval is symmetric on the logarithmic scale, as that of a count nearly is. It uses
        Student's t, since the variance is itself estimated, and poorly if matches are few. The
        degrees of freedom are the number of independent matches that would vary as much (again
        Kish's design effect), plus two; ``bench/calibration.py`` shows how often the truth lies
        within. Upper ends never fall from one level to the next, nor below ``unseen_bound``.
        """
        value, ratio = self._value, _spread(self._independent)
        high = np.maximum.accumulate(np.maximum(value * ratio, unseen_bound(self.pictures)))
        return Estimate(value, value / ratio, np.minimum(1, high))

    def needed(self, level: int, rate: float) -> int:
        """How many pictures like these bring the upper end at a level down to ``rate``.

        Returns:
            0 if no number would, because the share of matches is not smaller itself.
        """
        share, least = float(self._value[level]), pictures_needed(rate)
        if not share:
            return least
        if share >= rate:
            return 0
        # Independent matches grow as pairs do, with the square of the pictures
        times = np.geomspace(1, 1e6, 4_000)
        enough = share * _spread(self._independent[level] * times**2) <= rate
        return max(least, int(np.ceil(self.pictures * times[np.argmax(enough)])))

    @property
    def _value(self) -> Floats:
        value: Floats = self.matches / max(1, self.pairs)
        return value

    @property
    def _independent(self) -> Floats:
        """How many independent matches would vary as much, by level."""
        with np.errstate(divide="ignore", invalid="ignore"):
            count = np.where(self.variance > 0, self._value**2 / self.variance, 0.0)
        # At least one if any was seen, and at most as many as were
        return np.minimum(np.maximum(count, 1), np.maximum(self.matches, 1))


def _spread(count: Floats) -> Floats:
    """By which factor the truth may differ from a count of so many independent matches."""
    spread: Floats = np.exp(student(count + 2) / np.sqrt(count))
    return spread


def count_pairs(query: Ints, entry: Ints, level: Ints, pictures: int, levels: int) -> PairCounts:
    """Count matches among the pairs of n pictures, and estimate how much that count varies.

    The share is a U-statistic over pictures of ``y``, the share of the two directions in which a
    pair matches. Its variance is ``(4 (n - 2) a + 2 b) / (n (n - 1))`` where ``a`` is the
    covariance of two pairs with one picture in common and ``b`` the variance of one pair (W.
    Hoeffding, "A Class of Statistics with Asymptotically Normal Distribution", Annals of
    Mathematical Statistics 19, 1948). A bootstrap that resamples pictures estimates the same sum
    with ``b`` up to three times too large (A. Owen, "The pigeonhole bootstrap", Annals of Applied
    Statistics 1, 2007), and for rare matches ``b`` is nearly everything; so it is summed directly.

    Args:
        query: shape (m,), the picture looked up, of each ordered pair that matches.
        entry: shape (m,), the picture found.
        level: shape (m,), the lowest level at which it matches; no ordered pair occurs twice.
        pictures: n.
        levels: how many levels there are, from 0.
    """
    inside = level < levels
    query, entry, level = query[inside], entry[inside], level[inside]
    matches = np.bincount(level, minlength=levels).cumsum()
    if pictures < 3:
        return PairCounts(pictures, matches, np.full(levels, np.inf))
    value = matches / (pictures * (pictures - 1))
    squares = _squares(query, entry, level, levels)
    degrees = _degree_squares(query, entry, level, levels)
    paths = (degrees - 2 * squares) / (pictures * (pictures - 1) * (pictures - 2))
    shared = np.maximum(0, paths - value**2)
    single = np.maximum(0, 2 * squares / (pictures * (pictures - 1)) - value**2)
    variance = (4 * (pictures - 2) * shared + 2 * single) / (pictures * (pictures - 1))
    return PairCounts(pictures, matches, variance)


def _squares(query: Ints, entry: Ints, level: Ints, levels: int) -> Floats:
    """The sum of ``y`` squared over unordered pairs, by level."""
    low, high = np.minimum(query, entry), np.maximum(query, entry)
    order = np.lexsort((level, high, low))
    low, high, level = low[order], high[order], level[order]
    second = np.zeros(len(level), dtype=np.bool_)
    second[1:] = (low[1:] == low[:-1]) & (high[1:] == high[:-1])
    # One direction is a half, squared a quarter; the other direction brings it to one
    steps = np.where(second, 0.75, 0.25)
    return np.bincount(level, weights=steps, minlength=levels).cumsum()


def _degree_squares(query: Ints, entry: Ints, level: Ints, levels: int) -> Floats:
    """The sum over pictures of the squares of their sums of ``y``, by level."""
    pictures, both = np.unique(np.concatenate([query, entry]), return_inverse=True)
    total = np.zeros(levels)
    degree = np.zeros(len(pictures))
    twice = np.concatenate([level, level])
    order = np.argsort(twice, kind="stable")
    ends = np.searchsorted(twice[order], np.arange(levels), side="right")
    start = 0
    for number, end in enumerate(ends):
        degree += 0.5 * np.bincount(both[order[start:end]], minlength=len(pictures))
        total[number] = (degree**2).sum()
        start = end
    return total
