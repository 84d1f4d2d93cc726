"""How many false matches and candidates to expect of lists, cutoffs and a rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hashmatch.hashlist import HashList
from hashmatch.match.cutoffs import (
    FURTHER_VIEWS,
    MAX_FALSE_PER_MILLION,
    MILLION,
    Cutoffs,
    Distances,
    Group,
    Kinds,
    MatchRule,
    chance_of,
    find_groups,
    fit_groups,
)
from hashmatch.match.rates import PHOTOGRAPHS, Chance
from hashmatch.match.thresholds import AUTO
from hashmatch.model import HashKind

MOST_FALSE = 1e-4
"""Expected false matches of one file above which to warn of fixed thresholds: 1 in 10,000 files."""


@dataclass(frozen=True, slots=True)
class ExpectedFalse:
    """The false matches to expect of one file.

    Attributes:
        groups: the entries that it adds up, digests left out.
    """

    groups: tuple[Group, ...]
    cutoffs: Cutoffs
    rule: MatchRule

    @property
    def per_file(self) -> Chance:
        """The expected number for one file, of the groups whose chance is known."""
        return _total(self._at(group, self.cutoffs.within(group)) for group in self.groups)

    @property
    def candidates_per_file(self) -> float:
        """How many entries are near one file by chance without making a match."""
        near = self.at(self.cutoffs.near).rate
        return max(0.0, near - _total(map(self._matching_alone, self.groups)).rate)

    @property
    def unknown_kinds(self) -> tuple[str, ...]:
        """The kinds of hash that nothing is known about, such as those of plug-ins."""
        rates = self.rule.rates
        unknown = (
            group.kinds for group in self.groups if not rates.of(dict.fromkeys(group.kinds, 0))
        )
        return tuple(sorted({str(kind) for kinds in unknown for kind in kinds}))

    @property
    def too_many(self) -> bool:
        """Whether to warn: fixed thresholds make more than 1 in 10,000 files a false match.

        What ``auto`` allows is the operator's own limit, so only fixed thresholds count.
        """
        fixed = (group for group in self.groups if self.rule.is_fixed(group.kinds))
        total = _total(self._at(group, self.cutoffs.within(group)) for group in fixed)
        return total.rate > MOST_FALSE

    def at(self, thresholds: Distances) -> Chance:
        """What to expect of fixed thresholds, in bits for each kind."""
        return _total(
            self._at(group, {kind: thresholds[kind] for kind in group.kinds})
            for group in self.groups
            if len(group.kinds) == 1 or self.cutoffs.all_must
        )

    def lower_thresholds(self) -> dict[HashKind, int] | None:
        """Thresholds that bring it down to ``MOST_FALSE``; None if even 0 bits would not.

        The threshold to blame for the most false matches gives way first, bit by bit.
        """
        thresholds = dict(self.cutoffs.near)
        while self.at(thresholds).rate > MOST_FALSE:
            lowerable = [group for group in self.groups if any(map(thresholds.get, group.kinds))]
            if not lowerable:
                return None
            worst = max(lowerable, key=lambda group: self._rate(group, thresholds))
            widest = max(worst.kinds, key=lambda kind: thresholds[kind] / kind.bits)
            thresholds[widest] -= 1
        return thresholds

    def record(self) -> dict[str, Any]:
        """Plain values, per million files; null where a kind of hash is not known."""
        total, known = self.per_file.times(MILLION), not self.unknown_kinds
        candidates = self.candidates_per_file * MILLION
        return {
            "per_million_files": significant(total.rate) if known else None,
            "bound": significant(total.bound) if known else None,
            "candidates_per_million_files": significant(candidates) if known else None,
            "extrapolated": total.extrapolated,
            "unknown_kinds": list(self.unknown_kinds),
            "views": self.rule.views,
            "mirror_images": list(self.cutoffs.symmetries),
            "quarter_turns": self.cutoffs.quarters,
            "further_views": FURTHER_VIEWS if self.rule.is_thorough else 0,
            "rates": self.rule.rates.name,
        }

    def _at(self, group: Group, distances: Distances) -> Chance:
        chance = chance_of(self.rule.rates, distances)
        return Chance(0.0, 0.0) if chance is None else chance.times(group.entries * group.views)

    def _rate(self, group: Group, thresholds: Distances) -> float:
        return self._at(group, {kind: thresholds[kind] for kind in group.kinds}).rate

    def _matching_alone(self, group: Group) -> Chance:
        counts = len(group.kinds) == 1 or self.cutoffs.all_must
        return self._at(group, self.cutoffs.within(group)) if counts else Chance(0.0, 0.0)


def _total(chances: Iterable[Chance]) -> Chance:
    every = list(chances)
    return Chance(
        sum(chance.rate for chance in every),
        sum(chance.bound for chance in every),
        any(chance.extrapolated for chance in every),
    )


def significant(value: float) -> float:
    """The value with three significant digits, since no rate is known better."""
    return float(f"{value:.3g}")


def expect_false(
    hash_lists: Sequence[HashList], rule: MatchRule, entries: int | None = None
) -> ExpectedFalse:
    """Choose the cutoffs for these lists, and add up the chance of every entry.

    ``entries`` is how many to plan for in each group; None for those that the lists have.

    Raises:
        SettingsError: a threshold is out of range.
    """
    groups = find_groups(hash_lists, rule)
    if entries is not None:
        groups = [replace(group, entries=entries) for group in groups]
    groups, cutoffs = fit_groups(groups, rule)
    return ExpectedFalse(tuple(groups), cutoffs, rule)


def expect_by_default(hash_list: HashList) -> ExpectedFalse:
    """The false matches to expect of one list with default settings."""
    rule = MatchRule(AUTO, AUTO, MAX_FALSE_PER_MILLION, mirrors=False, rates=PHOTOGRAPHS)
    return expect_false([hash_list], rule)


def describe(cutoffs: Mapping[Kinds, Distances]) -> list[Mapping[str, int]]:
    """Cutoffs as plain values, those that nothing is within left out."""
    return [
        {str(kind): bits for kind, bits in distances.items()}
        for distances in cutoffs.values()
        if all(bits >= 0 for bits in distances.values())
    ]
