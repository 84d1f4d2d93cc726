"""What an operator's own videos say about the rules for videos.

Chance: the videos are split in halves, and each is looked up in the stills of the other half, with
the cutoffs of a list as long as the operator plans for. Each of its stills is looked up as a
picture, too, so that false videos per video can be compared with false pictures per picture. Videos
that show the same still, such as a title, are one family, and lie in the same half.

Recall: each video, encoded again in everyday ways, is looked up in its own stills. A still is
*held* if the next one that looks different comes more than two seconds later. A scan always looks
at those.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from itertools import combinations, zip_longest
from typing import Any

import numpy as np

from hashmatch.evaluate import prose, video_prose
from hashmatch.evaluate.identity import COPY_BITS, connected
from hashmatch.evaluate.intervals import wilson, wilson_of_means
from hashmatch.evaluate.pictures import IDENTITY_KINDS
from hashmatch.evaluate.settings import EvaluationSettings
from hashmatch.evaluate.videos import MeasuredVideo, MeasuredVideos, of_kinds
from hashmatch.examine.transform import EXCERPT, REENCODINGS
from hashmatch.hashing import Codes, default_threshold, to_codes
from hashmatch.hashing.distance import distances
from hashmatch.hashlist import HashList
from hashmatch.match.cutoffs import MILLION, MatchRule, chance_of
from hashmatch.match.expected import describe, expect_false
from hashmatch.match.in_force import ListsInForce
from hashmatch.match.lookup import Lookup
from hashmatch.match.rates import Rates
from hashmatch.match.thresholds import AUTO
from hashmatch.match.videos import LEAST_FRAMES, LEAST_SHARE, VideoRule
from hashmatch.model import (
    Entry,
    Examination,
    HashKind,
    Outcome,
    PerceptualHash,
    Verdict,
    ViewHashes,
)
from hashmatch.options import ExamineOptions
from hashmatch.text import printable, timecode

Record = dict[str, Any]

HELD = 2.0
"""Seconds that a held still is shown for at least."""

_MOST_NEAR = 100
_PICTURE = "PNG"


def weigh_videos(
    videos: MeasuredVideos,
    rates: Rates,
    settings: EvaluationSettings,
    lists: Sequence[HashList] = (),
) -> Record:
    """What the evaluation's record says about videos."""
    family = _families(videos.used)
    rule = _rule(rates, settings)
    found: Record = {
        "files": videos.files,
        "usable": len(videos.used),
        "families": len(set(family)),
        "stills": sum(len(video.stills) for video in videos.used),
        **prose.unusable(videos.unused),
        "rule": _constants(videos.used, rule, settings),
        "chance": _chance(videos.used, family, rule, settings),
        "encodings": _recall(videos.used, rule, settings),
        "excerpt": EXCERPT,
        "lists": [
            {"name": printable(each.name), **_counted(_Lists(each, rule, settings), videos.used)}
            for each in lists
            if set(each.sections) & set(settings.kinds)
        ],
    }
    return found | {"sentences": video_prose.sentences(found, settings)}


class _Lists:
    """A list, for examinations that have hashes of the evaluated kinds alone."""

    def __init__(
        self,
        hash_list: HashList,
        rule: MatchRule,
        settings: EvaluationSettings,
        entries: int | None = None,
    ) -> None:
        lookup = Lookup(
            [hash_list],
            rule=rule,
            index=AUTO,
            quality_floor=settings.quality_floor,
            entries=entries,
        ).only(settings.kinds)
        self._kinds = lookup.kinds
        options = ExamineOptions(kinds=lookup.kinds)
        self._lists = ListsInForce((hash_list,), lookup, options, options, None, _MOST_NEAR)

    def judge(self, found: Sequence[Examination]) -> list[Outcome]:
        return self._lists.judge([of_kinds(each, self._kinds) for each in found])


def _rule(rates: Rates, settings: EvaluationSettings) -> MatchRule:
    limit = min(MILLION, settings.max_false_per_day / settings.files_per_day * MILLION)
    return MatchRule(AUTO, AUTO, limit, settings.mirrors, rates, settings.views)


