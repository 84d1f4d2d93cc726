"""How many false matches to expect of lists, thresholds and a rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hashmatch.hashing import default_threshold
from hashmatch.hashlist import HashList
from hashmatch.match.rates import PHOTOGRAPHS, Chance, Rates
from hashmatch.model import DIGEST_BITS, HashKind

MILLION = 1_000_000
MOST_FALSE = 1e-4
"""Expected false matches of one file above which to warn: 1 in 10,000 files."""

MIRRORED_VIEWS = 8
"""Views of a picture with ``mirrors``: upright, turned and flipped."""


@dataclass(frozen=True, slots=True)
class ListedKinds:
    """Entries of one list that need the same kinds of hash to be near.

    Attributes:
        list: the list's name.
        kinds: the kinds, all of which must be near.
        entries: how many.
        chance: of one entry to be near one different picture; None if it is not known.
    """

    list: str
    kinds: tuple[HashKind, ...]
    entries: int
    chance: Chance | None


@dataclass(frozen=True, slots=True)
class ExpectedFalse:
    """The false matches to expect of one file.

    Attributes:
        groups: the entries that it adds up, digests left out.
        thresholds: in bits, by kind.
        views: of the file, each looked up by itself. A frame, a trimmed border or another
            orientation adds as much again, at most.
        rates: what it was computed from.
        all_must: whether all hashes of an entry must be near.
    """

    groups: tuple[ListedKinds, ...]
    thresholds: Mapping[HashKind, int]
    views: int
    rates: Rates
    all_must: bool

    @property
    def per_file(self) -> Chance:
        """The expected number for one file, of the groups whose chance is known."""
        return self.at(self.thresholds)

    @property
    def unknown_kinds(self) -> tuple[str, ...]:
        """The kinds of hash that nothing is known of, such as those of plug-ins."""
        unknown = (group.kinds for group in self.groups if group.chance is None)
        return tuple(sorted({str(kind) for kinds in unknown for kind in kinds}))

    @property
    def too_many(self) -> bool:
        """Whether to warn."""
        return self.per_file.rate > MOST_FALSE

    def at(self, thresholds: Mapping[HashKind, int]) -> Chance:
        """The same at other thresholds, in bits."""
        every = [self._of(group, thresholds) for group in self.groups]
        known = [chance for chance in every if chance is not None]
        return Chance(
            sum(chance.rate for chance in known),
            sum(chance.bound for chance in known),
            any(chance.extrapolated for chance in known),
        )

    def _of(self, group: ListedKinds, thresholds: Mapping[HashKind, int]) -> Chance | None:
        chance = self.rates.of({kind: thresholds[kind] for kind in group.kinds})
        return None if chance is None else chance.times(group.entries * self.views)

    def lower_thresholds(self) -> dict[HashKind, int] | None:
        """Thresholds that bring it down to ``MOST_FALSE``; None if even 0 bits would not.

        The threshold to blame for the most false matches gives way first, bit by bit.
        """
        thresholds = dict(self.thresholds)
        groups = [group for group in self.groups if group.chance is not None]
        while self.at(thresholds).rate > MOST_FALSE:
            lowerable = [group for group in groups if any(map(thresholds.get, group.kinds))]
            if not lowerable:
                return None
            worst = max(lowerable, key=lambda group: self._of(group, thresholds) or Chance(0, 0))
            widest = max(worst.kinds, key=lambda kind: thresholds[kind] / kind.bits)
            thresholds[widest] -= 1
        return thresholds

    def record(self) -> dict[str, Any]:
        """Plain values, per million files; null where a kind of hash is not known."""
        total, known = self.per_file.times(MILLION), not self.unknown_kinds
        return {
            "per_million_files": significant(total.rate) if known else None,
            "bound": significant(total.bound) if known else None,
            "extrapolated": total.extrapolated,
            "unknown_kinds": list(self.unknown_kinds),
            "views": self.views,
            "rates": self.rates.name,
        }


def significant(value: float) -> float:
    """The value with three significant digits, since no rate is known better."""
    return float(f"{value:.3g}")


def expect_false(
    hash_lists: Sequence[HashList],
    thresholds: Mapping[HashKind, int],
    rates: Rates,
    *,
    require: str = "any",
    mirrors: bool = False,
) -> ExpectedFalse:
    """Add up the chance of every entry.

    Args:
        hash_lists: the lists to look up in.
        thresholds: in bits, for each kind of perceptual hash that they hold.
        rates: the chance of one pair.
        require: as ``Matcher`` takes it.
        mirrors: as ``Matcher`` takes it.
    """
    groups = [
        ListedKinds(
            hash_list.name, kinds, entries, rates.of({kind: thresholds[kind] for kind in kinds})
        )
        for hash_list in hash_lists
        for kinds, entries in count_kinds(hash_list, all_must=require == "all").items()
    ]
    views = MIRRORED_VIEWS if mirrors else 1
    return ExpectedFalse(tuple(groups), dict(thresholds), views, rates, require == "all")


def expect_by_default(hash_list: HashList) -> ExpectedFalse:
    """The false matches to expect of one list at the default thresholds."""
    thresholds = {
        kind: default_threshold(kind)
        for kind in hash_list.sections
        if kind.algorithm not in DIGEST_BITS
    }
    return expect_false([hash_list], thresholds, PHOTOGRAPHS)


def count_kinds(hash_list: HashList, *, all_must: bool) -> Counter[tuple[HashKind, ...]]:
    """Count the entries by the kinds of perceptual hash that must be near for a match."""
    kinds = [kind for kind in hash_list.sections if kind.algorithm not in DIGEST_BITS]
    found: Counter[tuple[HashKind, ...]] = Counter()
    if not all_must or len(kinds) == 1:
        for kind in kinds:
            update = hash_list.updates.get(kind)
            found[kind,] = len(hash_list.sections[kind] if update is None else update)
        return found
    for place, kind in enumerate(kinds):
        section = hash_list.sections[kind]
        ids = section.ids(0, len(section))
        has = np.stack([hash_list.sections[other].find(ids) >= 0 for other in kinds], axis=1)
        new = has[~has[:, :place].any(axis=1)]  # others were counted by their first kind
        for row, number in zip(*np.unique(new, axis=0, return_counts=True), strict=True):
            names = tuple(kind for kind, there in zip(kinds, row, strict=True) if there)
            found[names] += int(number)
    return found
