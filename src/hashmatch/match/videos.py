"""What a near still means for a video: many stills have many chances, so shots count.

A video with a hundred stills has a hundred times the chance matches of a picture. So its near
entries are matches within cutoffs that are made for so many views. Beyond them they are candidates,
unless more different shots are near than chance explains.

An entry whose id ends in a time, such as ``clip-7@00:00:12.000``, is a frame of a listed video. A
frame may show a wall or a title, so none is a match by itself: enough of its video must be near.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import TypeVar

from hashmatch.match.cutoffs import (
    MILLION,
    NEVER,
    USUAL,
    Cutoffs,
    choose_cutoffs,
    fit_groups,
)
from hashmatch.match.expected import ExpectedFalse
from hashmatch.match.hits import BY_CHANCE, LONE_FRAME, SURE, Hit
from hashmatch.match.rates import poisson_at_most
from hashmatch.match.sections import IndexedSection
from hashmatch.model import Examination, HashKind, Kind, PerceptualHash

T = TypeVar("T")

LEAST_FRAMES = 3
"""Different frames of a listed video that must be near at least."""

LEAST_SHARE = 0.3
"""The share of a listed video's frames that must be near at least."""

_LEAST_SHOTS = 2
_FRAME = re.compile(r"(.+)@\d{2,}:\d\d:\d\d\.\d{3}")


def video_of(entry_id: str) -> str | None:
    """The listed video that an entry is a frame of, by its id; None for any other entry."""
    found = _FRAME.fullmatch(entry_id)
    return found[1] if found else None


class VideoRule:
    """Weighs near entries where a video is looked up, or a frame of a video is listed."""

    def __init__(
        self,
        expected: ExpectedFalse,
        kinds: Sequence[HashKind],
        sections: Sequence[IndexedSection],
    ) -> None:
        self._expected = expected
        self._columns = {kind: column for column, kind in enumerate(kinds)}
        self._sections = sections
        # Videos have no further views
        self._rule = replace(expected.rule, which_views="plain")
        usual = [group for group in expected.groups if group.sort == USUAL]
        self._groups, _ = fit_groups(usual, self._rule)
        self._cutoffs: dict[int, Cutoffs] = {}
        self._frames: dict[int, Counter[str]] = {}

    def cutoffs(self, found: Examination) -> Cutoffs:
        """How near is a match: for a video, as near as its number of stills allows."""
        if found.kind is not Kind.VIDEO:
            return self._expected.cutoffs
        return self.cutoffs_of(len(_stills(found)))

    def cutoffs_of(self, stills: int) -> Cutoffs:
        """How near is a match for a video of so many stills, rounded up to a power of two."""
        doublings = max(0, stills - 1).bit_length()
        if doublings not in self._cutoffs:
            groups = [replace(group, views=group.views << doublings) for group in self._groups]
            self._cutoffs[doublings] = choose_cutoffs(groups, self._rule)
        return self._cutoffs[doublings]

    def weigh(self, hits: Sequence[Hit], found: Examination) -> list[Hit]:
        """Say of each near entry whether it is a match or a candidate."""
        weighed: list[Hit] = []
        frames: list[Hit] = []
        for hit in hits:
            (frames if self._video_of(hit) else weighed).append(hit)
        if found.kind is Kind.VIDEO:
            weighed = self._weigh_stills(weighed, found)
        return weighed + [
            replace(hit, doubt=SURE if self._is_near(video, found) else LONE_FRAME)
            for video in _grouped(frames, self._video_of).values()
            for hit in video
        ]

    def _weigh_stills(self, hits: list[Hit], found: Examination) -> list[Hit]:
        cutoffs = self.cutoffs(found)
        if not cutoffs.all_must:  # where all hashes must be near, these cutoffs were applied
            hits = [
                replace(hit, doubt=SURE if self._is_sure(hit, cutoffs) else BY_CHANCE)
                for hit in hits
            ]
        if self._count_shots(hits, found) < self.enough_shots(len(_stills(found))):
            return hits
        return [replace(hit, doubt=SURE) for hit in hits]

    def _is_sure(self, hit: Hit, cutoffs: Cutoffs) -> bool:
        kind, together = self._sections[hit.section].kind, dict(hit.together)
        within = cutoffs.of(together, hit.sort)
        agrees = bool(together) and all(
            bits <= within.get(each, NEVER) for each, bits in together.items()
        )
        return not hit.perceptual or agrees or hit.distance <= cutoffs.alone(kind)

    def _count_shots(self, hits: Sequence[Hit], found: Examination) -> int:
        """How many near stills differ so much that no one entry is near two of them."""
        near: dict[HashKind, list[PerceptualHash]] = defaultdict(list)
        for hit in hits:
            if hit.perceptual:
                kind = self._sections[hit.section].kind
                near[kind].append(found.views[hit.view].hashes[self._columns[kind]])
        apart = self._expected.cutoffs.near
        counts = (_count_different(values, 2 * apart[kind]) for kind, values in near.items())
        return max(counts, default=0)

    def enough_shots(self, stills: int) -> int:
        """How many different shots of so many stills are near by chance too rarely to matter."""
        each = self._expected.at(self._expected.cutoffs.near).rate
        most = self._expected.rule.max_false_per_million / MILLION
        shots = _LEAST_SHOTS
        while 1 - poisson_at_most(shots - 1, stills * each) > most:
            shots += 1
        return shots

    def _is_near(self, frames: Sequence[Hit], found: Examination) -> bool:
        """Whether enough frames of one listed video are near."""
        if found.kind is not Kind.VIDEO:
            return False
        for section, near in _grouped(frames, attrgetter("section")).items():
            rows = sorted({hit.row for hit in near})
            listed = [self._sections[section].rows.entry(row).hash for row in rows]
            different = _count_different(listed, self._expected.cutoffs.near[listed[0].kind])
            of_all = self._count_frames(section)[self._video_of(near[0]) or ""]
            if different >= LEAST_FRAMES and len(rows) >= LEAST_SHARE * of_all:
                return True
        return False

    def _count_frames(self, section: int) -> Counter[str]:
        """How many frames each listed video has. It takes a second per million entries, once."""
        if section not in self._frames:
            hash_list, kind = self._sections[section].hash_list, self._sections[section].kind
            listed = hash_list.sections[kind]
            names = map(video_of, listed.ids(0, len(listed)))
            self._frames[section] = Counter(name for name in names if name)
        return self._frames[section]

    def _video_of(self, hit: Hit) -> str | None:
        if not hit.perceptual:
            return None
        return video_of(self._sections[hit.section].rows.entry_id(hit.row))


def _stills(found: Examination) -> set[str]:
    """The names of the stills, each of which may have several views."""
    return {view.view.partition("+")[0] for view in found.views}


def _count_different(values: Sequence[PerceptualHash], apart: int) -> int:
    """How many of these are more than so many bits from all that were counted before."""
    kept: list[PerceptualHash] = []
    for value in values:
        if all(value - other > apart for other in kept):
            kept.append(value)
    return len(kept)


def _grouped(hits: Sequence[Hit], key: Callable[[Hit], T]) -> dict[T, list[Hit]]:
    groups: dict[T, list[Hit]] = defaultdict(list)
    for hit in hits:
        groups[key(hit)].append(hit)
    return groups
