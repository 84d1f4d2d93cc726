"""How precise matches are, by what people decided: overall, by distance, algorithm and list."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from typing import TypeVar

from hashmatch.cases.store import Cases
from hashmatch.cases.values import Decision
from hashmatch.model import HashKind

Z = 1.959963984540054
"""How many standard deviations on either side cover 95% of a normal distribution."""

MAX_ENTRIES = 20

Key = TypeVar("Key", str, tuple[str, int], tuple[str, str])


@dataclass(frozen=True, slots=True)
class Precision:
    """The share of true matches among those that people decided."""

    confirmed: int  # how many are true matches
    false_positives: int  # how many are not
    unsure: int  # how many nobody could decide; they count for neither side
    low: float  # the lower end of the 95% interval of the share, 0 to 1
    high: float  # its upper end

    @property
    def share(self) -> float | None:
        """The share, 0 to 1; None if nothing was decided."""
        decided = self.confirmed + self.false_positives
        return self.confirmed / decided if decided else None

    @classmethod
    def of(cls, decisions: Iterable[str]) -> Precision:
        """Compute it from decisions."""
        counts = Counter(decisions)
        confirmed, wrong = counts[Decision.CONFIRMED], counts[Decision.FALSE_POSITIVE]
        return cls(confirmed, wrong, counts[Decision.UNSURE], *wilson(confirmed, confirmed + wrong))


@dataclass(frozen=True, slots=True)
class Stats:
    """The precision of all matches, and of groups of them."""

    matches: int
    pending: int  # how many of them nobody has decided
    overall: Precision  # the precision of all decided matches
    by_algorithm: dict[str, Precision]  # by algorithm and width, such as ``phash-64``
    by_distance: dict[tuple[str, int], Precision]  # by algorithm and width, and distance in bits
    by_list: dict[str, Precision]  # by the name of the list
    # by list and entry, those with the most false positives, worst first
    worst_entries: dict[tuple[str, str], Precision]


def wilson(confirmed: int, decided: int) -> tuple[float, float]:
    """Return the 95% score interval of a share; 0 to 1 if nothing was decided.

    Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference",
    Journal of the American Statistical Association 22, 1927.
    """
    if not decided:
        return 0.0, 1.0
    share = confirmed / decided
    weight = 1 + Z**2 / decided
    middle = (share + Z**2 / (2 * decided)) / weight
    reach = Z / weight * sqrt(share * (1 - share) / decided + Z**2 / (4 * decided**2))
    # A share of 0 or 1 is an end of its interval; rounding must not move it
    low = max(0.0, middle - reach) if confirmed else 0.0
    return low, min(1.0, middle + reach) if confirmed < decided else 1.0


def review_stats(cases: Cases) -> Stats:
    """Compute the precision from the latest decision about each match.

    The intervals hold for matches drawn at random (``read_queue(sample=...)``). If the likeliest
    mistakes were reviewed first, the precision is only theirs.
    """
    every = cases.match_rows(include_decided=True)
    rows = [row.match for row in every if row.match.decision is not None]
    kinds = [str(HashKind(row.algorithm, row.bits)) for row in rows]
    decisions = [row.decision or "" for row in rows]
    named = [(row.list, row.entry) for row in rows]
    entries = _grouped(named, decisions)
    blamed = [key for key, found in entries.items() if found.false_positives]
    blamed.sort(key=lambda key: (-entries[key].false_positives, entries[key].confirmed, key))
    worst = {key: entries[key] for key in blamed[:MAX_ENTRIES]}
    return Stats(
        matches=len(every),
        pending=len(every) - len(rows),
        overall=Precision.of(decisions),
        by_algorithm=_grouped(kinds, decisions),
        by_distance=_grouped(
            [(kind, row.distance) for kind, row in zip(kinds, rows, strict=True)], decisions
        ),
        by_list=_grouped([row.list for row in rows], decisions),
        worst_entries=worst,
    )


def _grouped(keys: Iterable[Key], decisions: Iterable[str]) -> dict[Key, Precision]:
    groups: defaultdict[Key, list[str]] = defaultdict(list)
    for key, decision in zip(keys, decisions, strict=True):
        groups[key].append(decision)
    return {key: Precision.of(groups[key]) for key in sorted(groups)}
