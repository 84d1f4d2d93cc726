"""Looks examinations up in lists: which entries are near, and through which view.

An examination has *exact* hashes, or those of a *preview*. An exact hash is near an entry or it is
not. A preview is at most *suspect*: only the exact hashes can tell whether it is near.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from hashmatch.errors import HashListError, HashMismatchError
from hashmatch.hashing import ALGORITHMS, Codes, to_codes
from hashmatch.hashing.distance import distances
from hashmatch.hashlist import HashList
from hashmatch.hashlist.hash_list import EMPTY
from hashmatch.index import BuiltIndex, Hits, check_codes
from hashmatch.match.expected import significant
from hashmatch.match.rates import PHOTOGRAPHS, Rates
from hashmatch.match.sections import IndexedSection, Rows, index_section
from hashmatch.match.thresholds import Threshold, check_names, resolve_threshold
from hashmatch.model import DIGEST_BITS, Examination, HashKind, Match, PerceptualHash

Flags: TypeAlias = npt.NDArray[np.bool_]

BYTES = "bytes"
"""The view of a match by exact digest: the file's bytes."""

_BYTES_VIEW = -1
_FULL_QUALITY = 100


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """A near entry. The best hits sort first.

    Attributes:
        low_information: the view has too little detail for the distance to mean much.
        perceptual: near by a perceptual hash, rather than equal by an exact digest.
        distance: in bits.
        section: the number of the entry's section.
        row: the entry's row in that section.
        view: the number of the picture's view; -1 for its bytes.
    """

    low_information: bool
    perceptual: bool
    distance: int
    section: int
    row: int
    view: int


@dataclass(frozen=True, slots=True)
class Near:
    """The entries near one picture.

    Attributes:
        hits: the nearest entries, each through its best view, best first.
        count: how many entries are near. If more than were asked for are near through several
            views, it may be too low.
    """

    hits: list[Hit]
    count: int


NOTHING = Near([], 0)


