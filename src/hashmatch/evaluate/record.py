"""An evaluation as a record: plain values under a versioned schema, the same for any ``--jobs``.

The record holds everything that the table, the page and the text show, and no hash. Only ``run``
depends on when and how fast it was made. Shares are 0 to 1; an estimate has ``value``, ``low`` and
``high``, the ends of its 95% interval; lists by level follow the rule's thresholds.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict
from typing import Any

import numpy as np

from hashmatch.evaluate import prose
from hashmatch.evaluate.advice import advise
from hashmatch.evaluate.evaluation import Evaluation, RuleFigures
from hashmatch.evaluate.figures import Figures
from hashmatch.evaluate.identity import CHOOSE, LEFT_OUT, SCORE
from hashmatch.evaluate.negatives import NearPairs, count_agreeing
from hashmatch.evaluate.rules import Rule, label
from hashmatch.evaluate.settings import EvaluationSettings, versions
from hashmatch.evaluate.video_figures import weigh_videos
from hashmatch.examine.transform import SOURCES, TRANSFORMS
from hashmatch.match.own_rates import rates_of
from hashmatch.text import printable

SCHEMA = 1

_CLOSEST = 20

Record = dict[str, Any]


def record(evaluation: Evaluation, folder: str | os.PathLike[str] | None = None) -> Record:
    """Turn an evaluation into its record.

    ``folder`` is where ``write`` will put it, for the options to type; None for the current one.
    """
    settings = evaluation.settings
    rules = [_rule(figures, settings) for figures in evaluation.rules]
    found: Record = {
        "type": "evaluation",
        "schema": SCHEMA,
        "run": {
            "created": evaluation.started.isoformat(timespec="seconds")
            if evaluation.started
            else None,
            "seconds": round(evaluation.seconds, 3),
        },
        "versions": versions(),
        "settings": settings.record(),
        "transforms": [_transform(name) for name in settings.transforms],
        "sources": dict(SOURCES),
        "pictures": _pictures(evaluation),
        "distances": _distances(evaluation),
        "agreeing": [
            {"kinds": [str(first), str(second)], "different": counts.tolist()}
            for first, second, counts in count_agreeing(evaluation.near, settings.kinds)
        ],
        "samples": evaluation.samples.record(),
        "closest": _closest(evaluation),
        "rules": rules,
        "too_few": prose.too_few(rules, settings),
        "too_alike": prose.too_alike(rules, _count_equal(evaluation.near), settings),
        "lists": list(evaluation.lists),
        "videos": None,
        "baseline": None,
    }
    if evaluation.videos is not None:
        found["videos"] = weigh_videos(
            evaluation.videos, rates_of(found), settings, evaluation.hash_lists
        )
    return found | {"advice": advise(found, settings, folder)}


def _distances(evaluation: Evaluation) -> list[Record]:
    return [
        {
            "algorithm": label(kind),
            "bits": kind.bits,
            "same": positives.tolist(),
            "different": negatives.tolist(),
        }
        for kind, positives, negatives in zip(
            evaluation.settings.kinds, evaluation.positives, evaluation.negatives, strict=True
        )
    ]


def _transform(name: str) -> Record:
    transform = TRANSFORMS[name]
    return {
        "name": name,
        "group": transform.group,
        "imitates": transform.imitates,
        "source": transform.source,
        "parameters": dict(transform.parameters),
    }


def _pictures(evaluation: Evaluation) -> Record:
    identities, pictures = evaluation.identities, evaluation.pictures
    parts = {
        name: int((identities.part == part).sum())
        for name, part in (("choose", CHOOSE), ("score", SCORE), ("copies", LEFT_OUT))
    }
    everything = "\n".join(sorted(pictures.digests)).encode()
    counts: Record = {
        "files": evaluation.files,
        "usable": len(pictures),
        "different": parts["choose"] + parts["score"],
        **parts,
        **prose.unusable(evaluation.unused),
        "digest": f"sha256:{hashlib.sha256(everything).hexdigest()}",
        "copies_shown": [
            {
                "first": printable(pictures.names[copy.first]),
                "second": printable(pictures.names[copy.second]),
                "why": copy.why,
            }
            for copy in identities.copies[: prose.SHOWN]
        ],
    }
    return counts | {"sentence": prose.pictures(counts)}


def _count_equal(near: NearPairs) -> int:
    """How many pairs of different pictures have the same hash of some kind."""
    equal = (near.distance == 0).any(axis=1)
    ends = zip(near.query[equal].tolist(), near.entry[equal].tolist(), strict=True)
    return len({frozenset(pair) for pair in ends})


def _closest(evaluation: Evaluation) -> list[Record]:
    """The nearest pairs of different pictures, for a human to look at."""
    near, kinds = evaluation.near, evaluation.settings.kinds
    share = (near.distance / np.array([kind.bits for kind in kinds])).mean(axis=1)
    shown: dict[tuple[int, int], Record] = {}
    for row in np.argsort(share, kind="stable").tolist():
        pair = sorted((int(near.query[row]), int(near.entry[row])))
        shown.setdefault(
            (pair[0], pair[1]),
            {
                "first": printable(evaluation.pictures.names[pair[0]]),
                "second": printable(evaluation.pictures.names[pair[1]]),
                "distances": {
                    label(kind): int(bits)
                    for kind, bits in zip(kinds, near.distance[row], strict=True)
                },
            },
        )
        if len(shown) == _CLOSEST:
            break
    return list(shown.values())


def _rule(figures: RuleFigures, settings: EvaluationSettings) -> Record:
    rule, chosen = figures.rule, figures.recommendation
    thresholds = [thresholds_at(rule, settings, level) for level in range(rule.levels)]
    found: Record = {
        "name": rule.name,
        "all_must": rule.all_must,
        "thresholds": thresholds,
        "usual": figures.usual,
        "choose": _figures(figures.choose, settings),
        "score": _figures(figures.score, settings),
        "recommendation": asdict(chosen)
        | {"thresholds": None if chosen.level is None else thresholds[chosen.level]},
        "shown_level": figures.level,
        "steps": _steps(figures, settings),
    }
    found["recommendation"] |= {
        "sentence": prose.recommendation(found, settings),
        "step_sentence": prose.steps(found),
        "transform_sentence": prose.transforms(found),
    }
    return found


def thresholds_at(rule: Rule, settings: EvaluationSettings, level: int) -> dict[str, int]:
    """The threshold of each algorithm at a level, in bits."""
    return {
        label(settings.kinds[column]): int(bits)
        for column, bits in zip(rule.columns, rule.thresholds[level], strict=True)
    }


def _figures(figures: Figures, settings: EvaluationSettings) -> Record:
    rate = figures.pairs.rate
    by_transform = figures.recall_by_transform
    return {
        "pictures": figures.pictures,
        "pairs": figures.pairs.pairs,
        "recall": figures.recall.record(),
        "transforms": {
            name: {
                "found": figures.found[:, column].tolist(),
                **by_transform.at(np.s_[:, column]).record(),
            }
            for column, name in enumerate(settings.transforms)
        },
        "false_matches": figures.pairs.matches.tolist(),
        "false_rate": rate.record(),
        "false_per_day": rate.times(settings.comparisons_per_day).record(),
    }


def _steps(figures: RuleFigures, settings: EvaluationSettings) -> list[Record]:
    rate = figures.score.pairs.rate.times(settings.comparisons_per_day)
    levels = range(max(0, figures.level - 1), min(figures.rule.levels, figures.level + 2))
    return [
        {
            "level": level,
            "thresholds": thresholds_at(figures.rule, settings, level),
            "recall": figures.score.recall.at(level).record(),
            "false_per_day": rate.at(level).record(),
        }
        for level in levels
    ]
