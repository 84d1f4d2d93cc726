"""How often a match is one, by what humans said: in all, by distance, algorithm and list."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from typing import TypeVar

from hashmatch.cases.verdicts import CONFIRMED, FALSE_POSITIVE, UNSURE
from hashmatch.state import State

Z = 1.959963984540054
"""Standard deviations on either side that hold 95% of a normal distribution."""

MAX_ENTRIES = 20

Key = TypeVar("Key", str, tuple[str, int], tuple[str, str])


@dataclass(frozen=True, slots=True)
class Precision:
    """The share of matches that are ones, of those that a human decided.

    Attributes:
        confirmed: matches that are ones.
        false_positives: matches that are none.
        unsure: matches that nobody could decide; they count for neither.
        low: the lower end of the 95% interval of the share, 0 to 1.
        high: its upper end.
    """

    confirmed: int
    false_positives: int
    unsure: int
    low: float
    high: float

    @property
    def share(self) -> float | None:
        """0 to 1; None where nothing was decided."""
        decided = self.confirmed + self.false_positives
        return self.confirmed / decided if decided else None

    @classmethod
    def of(cls, verdicts: Iterable[str]) -> Precision:
        """From the verdicts of humans."""
        counts = Counter(verdicts)
        low, high = wilson(counts[CONFIRMED], counts[CONFIRMED] + counts[FALSE_POSITIVE])
        return cls(counts[CONFIRMED], counts[FALSE_POSITIVE], counts[UNSURE], low, high)


@dataclass(frozen=True, slots=True)
class Stats:
    """What reviews say.

    Attributes:
        matches: how many there are.
        pending: how many of them nobody has reviewed.
        overall: of all that were.
        by_algorithm: by name and width, such as ``phash-64``.
        by_distance: by algorithm and width, and the distance in bits.
        by_list: by the list's name.
        worst_entries: by list and entry, those with the most false positives, the worst first.
    """

    matches: int
    pending: int
    overall: Precision
    by_algorithm: dict[str, Precision]
    by_distance: dict[tuple[str, int], Precision]
    by_list: dict[str, Precision]
    worst_entries: dict[tuple[str, str], Precision]


def wilson(confirmed: int, decided: int) -> tuple[float, float]:
    """The 95% score interval of a share; all of the scale where nothing was decided.

    Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference",
    Journal of the American Statistical Association 22, 1927.

    Args:
        confirmed: how many have the property.
        decided: of how many.
    """
    if not decided:
        return 0.0, 1.0
    share = confirmed / decided
    weight = 1 + Z**2 / decided
    middle = (share + Z**2 / (2 * decided)) / weight
    reach = Z / weight * sqrt(share * (1 - share) / decided + Z**2 / (4 * decided**2))
    # At either end of the scale the interval ends there, whatever rounding makes of it
    low = max(0.0, middle - reach) if confirmed else 0.0
    return low, min(1.0, middle + reach) if confirmed < decided else 1.0


def review_stats(state: State) -> Stats:
    """Compute what the latest verdict on each match says.

    The intervals hold for matches drawn at random (``read_queue(sample=...)``). Where the
    likeliest mistakes were reviewed first, the precision is that of those, and no more.
    """
    rows = state.matches.decided()
    matches = len(state.matches.ids())
    kinds = [f"{row.algorithm}-{row.bits}" for row in rows]
    verdicts = [row.decision for row in rows]
    named = [(row.list, row.entry) for row in rows]
    entries = _grouped(named, verdicts)
    blamed = [key for key, found in entries.items() if found.false_positives]
    blamed.sort(key=lambda key: (-entries[key].false_positives, entries[key].confirmed, key))
    worst = {key: entries[key] for key in blamed[:MAX_ENTRIES]}
    return Stats(
        matches=matches,
        pending=matches - len(rows),
        overall=Precision.of(verdicts),
        by_algorithm=_grouped(kinds, verdicts),
        by_distance=_grouped(
            [(kind, row.distance) for kind, row in zip(kinds, rows, strict=True)], verdicts
        ),
        by_list=_grouped([row.list for row in rows], verdicts),
        worst_entries=worst,
    )


def _grouped(keys: Iterable[Key], verdicts: Iterable[str]) -> dict[Key, Precision]:
    groups: defaultdict[Key, list[str]] = defaultdict(list)
    for key, verdict in zip(keys, verdicts, strict=True):
        groups[key].append(verdict)
    return {key: Precision.of(groups[key]) for key in sorted(groups)}
