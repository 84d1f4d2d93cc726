"""Look examinations up in lists: which entries are near, and through which view.

An examination has *exact* hashes, or those of a *preview*. An exact hash is near or it is not. A
preview is at most *suspect*: its exact hashes may be near, and only they can tell.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from hashmatch.errors import HashListError, HashMismatchError, SettingsError
from hashmatch.hashing import ALGORITHMS, Codes, default_threshold, to_codes
from hashmatch.hashing.distance import distances
from hashmatch.hashlist import HashList
from hashmatch.index import BuiltIndex, Hits, check_codes
from hashmatch.match.sections import IndexedSection, Rows, index_section
from hashmatch.model import DIGEST_BITS, Examination, HashKind, Match, PerceptualHash

Threshold = int | Mapping[str, int] | None

Flags: TypeAlias = npt.NDArray[np.bool_]

BYTES = "bytes"
"""The view of a match by exact digest: the file's bytes themselves."""

_BYTES_VIEW = -1
_FULL_QUALITY = 100


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """A near entry. The best hits sort first.

    Attributes:
        low_information: the view has too little detail for the distance to say much.
        perceptual: it is near by a perceptual hash, not equal by an exact digest.
        distance: in bits.
        section: the number of the section that the entry is in.
        row: the entry's number in it.
        view: the number of the view of the picture; -1 for its bytes.
    """

    low_information: bool
    perceptual: bool
    distance: int
    section: int
    row: int
    view: int


@dataclass(frozen=True, slots=True)
class Near:
    """What is near to one picture.

    Attributes:
        hits: the nearest entries, each by its best view, the best first.
        count: how many entries are near, or fewer if more than are wanted are near through
            several views.
    """

    hits: list[Hit]
    count: int


NOTHING = Near([], 0)


