"""A whole evaluation: pictures in, figures out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from hashmatch.errors import InputError, SettingsError
from hashmatch.evaluate import prose
from hashmatch.evaluate.against import weigh_lists
from hashmatch.evaluate.figures import Figures, found_by_level, measure, variant_levels
from hashmatch.evaluate.gather import Measurements, Progress, Unused, gather
from hashmatch.evaluate.identity import CHOOSE, LEFT_OUT, SCORE, Identities, identify
from hashmatch.evaluate.intervals import Ints
from hashmatch.evaluate.labels import LabelledPair, numbered
from hashmatch.evaluate.negatives import NearPairs, choose_radius, count_distances, find_near
from hashmatch.evaluate.recommend import Recommendation, recommend
from hashmatch.evaluate.rules import Rule, joint_rules, single_rules
from hashmatch.evaluate.samples import SampleCounts, count_samples
from hashmatch.evaluate.settings import MIN_PICTURES, EvaluationSettings
from hashmatch.evaluate.videos import MeasuredVideos, gather_videos
from hashmatch.examine.sandbox import WorkerLimits
from hashmatch.hashing import default_threshold
from hashmatch.hashlist import HashList
from hashmatch.scan import check_paths
from hashmatch.text import count


@dataclass(frozen=True, slots=True, repr=False)
class RuleFigures:
    """Everything about one rule.

    Attributes:
        choose: its figures on the half that thresholds are chosen on.
        score: its figures on the half that they are scored on.
        usual: the level of the default threshold, of the first algorithm if there are two.
    """

    rule: Rule
    choose: Figures
    score: Figures
    recommendation: Recommendation
    usual: int

    @property
    def level(self) -> int:
        """The level to show: the recommended one, or else the usual one."""
        chosen = self.recommendation.level
        return self.usual if chosen is None else chosen


@dataclass(frozen=True, slots=True, repr=False)
class Evaluation:
    """The result of an evaluation; ``record`` turns it into plain values.

    Attributes:
        identities: which of them are copies, and the halves.
        unused: those left out, and why.
        negatives: for each kind, the number of pairs of different pictures at each distance.
        positives: for each kind, the number of variants at each distance, by their best views.
        near: the pairs of different pictures that are near.
        samples: how many pairs of crops of different pictures are near.
        lists: what the record says about each list.
        videos: what was measured of videos; None if none were given.
        hash_lists: the lists, to look the videos up in.
    """

    settings: EvaluationSettings
    pictures: Measurements
    identities: Identities
    files: int
    unused: tuple[Unused, ...]
    negatives: tuple[Ints, ...]
    positives: tuple[Ints, ...]
    near: NearPairs
    samples: SampleCounts
    rules: tuple[RuleFigures, ...]
    lists: tuple[dict[str, Any], ...] = ()
    videos: MeasuredVideos | None = None
    hash_lists: tuple[HashList, ...] = ()
    started: datetime | None = None
    seconds: float = 0.0


def evaluate(
    paths: Sequence[str | bytes | os.PathLike[str]],
    settings: EvaluationSettings | None = None,
    *,
    videos: Sequence[str | bytes | os.PathLike[str]] = (),
    load_lists: Callable[[], Sequence[HashList]] = tuple,
    pairs: Sequence[LabelledPair] = (),
    jobs: int = 1,
    workers: WorkerLimits | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate thresholds on ordinary pictures.

    Args:
        paths: files and folders of pictures that are on no list, and as ordinary as possible.
        settings: what to evaluate, and for how long a list and how many files.
        videos: files and folders of ordinary videos that are on no list.
        load_lists: returns lists to look pictures and videos up in. It is called after the last of
            them was decoded, so that no list is in memory beside untrusted bytes.
        pairs: pairs of pictures that a human has labelled the same or different.
        jobs: how many worker processes to use; the result is the same for any number.
        workers: what each may use, for a file and again for each variant; None for the defaults.
        cache: a file that keeps what was measured of pictures, so that a stopped run can resume.
        progress: called with the number of files done and the number of all files.

    Raises:
        InputError: a path does not exist, or too few of the pictures can be used.
        SettingsError: a setting is invalid.
        OutputError: the cache cannot be opened.
        HashmatchError: the workers cannot be started, have all died, or ``load_lists`` failed.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    settings = settings or EvaluationSettings()
    if not settings.transforms:
        raise SettingsError("there are no transforms to evaluate")
    video_paths = check_paths(videos)
    check_paths(name for pair in pairs for name in (pair.first, pair.second))
    pictures, unused, files = gather(
        check_paths(paths), settings, jobs=jobs, workers=workers, cache=cache, progress=progress
    )
    identities = _identify(pictures, settings, pairs)
    _check_enough(identities, unused, files)
    measured = gather_videos(video_paths, settings, jobs=jobs, workers=workers, progress=progress)
    found = _analyse_with_lists(pictures, identities, settings, tuple(load_lists()))
    found = replace(found, videos=measured, files=files, unused=tuple(unused))
    return replace(found, started=started, seconds=time.monotonic() - clock)


def analyse(
    pictures: Measurements, identities: Identities, settings: EvaluationSettings
) -> Evaluation:
    """Compute all figures from what was measured, by arithmetic alone."""
    negatives = count_distances(pictures, identities)
    near = find_near(pictures, identities, choose_radius(negatives))
    rules = _rules(pictures, identities, near)
    return Evaluation(
        settings=settings,
        pictures=pictures,
        identities=identities,
        files=len(pictures),
        unused=(),
        negatives=tuple(negatives),
        positives=tuple(
            _positives(pictures, identities, column) for column in range(len(pictures.kinds))
        ),
        near=near,
        samples=count_samples(pictures, identities),
        rules=tuple(_rule_figures(rule, pictures, identities, near, settings) for rule in rules),
    )


def _analyse_with_lists(
    pictures: Measurements,
    identities: Identities,
    settings: EvaluationSettings,
    hash_lists: tuple[HashList, ...],
) -> Evaluation:
    if settings.list_size is None and any(map(len, hash_lists)):
        settings = replace(settings, list_size=max(map(len, hash_lists)))
    lists = tuple(weigh_lists(pictures, identities, hash_lists, settings))
    found = analyse(pictures, identities, settings)
    return replace(found, lists=lists, hash_lists=hash_lists)


def _identify(
    pictures: Measurements, settings: EvaluationSettings, pairs: Sequence[LabelledPair]
) -> Identities:
    labelled = numbered(list(pairs), pictures)
    return identify(
        pictures,
        settings.seed,
        same=[pair[:2] for pair in labelled if pair[2]],
        different=[pair[:2] for pair in labelled if not pair[2]],
    )


def _check_enough(identities: Identities, unused: Sequence[Unused], files: int) -> None:
    kept = int((identities.part != LEFT_OUT).sum())
    if kept >= MIN_PICTURES:
        return
    problems = prose.unusable(unused)["unusable"]
    why = prose.left_out(len(identities.part) - kept, problems)
    raise InputError(
        f"too few pictures: {kept} of {count(files, 'file')} can be used, and at least"
        f" {MIN_PICTURES} are needed{why}"
    )


def _rules(pictures: Measurements, identities: Identities, near: NearPairs) -> list[Rule]:
    singles = single_rules(pictures.kinds, near.radius)
    choose = identities.members(CHOOSE)
    recall = [
        found_by_level(variant_levels(pictures, rule)[choose], rule.levels) for rule in singles
    ]
    return [*singles, *joint_rules(pictures.kinds, singles, recall)]


def _rule_figures(
    rule: Rule,
    pictures: Measurements,
    identities: Identities,
    near: NearPairs,
    settings: EvaluationSettings,
) -> RuleFigures:
    choose, score = (
        measure(pictures, rule, near, identities.members(part)) for part in (CHOOSE, SCORE)
    )
    usual = default_threshold(pictures.kinds[rule.columns[0]])
    return RuleFigures(
        rule, choose, score, recommend(choose, score, settings), min(usual, rule.levels - 1)
    )


def _positives(pictures: Measurements, identities: Identities, column: int) -> Ints:
    """Count the variants at each distance, by their best views, leaving out copies."""
    bits = pictures.kinds[column].bits
    rule = Rule("all", (column,), True, np.arange(bits + 1)[:, None])
    best = variant_levels(pictures, rule)[identities.part != LEFT_OUT]
    return np.bincount(best.ravel(), minlength=bits + 2)[: bits + 1]
