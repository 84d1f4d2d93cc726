"""Looks examinations up in lists: which entries are near, and through which view.

An examination has *exact* hashes, or those of a *preview*. An exact hash is near an entry or it is
not. A preview is at most *suspect*: only the exact hashes can tell whether it is near.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from operator import attrgetter

import numpy as np

from hashmatch.errors import HashListError, HashMismatchError
from hashmatch.hashing import Codes, to_codes
from hashmatch.hashlist import HashList
from hashmatch.hashlist.hash_list import EMPTY
from hashmatch.index import BuiltIndex, Hits, check_codes
from hashmatch.match.agreement import (
    Flags,
    Sorts,
    find_agreements,
    max_bit_flips,
    may_be_near,
    sorts_of,
)
from hashmatch.match.cutoffs import TURNED, USUAL, MatchRule
from hashmatch.match.described import describe_hit
from hashmatch.match.expected import expect_false
from hashmatch.match.hits import (
    BY_CHANCE,
    BYTES_VIEW,
    FAINT,
    SURE,
    Hit,
    Near,
    best_hits,
    count_unseen,
    places_of,
)
from hashmatch.match.sections import (
    EntryName,
    IndexedSection,
    Rows,
    index_section,
    perceptual_kinds,
)
from hashmatch.match.thresholds import check_names
from hashmatch.match.videos import VideoRule
from hashmatch.model import (
    DIGEST_BITS,
    Examination,
    HashKind,
    Match,
    PerceptualHash,
    is_further,
)


class Lookup:
    """Lists ready for lookups. It never changes, so threads may share it.

    The indexes of ``previous``, the lookup before this one, are reused for the entries they share.
    ``entries`` is how many to choose the cutoffs for; None for those that the lists have.

    Attributes:
        kinds: the kinds of perceptual hashes to look up, in the order of examinations' hashes.
        digests: the names of the exact digests to look up, in the same order.
        expected: the false matches to expect, and the cutoffs that follow from them.
        thresholds: for each kind, the largest distance that is near by itself, in bits.

    Raises:
        HashListError: a list has no entry that can match.
        SettingsError: a threshold is out of range, or names no known algorithm.
    """

    def __init__(
        self,
        hash_lists: Sequence[HashList],
        *,
        rule: MatchRule,
        index: str,
        quality_floor: int,
        previous: Lookup | None = None,
        entries: int | None = None,
    ) -> None:
        if not hash_lists:
            raise HashListError("no hash list given")
        for hash_list in hash_lists:
            if not hash_list.sections:
                raise HashListError(EMPTY, path=hash_list.name)
        check_names(rule.threshold)
        every = sorted({kind for hash_list in hash_lists for kind in hash_list.sections})
        self.kinds = tuple(kind for kind in every if kind.algorithm not in DIGEST_BITS)
        self.digests = tuple(kind.algorithm for kind in every if kind.algorithm in DIGEST_BITS)
        self.expected = expect_false(hash_lists, rule, entries)
        self.thresholds = dict(self.expected.cutoffs.near)
        self._cutoffs = self.expected.cutoffs
        self._alone = {kind: self._cutoffs.alone(kind) for kind in self.kinds}
        self._quality_floor = quality_floor
        self._require_all = rule.all_must
        self._rule = rule
        self._digest_lengths = tuple(DIGEST_BITS[name] // 4 for name in self.digests)
        known = previous.indexes() if previous else {}
        self._sections: list[IndexedSection] = [
            index_section(hash_list, kind, index, self.thresholds.get(kind, 0), known)
            for hash_list in hash_lists
            for kind in hash_list.sections
        ]
        self._videos = VideoRule(self.expected, self.kinds, self._sections)
        self._agreements = find_agreements(self._sections, self._cutoffs)

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
        places = places_of(examinations, previews)
        if places:
            views = [examinations[number].views[view] for number, view in places]
            near = self.near(
                self._columns([view.hashes for view in views]),
                self._columns([view.uncertain_bits for view in views]),
                sorts=sorts_of(views),
            )
            found.update(places[query][0] for query in near.nonzero()[0].tolist())
        return found

    def _columns(self, rows: Sequence[tuple[PerceptualHash, ...]]) -> dict[HashKind, Codes]:
        return {
            kind: to_codes([row[column] for row in rows]) for column, kind in enumerate(self.kinds)
        }

    def near(
        self,
        codes: Mapping[HashKind, Codes],
        uncertain_bits: Mapping[HashKind, Codes] | None = None,
        *,
        sorts: Sorts | None = None,
    ) -> Flags:
        """Tell which views or digests of a batch may be near an entry, with no object for each.

        Args:
            codes: for each kind, the views' hashes, shape (n, words). Kinds that no list has are
                left out.
            uncertain_bits: the same for the uncertain bits of previews; None for exact hashes.
            sorts: of the views, shape (n,). Without them, more views may seem to be near.

        Returns:
            Flags: bool, shape (n,).
        """
        if sorts is None:
            sorts = np.full(len(next(iter(codes.values()))), USUAL, dtype=np.int8)
        found, alone = np.zeros(len(sorts), dtype=np.bool_), self._looked_up_alone(sorts)
        for kind, column in codes.items():
            found[alone] |= self._near_alone(
                kind,
                check_codes(column)[alone],
                None if uncertain_bits is None else check_codes(uncertain_bits[kind])[alone],
            )
        for agreement in self._agreements:
            if not agreement.adds_suspects or not codes.keys() >= set(agreement.kinds):
                continue
            rest = np.flatnonzero(~found)
            some = {kind: column[rest] for kind, column in codes.items()}
            if uncertain_bits is None:
                for agreed in agreement.find(some, sorts[rest]):
                    found[rest[agreed.query]] = True
            else:
                unsure = {kind: column[rest] for kind, column in uncertain_bits.items()}
                found[rest[agreement.may_agree(some, unsure, sorts[rest])]] = True
        return found

    def _looked_up_alone(self, sorts: Sorts) -> Rows:
        """The views to look up by each hash: where all must be near, further views as well."""
        which = sorts != TURNED if self._require_all else sorts == USUAL
        return np.flatnonzero(which)

    def _near_alone(self, kind: HashKind, codes: Codes, uncertain_bits: Codes | None) -> Flags:
        found = np.zeros(len(codes), dtype=np.bool_)
        for _, section in self._sections_of(kind):
            if uncertain_bits is None:
                found |= section.index.any(codes, section.threshold)
                continue
            for query, row in section.index.uncertain(
                codes, uncertain_bits, section.threshold, max_bit_flips(kind)
            ):
                near = may_be_near(
                    codes[query],
                    uncertain_bits[query],
                    section.codes(row),
                    kind,
                    section.threshold,
                )
                found[query[near]] = True
        return found

    def near_entries(self, examinations: Sequence[Examination], wanted: int) -> dict[int, Near]:
        """Find the ``wanted`` nearest entries of each exact examination, by its number."""
        exact = [number for number, found in enumerate(examinations) if found.exact]
        hits: dict[int, list[Hit]] = defaultdict(list)
        unseen: Counter[int] = Counter()
        for number, hit in self._digest_hits(examinations, exact):
            hits[number].append(hit)
        places = places_of(examinations, exact)
        views = [examinations[number].views[view] for number, view in places]
        columns, sorts = self._columns([view.hashes for view in views]), sorts_of(views)
        rows = self._looked_up_alone(sorts)
        own = [places[row] for row in rows.tolist()]
        for kind, queries in columns.items() if own else ():
            for position, section in self._sections_of(kind):
                near, counts = self._search(section, queries[rows], wanted)
                for query, row, bits in zip(*(array.tolist() for array in near), strict=True):
                    number, view = own[query]
                    doubt = BY_CHANCE if bits > self._alone[kind] else SURE
                    hits[number].append(Hit(doubt, True, bits, position, row, view))
                unseen.update(count_unseen(near, counts, own))
        alone = {number: {(hit.section, hit.row) for hit in some} for number, some in hits.items()}
        for number, hit in self._agreed_hits(columns, places, sorts):
            hits[number].insert(0, hit)
        found: dict[int, Near] = {}
        for number, some in hits.items():
            examination = examinations[number]
            agreed = self._all_near(some, examination)
            weighed = [
                self._weigh(hit, examination) for hit in self._videos.weigh(agreed, examination)
            ]
            best, seen = best_hits(weighed), alone.get(number, set())
            # Entries within the threshold that are not among the nearest are among those unseen
            count = sum(
                (hit.section, hit.row) in seen
                or hit.sort != USUAL
                or hit.distance > self._sections[hit.section].threshold
                for hit in best
            )
            found[number] = Near(best, count + unseen[number])
        return found

    def _agreed_hits(
        self, columns: Mapping[HashKind, Codes], places: Sequence[tuple[int, int]], sorts: Sorts
    ) -> Iterator[tuple[int, Hit]]:
        """Yield the entries that two hashes of a view agree on, with the examination's number."""
        usable = [each for each in self._agreements if columns.keys() >= set(each.kinds)]
        for agreement in usable if places else ():
            names = ("", *agreement.symmetries)
            for query, symmetry, sort, rows, apart in agreement.find(columns, sorts):
                arrays = (query, symmetry, *rows, *apart)
                for at, side, *pair in zip(*(each.tolist() for each in arrays), strict=True):
                    number, view = places[at]
                    together = tuple(zip(agreement.kinds, pair[2:], strict=True))
                    for where, row, bits in zip(agreement.places, pair[:2], pair[2:], strict=True):
                        hit = Hit(SURE, True, bits, where, row, view, names[side], together, sort)
                        yield number, hit

    def _weigh(self, hit: Hit, examination: Examination) -> Hit:
        """A view of too little detail makes only candidates."""
        low = hit.perceptual and examination.views[hit.view].quality < self._quality_floor
        return replace(hit, doubt=FAINT) if low else hit

    def _search(self, section: IndexedSection, queries: Codes, wanted: int) -> tuple[Hits, Rows]:
        """Find the nearest entries of each query, and count all that are near."""
        if self._require_all:  # all algorithms may agree on an entry far down the list
            near = section.index.search(queries, section.threshold)
            return near, np.bincount(near.query, minlength=len(queries))
        return section.index.nearest(queries, section.threshold, wanted)

    def _all_near(self, hits: list[Hit], found: Examination) -> list[Hit]:
        """If all hashes of an entry must be near, keep only hits through a view where they are.

        This is what ``evaluate`` measures. Two views, each near by one algorithm, do not count as
        agreement. An exact digest belongs to no view, and needs no agreement.
        """
        if not self._require_all:
            return hits
        cutoffs = self._videos.cutoffs(found)
        further = {at for at, view in enumerate(found.views) if is_further(view.view)}
        names: dict[tuple[int, int], EntryName] = {}
        near: dict[tuple[EntryName, int], dict[HashKind, int]] = defaultdict(dict)
        for hit in hits:
            section, place = self._sections[hit.section], (hit.section, hit.row)
            if place not in names:
                names[place] = EntryName(section.hash_list, section.rows.entry_id(hit.row))
            near[names[place], hit.view][section.kind] = hit.distance
        wanted = {name: perceptual_kinds(name) for name in set(names.values())}
        doubts: dict[tuple[EntryName, int], int] = {}
        for through, apart in near.items():
            kinds = wanted[through[0]]
            # A further view counts only where two hashes agree
            if kinds <= apart.keys() and (len(kinds) > 1 or through[1] not in further):
                within = cutoffs.matching[tuple(sorted(kinds))] if kinds else {}
                far = any(apart[kind] > bits for kind, bits in within.items())
                doubts[through] = BY_CHANCE if far else SURE
        kept = [hit for hit in hits if not hit.perceptual]
        for hit in hits:
            doubt = doubts.get((names[hit.section, hit.row], hit.view))
            if hit.perceptual and doubt is not None:
                kept.append(replace(hit, doubt=doubt))
        return kept

    def match(self, examination: Examination, hit: Hit) -> Match:
        """Describe a hit in full."""
        return describe_hit(hit, examination, self._sections, self.expected)

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
                    yield numbers[query], Hit(SURE, False, 0, position, row, BYTES_VIEW)

    def _sections_of(self, kind: HashKind) -> Iterator[tuple[int, IndexedSection]]:
        return ((at, section) for at, section in enumerate(self._sections) if section.kind == kind)


_kind = attrgetter("algorithm", "bits")  # making a HashKind of each would take three times as long


def _kinds(hashes: Sequence[PerceptualHash]) -> tuple[tuple[str, int], ...]:
    return tuple(map(_kind, hashes))