def _families(videos: Sequence[MeasuredVideo]) -> list[int]:
    """The family of each video: the number of the first one that it shares a still with."""
    codes = [
        [to_codes([_of_kind(view, kind) for _, view in video.stills]) for kind in IDENTITY_KINDS]
        for video in videos
    ]
    same = [
        (first, second)
        for first, second in combinations(range(len(videos)), 2)
        if _share_a_still(codes[first], codes[second])
    ]
    group = connected(same, len(videos)).tolist()
    return [group.index(number) for number in group]


def _of_kind(view: ViewHashes, kind: HashKind) -> PerceptualHash:
    return next(value for value in view.hashes if value.kind == kind)


def _share_a_still(one: Sequence[Codes], other: Sequence[Codes]) -> bool:
    fine, coarse = (
        distances(first[:, None], second[None]) <= COPY_BITS
        for first, second in zip(one, other, strict=True)
    )
    return bool((fine & coarse).any())


def _halves(
    videos: Sequence[MeasuredVideo], family: Sequence[int], seed: int
) -> tuple[list[MeasuredVideo], ...]:
    """Split the videos in two halves, and keep families together."""

    def draw(first: int) -> bytes:
        return hashlib.sha256(f"{seed}:{videos[first].found.digests[0]}".encode()).digest()

    others = set(sorted(set(family), key=draw)[1::2])
    return tuple(
        [video for video, first in zip(videos, family, strict=True) if (first in others) is half]
        for half in (False, True)
    )


def _chance(
    videos: Sequence[MeasuredVideo],
    family: Sequence[int],
    rule: MatchRule,
    settings: EvaluationSettings,
) -> Record | None:
    """Count what matches stills of other videos; None if all videos are one family."""
    halves = _halves(videos, family, settings.seed)
    if not all(halves):
        return None
    verdicts: dict[str, Counter[str]] = {"videos": Counter(), "pictures": Counter()}
    compared: Counter[str] = Counter()
    for listed, asked in (halves, halves[::-1]):
        entries = [still for video in listed for still in video.stills]
        lists = _Lists(_listed(entries, settings), rule, settings, settings.entries)
        pictures = [_as_picture(view) for video in asked for _, view in video.stills]
        for what, examined in (
            ("videos", [video.found for video in asked]),
            ("pictures", pictures),
        ):
            verdicts[what].update(outcome.verdict for outcome in lists.judge(examined))
            compared[what] += len(examined) * len(entries)
    counted: Record = {
        what: {
            "looked_up": sum(counts.values()),
            "entries": round(compared[what] / sum(counts.values())),
            "match": counts[Verdict.MATCH],
            "candidate": counts[Verdict.CANDIDATE],
            "rate": wilson(
                counts[Verdict.MATCH] / sum(counts.values()), sum(counts.values())
            ).record(),
        }
        for what, counts in verdicts.items()
    }
    return counted | {"pairs": [_near_pairs(kind, halves, rule) for kind in settings.kinds]}


def _near_pairs(
    kind: HashKind, halves: Sequence[Sequence[MeasuredVideo]], rule: MatchRule
) -> Record:
    """How many stills of different videos are near by one kind, and how many the rates expect."""
    one, other = (
        to_codes([_of_kind(view, kind) for video in videos for _, view in video.stills])
        for videos in halves
    )
    threshold = default_threshold(kind)
    near = sum(int((distances(still, other) <= threshold).sum()) for still in one)
    chance = chance_of(rule.rates, {kind: threshold})
    return {
        "kind": str(kind),
        "threshold": threshold,
        "pairs": len(one) * len(other),
        "near": near,
        "expected": None if chance is None else chance.rate * len(one) * len(other),
    }


def _as_picture(view: ViewHashes) -> Examination:
    return Examination(format=_PICTURE, views=(view,), quality=view.quality)


def _listed(
    stills: Sequence[tuple[float, ViewHashes]],
    settings: EvaluationSettings,
    *,
    frames: bool = False,
) -> HashList:
    """A list of stills: as pictures, or as the frames of one video."""
    entries = [
        Entry(f"video@{timecode(seconds)}" if frames else str(number), _of_kind(view, kind))
        for number, (seconds, view) in enumerate(stills)
        for kind in settings.kinds
    ]
    return HashList.from_entries(entries, name="videos", policy=None)