class Lookup:
    """Lists ready for looking up. It never changes, so threads may share it.

    Args:
        hash_lists: the lists.
        threshold: as ``Matcher`` takes it.
        index: as ``Matcher`` takes it.
        quality_floor: as ``Matcher`` takes it.
        require: as ``Matcher`` takes it.
        previous: the lookup before this one; its indexes are used again if the entries are the
            same.

    Attributes:
        kinds: the kinds of perceptual hashes to look up, in the order of examinations' hashes.
        digests: the names of the exact digests to look up, in the same order.
        thresholds: for each kind, in bits.

    Raises:
        HashListError: a list holds nothing that could match.
        SettingsError: a threshold makes no sense.
    """

    def __init__(
        self,
        hash_lists: Sequence[HashList],
        *,
        threshold: Threshold,
        index: str,
        quality_floor: int,
        require: str = "any",
        previous: Lookup | None = None,
    ) -> None:
        if not hash_lists:
            raise HashListError("no hash list was given")
        for hash_list in hash_lists:
            if not hash_list.sections:
                raise HashListError("the list holds no entry that can match", path=hash_list.name)
        _check_names(threshold)
        every = sorted({kind for hash_list in hash_lists for kind in hash_list.sections})
        self.kinds = tuple(kind for kind in every if kind.algorithm not in DIGEST_BITS)
        self.digests = tuple(kind.algorithm for kind in every if kind.algorithm in DIGEST_BITS)
        self.thresholds = {kind: _resolve_threshold(kind, threshold) for kind in self.kinds}
        self._quality_floor = quality_floor
        self._require_all = require == "all"
        self._digest_lengths = tuple(DIGEST_BITS[name] // 4 for name in self.digests)
        known = previous.indexes() if previous else {}
        self._sections: list[IndexedSection] = [
            index_section(hash_list, kind, index, self.thresholds.get(kind, 0), known)
            for hash_list in hash_lists
            for kind in hash_list.sections
        ]

    def indexes(self) -> dict[int, BuiltIndex]:
        """The indexes by the identity of their sections, which they keep alive."""
        return {id(section.base): section.base_index for section in self._sections}

    def explain(self) -> list[str]:
        """Say which index was chosen for each list and kind of hash, and why."""
        return [
            f"{section.hash_list.name}, {section.kind}: {section.index.explain()}"
            for section in self._sections
        ]

    def check(self, examinations: Sequence[Examination]) -> None:
        """Refuse examinations with other hashes than these lists hold, which would clear them.

        Raises:
            HashMismatchError: one has other hashes, or lacks some though the file was examined.
        """
        for found in examinations:
            others = any(
                _kinds(view.hashes) != self.kinds
                or not (found.exact or _kinds(view.uncertain_bits) == self.kinds)
                for view in found.views
            )
            # More may follow those asked for: a scan knows files by SHA-256
            lengths = tuple(map(len, found.digests[: len(self.digests)]))
            others |= bool(found.digests) and lengths != self._digest_lengths
            if others or found.lacks(self.kinds, self.digests):
                raise HashMismatchError(
                    "a picture was examined for other hashes than the lists hold: examine it with"
                    " the options of the matcher"
                )

    def suspects(self, examinations: Sequence[Examination]) -> set[int]:
        """The numbers of the previews whose exact hashes may be near to an entry."""
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
        """Tell which of many hashes may be near to an entry, without making objects of them.

        A preview's exact hash differs from it only in uncertain bits, and only in a few. So it is
        near only if the preview is within the threshold plus those few, and within the threshold
        by the bits that are certain.

        Args:
            kind: of the hashes, or digests.
            codes: shape (n, words).
            uncertain_bits: the uncertain bits of previews, in the same shape; None for exact
                hashes.

        Returns:
            bool, shape (n,).
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
        """The near entries of each exact examination that has any, by its number.

        Args:
            examinations: what to look up.
            wanted: how many of the nearest entries of each to find.
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
        """The nearest entries of each query, and how many are near in all."""
        if self._require_all:  # an entry far down may be the one on which all agree
            near = section.index.search(queries, section.threshold)
            return near, np.bincount(near.query, minlength=len(queries))
        return section.index.nearest(queries, section.threshold, wanted)

    def _agreed(self, hits: list[Hit]) -> list[Hit]:
        """If all algorithms must agree, keep the hits through a view that is near by each of them.

        That is what ``evaluate`` measures: two views, each near by one algorithm, do not agree. An
        exact digest is of no view, and needs no agreement.
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
        )

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


_kind = attrgetter("algorithm", "bits")  # a HashKind of each would take thrice the time


def _kinds(hashes: Sequence[PerceptualHash]) -> tuple[tuple[str, int], ...]:
    return tuple(map(_kind, hashes))


class _Name(NamedTuple):
    """What the hashes of one entry share."""

    hash_list: HashList
    id: str


def _perceptual_kinds(name: _Name) -> set[HashKind]:
    """The kinds of perceptual hashes that the list has for an entry."""
    kinds = {entry.hash.kind for entry in name.hash_list.find(name.id)}
    return {kind for kind in kinds if kind.algorithm not in DIGEST_BITS}


def _unseen(near: Hits, counts: Rows, places: Sequence[tuple[int, int]]) -> dict[int, int]:
    """For each examination, how many near entries were counted but not found, by its best view."""
    missing = counts - np.bincount(near.query, minlength=len(counts))
    most: dict[int, int] = defaultdict(int)
    for query in missing.nonzero()[0].tolist():
        number, _ = places[query]
        most[number] = max(most[number], int(missing[query]))
    return most


def _places(examinations: Sequence[Examination], numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Every view of these examinations: the number of the examination, and of the view in it."""
    return [(number, view) for number in numbers for view in range(len(examinations[number].views))]


def _best(hits: list[Hit]) -> list[Hit]:
    """The best hit of each entry, the best first."""
    best: dict[tuple[int, int], Hit] = {}
    for hit in sorted(hits):
        best.setdefault((hit.section, hit.row), hit)
    return list(best.values())


def _check_names(threshold: Threshold) -> None:
    """Refuse a threshold for something that does not exist, which would have no effect."""
    known = {
        name
        for algorithm in ALGORITHMS.values()
        for bits in algorithm.thresholds
        for name in (algorithm.name, str(HashKind(algorithm.name, bits)))
    }
    for name in threshold if isinstance(threshold, Mapping) else ():
        if name not in known:
            raise SettingsError(
                f"no algorithm is called {name!r}: a threshold is for one of"
                f" {', '.join(sorted(known))}"
            )


def _resolve_threshold(kind: HashKind, threshold: Threshold) -> int:
    if isinstance(threshold, Mapping):
        chosen = threshold.get(str(kind), threshold.get(kind.algorithm))
    else:
        chosen = threshold
    if chosen is None:
        return default_threshold(kind)
    # Unrelated pictures are about half the bits apart, so everything would match from there on
    whole = isinstance(chosen, int)  # not every caller has a type checker
    if not whole or not 0 <= chosen < kind.bits // 2:
        raise SettingsError(
            f"a threshold for {kind} is a number of bits from 0 to {kind.bits // 2 - 1}"
        )
    return chosen