class Lookup:
    """Lists ready for lookups. It never changes, so threads may share it.

    Args:
        hash_lists: the lists.
        threshold: as in ``Matcher``.
        index: as in ``Matcher``.
        quality_floor: as in ``Matcher``.
        require: as in ``Matcher``.
        rates: as in ``Matcher``.
        previous: the lookup before this one. Its indexes are reused for the entries they share.

    Attributes:
        kinds: the kinds of perceptual hashes to look up, in the order of examinations' hashes.
        digests: the names of the exact digests to look up, in the same order.
        thresholds: for each kind, in bits.

    Raises:
        HashListError: a list has no entry that can match.
        SettingsError: a threshold is out of range, or names no known algorithm.
    """

    def __init__(
        self,
        hash_lists: Sequence[HashList],
        *,
        threshold: Threshold,
        index: str,
        quality_floor: int,
        require: str = "any",
        rates: Rates = PHOTOGRAPHS,
        previous: Lookup | None = None,
    ) -> None:
        if not hash_lists:
            raise HashListError("no hash list given")
        for hash_list in hash_lists:
            if not hash_list.sections:
                raise HashListError(EMPTY, path=hash_list.name)
        check_names(threshold)
        every = sorted({kind for hash_list in hash_lists for kind in hash_list.sections})
        self.kinds = tuple(kind for kind in every if kind.algorithm not in DIGEST_BITS)
        self.digests = tuple(kind.algorithm for kind in every if kind.algorithm in DIGEST_BITS)
        self.thresholds = {kind: resolve_threshold(kind, threshold) for kind in self.kinds}
        self._quality_floor = quality_floor
        self._require_all = require == "all"
        self._rates = rates
        self._digest_lengths = tuple(DIGEST_BITS[name] // 4 for name in self.digests)
        known = previous.indexes() if previous else {}
        self._sections: list[IndexedSection] = [
            index_section(hash_list, kind, index, self.thresholds.get(kind, 0), known)
            for hash_list in hash_lists
            for kind in hash_list.sections
        ]

    @property
    def every_kind(self) -> list[HashKind]:
        """The kinds of all hashes and digests to look up."""
        return [*self.kinds, *(HashKind(name, DIGEST_BITS[name]) for name in self.digests)]

    def indexes(self) -> dict[int, BuiltIndex]:
        """The indexes, by the identity of their sections, which this lookup keeps alive."""
        return {id(section.base): section.base_index for section in self._sections}

    def only(self, kinds: Collection[HashKind]) -> Lookup:
        """This lookup, for examinations that have no hashes or digests of other kinds."""
        some = copy(self)
        some.kinds = tuple(kind for kind in self.kinds if kind in kinds)
        names = {kind.algorithm for kind in kinds}
        some.digests = tuple(name for name in self.digests if name in names)
        return some

    def explain(self) -> list[str]:
        """Say which index was chosen for each list and kind of hash, and why."""
        return [
            f"{section.hash_list.name}, {section.kind}: {section.index.explain()}"
            for section in self._sections
        ]

    def check(self, examinations: Sequence[Examination]) -> None:
        """Refuse examinations whose hashes are not those of the lists: they would come out clear.

        Raises:
            HashMismatchError: one has other hashes, or lacks some although it was examined.
        """
        for found in examinations:
            others = any(
                _kinds(view.hashes) != self.kinds
                or not (found.exact or _kinds(view.uncertain_bits) == self.kinds)
                for view in found.views
            )
            # More digests may follow: a scan also takes the SHA-256 to know files by
            lengths = tuple(map(len, found.digests[: len(self.digests)]))
            others |= bool(found.digests) and lengths != self._digest_lengths
            if others or found.lacks(self.kinds, self.digests):
                raise HashMismatchError(
                    "the picture's hashes are not of the kinds in the lists: examine it with the"
                    " matcher's options"
                )

    def suspects(self, examinations: Sequence[Examination]) -> set[int]:
        """The numbers of the previews whose exact hashes may be near an entry."""
        previews = [number for number, found in enumerate(examinations) if not found.exact]
        found = {number for number, _ in self._digest_hits(examinations, previews)}
        places = _places(examinations, previews)
        for column, kind in enumerate(self.kinds if places else ()):
            views = [examinations[number].views[view] for number, view in places]
            codes = to_codes([view.hashes[column] for view in views])
            uncertain_bits = to_codes([view.uncertain_bits[column] for view in views])
            near = self.near(kind, codes, uncertain_bits).nonzero()[0]
            found.update(places[query][0] for query in near.tolist())
        return found

    def near(self, kind: HashKind, codes: Codes, uncertain_bits: Codes | None = None) -> Flags:
        """Tell which hashes of a batch may be near an entry, without an object per hash.

        The exact hash differs from its preview only in uncertain bits, and only in a few of them.
        So it can be near only if the preview is within the threshold plus those few, and within the
        threshold by its certain bits alone.

        Args:
            kind: of the hashes or digests.
            codes: shape (n, words).
            uncertain_bits: the uncertain bits of previews, in the same shape; None for exact
                hashes.

        Returns:
            Flags: bool, shape (n,).
        """
        found = np.zeros(len(codes), dtype=np.bool_)
        sections = [section for _, section in self._sections_of(kind)]
        if uncertain_bits is None:
            for section in sections:
                found |= section.index.any(codes, section.threshold)
            return found
        max_bit_flips = (ALGORITHMS[kind.algorithm].max_bit_flips or {}).get(kind.bits, kind.bits)
        codes, uncertain_bits = check_codes(codes), check_codes(uncertain_bits)
        for section in sections:
            for query, row in section.index.uncertain(
                codes, uncertain_bits, section.threshold, max_bit_flips
            ):
                entries, sure = section.codes(row), ~uncertain_bits[query]
                near = distances(codes[query] & sure, entries & sure) <= section.threshold
                near &= distances(codes[query], entries) <= section.threshold + max_bit_flips
                found[query[near]] = True
        return found

    def near_entries(self, examinations: Sequence[Examination], wanted: int) -> dict[int, Near]:
        """Find the entries near each exact examination. The result has those with any, by number.

        Args:
            examinations: what to look up.
            wanted: how many of the nearest entries to find for each.
        """
        exact = [number for number, found in enumerate(examinations) if found.exact]
        hits: dict[int, list[Hit]] = defaultdict(list)
        unseen: Counter[int] = Counter()
        for number, hit in self._digest_hits(examinations, exact):
            hits[number].append(hit)
        places = _places(examinations, exact)
        for column, kind in enumerate(self.kinds if places else ()):
            queries = to_codes(
                [examinations[number].views[view].hashes[column] for number, view in places]
            )
            for position, section in self._sections_of(kind):
                near, counts = self._search(section, queries, wanted)
                for query, row, bits in zip(*(array.tolist() for array in near), strict=True):
                    number, view = places[query]
                    low = examinations[number].views[view].quality < self._quality_floor
                    hits[number].append(
                        Hit(
                            low,
                            perceptual=True,
                            distance=bits,
                            section=position,
                            row=row,
                            view=view,
                        )
                    )
                unseen.update(_unseen(near, counts, places))
        found = {number: _best(self._agreed(some)) for number, some in hits.items()}
        return {number: Near(best, len(best) + unseen[number]) for number, best in found.items()}

    def _search(self, section: IndexedSection, queries: Codes, wanted: int) -> tuple[Hits, Rows]:
        """Find the nearest entries of each query, and count all that are near."""
        if self._require_all:  # all algorithms may agree on an entry far down the list
            near = section.index.search(queries, section.threshold)
            return near, np.bincount(near.query, minlength=len(queries))
        return section.index.nearest(queries, section.threshold, wanted)

    def _agreed(self, hits: list[Hit]) -> list[Hit]:
        """If all algorithms must agree, keep only hits through a view that is near by all of them.

        This is what ``evaluate`` measures. Two views, each near by one algorithm, do not count as
        agreement. An exact digest belongs to no view, and needs no agreement.
        """
        if not self._require_all:
            return hits
        names: dict[tuple[int, int], _Name] = {}
        near: dict[tuple[_Name, int], set[HashKind]] = defaultdict(set)
        for hit in hits:
            section, place = self._sections[hit.section], (hit.section, hit.row)
            if place not in names:
                names[place] = _Name(section.hash_list, section.rows.entry(hit.row).id)
            near[names[place], hit.view].add(section.kind)
        wanted = {name: _perceptual_kinds(name) for name in set(names.values())}
        agreed = {through for through, kinds in near.items() if wanted[through[0]] <= kinds}
        return [
            hit
            for hit in hits
            if not hit.perceptual or (names[hit.section, hit.row], hit.view) in agreed
        ]

    def match(self, examination: Examination, hit: Hit) -> Match:
        """Describe a hit in full."""
        section = self._sections[hit.section]
        view = examination.views[hit.view] if hit.perceptual else None
        return Match(
            list=section.hash_list.name,
            entry=section.rows.entry(hit.row),
            algorithm=section.kind.algorithm,
            bits=section.kind.bits,
            distance=hit.distance,
            threshold=section.threshold,
            view=view.view if view else BYTES,
            quality=view.quality if view else _FULL_QUALITY,
            low_information=hit.low_information,
            expected_false=self._expected_false(examination, hit),
        )

    def _expected_false(self, examination: Examination, hit: Hit) -> float | None:
        """How many entries of the list are this near by chance; see ``Match``."""
        if hit.low_information:  # the rates are those of pictures with detail
            return None
        section = self._sections[hit.section]
        hash_list, entries, near = section.hash_list, len(section.rows), {}
        if self._require_all and hit.perceptual:
            name = _Name(hash_list, section.rows.entry(hit.row).id)
            near = {kind: self.thresholds[kind] for kind in _perceptual_kinds(name)}
            sizes = (
                len(each.rows)
                for each in self._sections
                if each.hash_list is hash_list and each.kind in near
            )
            entries = min(sizes)
        chance = self._rates.of(near | {section.kind: hit.distance})
        views = len(examination.views) if hit.perceptual else 1
        return None if chance is None else significant(chance.rate * entries * views)

    def _digest_hits(
        self, examinations: Sequence[Examination], numbers: Sequence[int]
    ) -> Iterator[tuple[int, Hit]]:
        """Yield the entries equal to a digest of the file's bytes."""
        numbers = [number for number in numbers if examinations[number].digests]
        for column, algorithm in enumerate(self.digests if numbers else ()):
            values = [examinations[number].digests[column] for number in numbers]
            queries = to_codes([PerceptualHash.from_hex(value, algorithm) for value in values])
            kind = HashKind(algorithm, DIGEST_BITS[algorithm])
            for position, section in self._sections_of(kind):
                equal = section.index.search(queries, 0)
                for query, row in zip(equal.query.tolist(), equal.row.tolist(), strict=True):
                    hit = Hit(
                        low_information=False,
                        perceptual=False,
                        distance=0,
                        section=position,
                        row=row,
                        view=_BYTES_VIEW,
                    )
                    yield numbers[query], hit

    def _sections_of(self, kind: HashKind) -> Iterator[tuple[int, IndexedSection]]:
        return ((at, section) for at, section in enumerate(self._sections) if section.kind == kind)


_kind = attrgetter("algorithm", "bits")  # making a HashKind of each would take three times as long


def _kinds(hashes: Sequence[PerceptualHash]) -> tuple[tuple[str, int], ...]:
    return tuple(map(_kind, hashes))


class _Name(NamedTuple):
    """What all hashes of one entry have in common."""

    hash_list: HashList
    id: str


def _perceptual_kinds(name: _Name) -> set[HashKind]:
    """The kinds of the perceptual hashes that the list has for an entry."""
    kinds = {entry.hash.kind for entry in name.hash_list.find(name.id)}
    return {kind for kind in kinds if kind.algorithm not in DIGEST_BITS}


def _unseen(near: Hits, counts: Rows, places: Sequence[tuple[int, int]]) -> dict[int, int]:
    """How many near entries each examination has beyond those found: the most of any view."""
    missing = counts - np.bincount(near.query, minlength=len(counts))
    most: dict[int, int] = defaultdict(int)
    for query in missing.nonzero()[0].tolist():
        number, _ = places[query]
        most[number] = max(most[number], int(missing[query]))
    return most


def _places(examinations: Sequence[Examination], numbers: Sequence[int]) -> list[tuple[int, int]]:
    """List every view of these examinations: the examination's number, and the view's in it."""
    return [(number, view) for number in numbers for view in range(len(examinations[number].views))]


def _best(hits: list[Hit]) -> list[Hit]:
    """The best hit of each entry, best first."""
    best: dict[tuple[int, int], Hit] = {}
    for hit in sorted(hits):
        best.setdefault((hit.section, hit.row), hit)
    return list(best.values())