def _counted(lists: _Lists, videos: Sequence[MeasuredVideo]) -> Record:
    verdicts = Counter(
        outcome.verdict for outcome in lists.judge([video.found for video in videos])
    )
    return {str(verdict): verdicts[verdict] for verdict in Verdict if verdicts[verdict]}


def _recall(
    videos: Sequence[MeasuredVideo], rule: MatchRule, settings: EvaluationSettings
) -> list[Record]:
    """Count what is found of videos that were encoded again, by the way it was done."""
    tried = [_Excerpt(video, rule, settings) for video in videos]
    return [_found_of([each for each in tried if each.stills], name) for name in settings.encodings]


class _Excerpt:
    """The start of one video, as it would be listed."""

    def __init__(self, video: MeasuredVideo, rule: MatchRule, settings: EvaluationSettings) -> None:
        every = video.stills
        self.stills = [still for still in every if still[0] < EXCERPT]
        self.held = [
            after is None or after - at > HELD
            for at, after in zip_longest(
                (at for at, _ in self.stills), (at for at, _ in every[1 : len(self.stills) + 1])
            )
        ]
        self.again = video.again
        self._kinds = settings.kinds
        self._lists = [
            _Lists(_listed(self.stills, settings, frames=frames), rule, settings, settings.entries)
            for frames in (False, True)
            if self.stills
        ]

    def near(self, name: str) -> list[bool]:
        """For each still, whether any view of the video encoded again is near it."""
        near = np.zeros(len(self.stills), dtype=np.bool_)
        again = of_kinds(self.again[name], self._kinds).views
        for column, kind in enumerate(self._kinds if again else ()):
            listed = to_codes([_of_kind(view, kind) for _, view in self.stills])
            asked = to_codes([view.hashes[column] for view in again])
            apart = distances(listed[:, None], asked[None])
            near |= (apart <= default_threshold(kind)).any(axis=1)
        return [bool(each) for each in near]

    def matches(self, name: str) -> tuple[bool, bool]:
        """Whether it matches: its stills as listed pictures, and as a listed video."""
        pictures, video = (lists.judge([self.again[name]])[0].verdict for lists in self._lists)
        return pictures is Verdict.MATCH, video is Verdict.MATCH


def _found_of(tried: Sequence[_Excerpt], name: str) -> Record:
    near = [each.near(name) for each in tried]
    held = [
        [found for found, counts in zip(*both, strict=True) if counts]
        for both in zip(near, (each.held for each in tried), strict=True)
    ]
    matches = [each.matches(name) for each in tried]
    enough = [len(each.stills) >= LEAST_FRAMES for each in tried]
    return {
        "name": name,
        "imitates": REENCODINGS[name].imitates,
        "stills": _recall_of(near),
        "held": _recall_of([found for found in held if found]),
        "as_pictures": _recall_of([[pictures] for pictures, _ in matches]),
        "as_video": _recall_of(
            [[video] for (_, video), counts in zip(matches, enough, strict=True) if counts]
        ),
    }


def _recall_of(found: Sequence[Sequence[bool]]) -> Record | None:
    """The share found, with an interval that allows for one video's stills being related."""
    if not found:
        return None
    shares = np.array([sum(each) / len(each) for each in found])
    total = sum(map(len, found))
    return {"of": total, "found": sum(map(sum, found)), **wilson_of_means(shares).record()}


def _constants(
    videos: Sequence[MeasuredVideo], rule: MatchRule, settings: EvaluationSettings
) -> Record | None:
    """What makes a video with the median number of stills a match."""
    if not videos:
        return None
    stills = int(np.median([len(video.stills) for video in videos]))
    listed = _listed(videos[0].stills, settings)
    expected = expect_false([listed], rule, settings.entries)
    rule_of_videos = VideoRule(expected, settings.kinds, ())
    return {
        "stills": stills,
        "match_within": describe(rule_of_videos.cutoffs_of(stills).matching),
        "shots": rule_of_videos.enough_shots(stills),
        "near": {str(kind): bits for kind, bits in expected.cutoffs.near.items()},
        "listed_frames": LEAST_FRAMES,
        "listed_share": LEAST_SHARE,
    }
