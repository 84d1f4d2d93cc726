"""How near is a match: distances that fit the length of the lists.

A near entry is a match within a *cutoff*, which has a distance for each kind of hash that must be
near. Beyond all cutoffs it is a candidate. A fixed threshold is its own cutoff. With ``auto``, the
cutoffs shrink from the default thresholds until chance makes no more matches than the operator
bears; the cutoff that lets through the most gives way first, bit by bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from hashmatch.errors import SettingsError
from hashmatch.hashlist import HashList
from hashmatch.hashlist.counting import count_kinds, section_sizes
from hashmatch.match.rates import Chance, Rates
from hashmatch.match.symmetries import SYMMETRIES, TURNABLE
from hashmatch.match.thresholds import AUTO, Threshold, fixed_threshold, resolve_threshold
from hashmatch.model import DIGEST_BITS, HashKind

MILLION = 1_000_000

MAX_FALSE_PER_MILLION = 1_000.0
"""False matches per million files that ``auto`` allows by default: 1 in 1,000 files."""

REQUIRE_MODES = (AUTO, "any", "all")

FURTHEST_AGREEMENT = (12, 13)
"""Bits of 64 within which a dHash and another hash of an entry agree at most, dHash last: it moves
more when a picture is changed. Further out, a preview's uncertain bits would have too many pictures
decoded in full."""

_TURNED_AGREEMENTS = ((10, 6), (8, 6))
"""The same for turned readings; the first pair that the list's length allows is used. The pHashes
of nearly all mirror images are within 10 bits of the turned hashes, and their dHashes within 5."""

_TURNED_SHARE = 0.3
"""The share of the limit that mirror images and quarter turns may take up."""

USUAL, TURNED, FURTHER = range(3)
"""Sorts of readings. The usual ones count by one hash too. Mirror images and quarter turns, and
further views, count only where two hashes agree; there are several of each, so each sort has
stricter cutoffs of its own."""

NEVER = -1
"""The distance of a cutoff that no entry is within."""

MIRRORED_VIEWS = 8
"""Views of a picture with ``mirrors``: upright, turned and flipped."""

FURTHER_VIEWS = 36
"""Further views of a picture with ``views="thorough"``, on average over generated pictures."""

_BASE_SHARE = 0.5
"""The share of the limit that is left to the usual views where there are further ones."""

Kinds: TypeAlias = tuple[HashKind, ...]
Distances: TypeAlias = Mapping[HashKind, int]


@dataclass(frozen=True, slots=True)
class MatchRule:
    """What the operator asks for.

    Attributes are as ``Matcher`` takes them; ``which_views`` is its ``views``.

    Raises:
        SettingsError: a value is out of range.
    """

    threshold: Threshold
    require: str
    max_false_per_million: float
    mirrors: bool
    rates: Rates
    which_views: str = "default"

    def __post_init__(self) -> None:
        if self.require not in REQUIRE_MODES:
            known = ", ".join(REQUIRE_MODES)
            raise SettingsError(f"unknown requirement {self.require!r}; choose from {known}")
        if not 0 < self.max_false_per_million <= MILLION:
            raise SettingsError("the false matches per million files must be over 0, up to 1000000")

    @property
    def views(self) -> int:
        """How many readings of a picture are looked up by one hash."""
        return MIRRORED_VIEWS if self.mirrors else 1

    @property
    def all_must(self) -> bool:
        """Whether all hashes of an entry must be near."""
        return self.require == "all"

    @property
    def has_quarters(self) -> bool:
        """Whether quarter turns may be looked up by hashes that agree."""
        return self.which_views != "plain"

    @property
    def is_thorough(self) -> bool:
        """Whether further views are looked up."""
        return self.which_views == "thorough"

    def is_fixed(self, kinds: Kinds) -> bool:
        """Whether the operator gives a threshold for any of these kinds."""
        return any(fixed_threshold(kind, self.threshold) is not None for kind in kinds)


@dataclass(frozen=True, slots=True)
class Group:
    """Entries of one list that are matches by the same kinds of hash, all of which must be near.

    Attributes:
        views: of a file, each looked up by itself. A frame, a trimmed border or another
            orientation adds as much again, at most.
        sort: of these views.
    """

    list: str
    kinds: Kinds
    entries: int
    views: int
    sort: int = USUAL


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """How near is near, and how near is a match, in bits.

    Attributes:
        near: for each kind, the largest distance that is near by itself.
        matching: for each set of kinds, the distances within which entries are matches; ``NEVER``
            if none are.
        all_must: whether an entry needs the cutoff of all the kinds that it has.
        symmetries: the mirror images that are looked up by hashes that agree.
        quarters: whether quarter turns are, too.
        turned: the same as ``matching`` for mirror images and quarter turns, of kinds that agree.
        further: the same for further views.
    """

    near: Distances
    matching: Mapping[Kinds, Distances]
    all_must: bool
    symmetries: tuple[str, ...] = ()
    quarters: bool = False
    turned: Mapping[Kinds, Distances] = field(default_factory=dict)
    further: Mapping[Kinds, Distances] = field(default_factory=dict)

    def within(self, group: Group) -> Distances:
        """The distances within which entries of a group are matches."""
        return self.of(group.kinds, group.sort)

    def of(self, kinds: Iterable[HashKind], sort: int) -> Distances:
        """The cutoff of kinds that agree on a reading of this sort; empty without any."""
        cutoffs = (self.matching, self.turned, self.further)[sort]
        return cutoffs.get(tuple(sorted(kinds)), {})

    def alone(self, kind: HashKind) -> int:
        """The largest distance at which this kind makes a match by itself; ``NEVER`` if none."""
        return self.matching.get((kind,), {}).get(kind, NEVER)

    def agreements(self) -> Iterator[Distances]:
        """The cutoffs of several kinds that make matches of entries beyond those of one kind."""
        for kinds, distances in self.matching.items():
            if len(kinds) > 1 and not self.all_must and NEVER not in distances.values():
                yield distances


def fit_groups(groups: list[Group], rule: MatchRule) -> tuple[list[Group], Cutoffs]:
    """Choose how near is a match for entries in these groups.

    Hashes that agree also find mirror images and quarter turns, as long as the lists are so short
    that chance makes few of them matches. In longer ones, quarter turns go first, and then mirror
    images.

    Returns:
        The groups, with the views that are looked up, and the cutoffs.

    Raises:
        SettingsError: a threshold is out of range.
    """
    if not rule.mirrors and not rule.all_must:
        sides = 1 + len(SYMMETRIES)
        for quarters in (True, False) if rule.has_quarters else (False,):
            turned = [
                replace(group, views=sides * (1 + quarters) - 1, sort=TURNED)
                for group in groups
                if len(group.kinds) > 1
                and group.sort == USUAL
                and TURNABLE.issuperset(kind.algorithm for kind in group.kinds)
            ]
            cutoffs = choose_cutoffs([*groups, *turned], rule)
            if any(NEVER not in within.values() for within in cutoffs.turned.values()):
                found = replace(cutoffs, symmetries=SYMMETRIES, quarters=quarters)
                return [*groups, *turned], found
    return groups, choose_cutoffs(groups, rule)


def find_groups(hash_lists: Sequence[HashList], rule: MatchRule) -> list[Group]:
    """Group the entries of lists by the kinds of hash that make them matches.

    An entry with two hashes can be in three groups: those of each, and that of both. With
    ``require="all"`` it is in one; counting them takes about a second per million entries.
    """
    groups = []
    for hash_list in hash_lists:
        if rule.all_must:
            sizes: Mapping[Kinds, int] = count_kinds(hash_list)
        else:
            alone = section_sizes(hash_list)
            sizes = {(kind,): entries for kind, entries in alone.items()}
            if rule.require == AUTO:
                for together in rule.rates.agreeing:
                    kinds = tuple(sorted(together))
                    if together <= alone.keys() and not rule.is_fixed(kinds):
                        sizes[kinds] = min(alone[kind] for kind in kinds)
        groups += group_sizes(hash_list.name, sizes, rule)
    return groups


def group_sizes(name: str, sizes: Mapping[Kinds, int], rule: MatchRule) -> list[Group]:
    """The groups of a list, by how many entries are matches by each set of kinds."""
    groups = []
    for kinds, entries in sizes.items():
        views, agree = rule.views, len(kinds) > 1 and rule.is_thorough
        if agree and rule.all_must:
            views += FURTHER_VIEWS
        groups.append(Group(name, kinds, entries, views))
        if agree and not rule.all_must:
            groups.append(Group(name, kinds, entries, FURTHER_VIEWS, FURTHER))
    return groups


def choose_cutoffs(groups: Sequence[Group], rule: MatchRule) -> Cutoffs:
    """Choose how near is a match, in lists whose entries are in these groups.

    Raises:
        SettingsError: a threshold is out of range.
    """
    near = {
        kind: resolve_threshold(kind, rule.threshold)
        for group in groups
        for kind in group.kinds
        if kind.algorithm not in DIGEST_BITS
    }
    usual, turned, further = (
        [group for group in groups if group.sort == sort] for sort in (USUAL, TURNED, FURTHER)
    )
    matching: dict[Kinds, dict[HashKind, int]] = {}
    for group in usual:
        if len(group.kinds) > 1 and not rule.all_must:
            matching[group.kinds] = _agreement(group.kinds, *FURTHEST_AGREEMENT)
        else:
            matching[group.kinds] = {kind: near[kind] for kind in group.kinds}
    limit = rule.max_false_per_million / MILLION
    aside, spent = _choose_turned(turned, rule, _TURNED_SHARE * limit)
    limit -= spent
    limit -= _shrink(matching, usual, rule, limit * (_BASE_SHARE if further else 1))
    beyond = {group.kinds: dict(matching[group.kinds]) for group in further}
    _shrink(beyond, further, rule, limit)
    return Cutoffs(near, matching, rule.all_must, turned=aside, further=beyond)


def _choose_turned(
    groups: Sequence[Group], rule: MatchRule, limit: float
) -> tuple[dict[Kinds, Distances], float]:
    """The cutoffs of turned readings, and how many false matches of a file they make."""
    for bits in _TURNED_AGREEMENTS:
        within: dict[Kinds, Distances] = {
            group.kinds: _agreement(group.kinds, *bits) for group in groups
        }
        chances = [(group, chance_of(rule.rates, within[group.kinds])) for group in groups]
        expected = sum(
            chance.rate * group.entries * group.views for group, chance in chances if chance
        )
        if expected <= limit:
            return within, expected
    return {group.kinds: dict.fromkeys(group.kinds, NEVER) for group in groups}, 0.0


def _agreement(kinds: Kinds, bits: int, dhash: int) -> dict[HashKind, int]:
    """The distances of an agreement, from those in bits of 64."""
    return {
        kind: (dhash if kind.algorithm == "dhash" else bits) * kind.bits // 64 for kind in kinds
    }


def _shrink(
    matching: dict[Kinds, dict[HashKind, int]],
    groups: Sequence[Group],
    rule: MatchRule,
    limit: float,
) -> float:
    """Lower the cutoffs that are not fixed until they let through no more than the limit.

    Returns:
        The false matches of a file that remain.
    """

    def expected(kinds: Kinds) -> float:
        chance = chance_of(rule.rates, matching[kinds])
        return 0.0 if chance is None else chance.rate * lookups[kinds]

    lookups: dict[Kinds, int] = {}
    for group in groups:
        if not all(fixed_threshold(kind, rule.threshold) is not None for kind in group.kinds):
            lookups[group.kinds] = lookups.get(group.kinds, 0) + group.entries * group.views
    found = {kinds: expected(kinds) for kinds in lookups}
    while found and sum(found.values()) > limit:
        worst = max(found, key=lambda kinds: found[kinds])
        distances = matching[worst]
        movable = [kind for kind in worst if fixed_threshold(kind, rule.threshold) is None]
        widest = max(movable, key=lambda kind: distances[kind] / kind.bits)
        distances[widest] -= 1
        found[worst] = expected(worst)
    return sum(found.values())


def chance_of(rates: Rates, distances: Distances) -> Chance | None:
    """The chance that two different pictures are within a cutoff; None if it is not known."""
    if NEVER in distances.values():
        return Chance(0.0, 0.0)
    return rates.of(distances)
