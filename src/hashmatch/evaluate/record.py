"""An evaluation as a record: plain values under a versioned schema, the same for any ``--jobs``.

The record has everything that the table, the page and the text show, and no hash. Only what stands
under ``run`` hangs on when and how fast it was made. Shares are 0 to 1; an estimate has ``value``,
``low`` and ``high``, the ends of its 95% interval; ``levels`` lists follow the rule's thresholds.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from itertools import islice
from typing import Any

import numpy as np

from hashmatch._version import __version__
from hashmatch.evaluate import prose
from hashmatch.evaluate.against import ListFigures
from hashmatch.evaluate.evaluation import Evaluation, RuleFigures
from hashmatch.evaluate.figures import Figures
from hashmatch.evaluate.identity import CHOOSE, LEFT_OUT, SCORE
from hashmatch.evaluate.intervals import Estimate
from hashmatch.evaluate.labels import LabelFigures
from hashmatch.evaluate.rules import Rule, label
from hashmatch.evaluate.settings import EvaluationSettings
from hashmatch.examine.decode import PILLOW_VERSION
from hashmatch.examine.transform import SOURCES, TRANSFORMS
from hashmatch.text import printable

SCHEMA = 1

SHOWN = 100
"""How many copies, close pairs and unused files are named; all of them are counted."""

_CLOSEST = 20
_LIST_SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
_FILES_PER_DAY = (1_000, 10_000, 100_000, 1_000_000)

Record = dict[str, Any]


def record(evaluation: Evaluation) -> Record:
    """Everything that came of an evaluation."""
    settings = evaluation.settings
    return {
        "type": "evaluation",
        "schema": SCHEMA,
        "run": {
            "created": evaluation.started.isoformat(timespec="seconds")
            if evaluation.started
            else None,
            "seconds": round(evaluation.seconds, 3),
        },
        "versions": {
            "hashmatch": __version__,
            "pillow": PILLOW_VERSION,
            "numpy": np.__version__,
        },
        "settings": settings.record(),
        "transforms": [
            {
                "name": name,
                "group": TRANSFORMS[name].group,
                "imitates": TRANSFORMS[name].imitates,
                "source": TRANSFORMS[name].source,
                "parameters": dict(TRANSFORMS[name].parameters),
            }
            for name in settings.transforms
        ],
        "sources": dict(SOURCES),
        "pictures": _pictures(evaluation),
        "distances": [
            {
                "algorithm": label(kind),
                "bits": kind.bits,
                "same": positives.tolist(),
                "different": negatives.tolist(),
            }
            for kind, positives, negatives in zip(
                settings.kinds, evaluation.positives, evaluation.negatives, strict=True
            )
        ],
        "closest": _closest(evaluation),
        "rules": [_rule(figures, settings) for figures in evaluation.rules],
        "lists": [
            {
                "name": printable(hash_list.name),
                "version": hash_list.version,
                "created": hash_list.created,
                "digest": f"sha256:{hash_list.digest}",
                "entries": len(hash_list),
                "flat": hash_list.flat,
                "skipped": hash_list.skipped,
                "unsupported": dict(hash_list.unsupported),
                "left_out": dict(hash_list.left_out),
                "suppressed": [printable(entry) for entry in hash_list.suppressed],
                "kinds": [
                    _list_kind(figures, settings)
                    for figures in evaluation.lists
                    if figures.list == hash_list.name
                ],
            }
            for hash_list in evaluation.hash_lists
        ],
        "baseline": None,
    }


def _pictures(evaluation: Evaluation) -> Record:
    identities, pictures = evaluation.identities, evaluation.pictures
    problems = Counter(file.why.partition(":")[0] for file in evaluation.unused)
    parts = {
        name: int((identities.part == part).sum())
        for name, part in (("choose", CHOOSE), ("score", SCORE), ("copies", LEFT_OUT))
    }
    everything = "\n".join(sorted(pictures.digests)).encode()
    return {
        "files": evaluation.files,
        "usable": len(pictures),
        "different": parts["choose"] + parts["score"],
        **parts,
        "unusable": dict(sorted(problems.items())),
        "digest": f"sha256:{hashlib.sha256(everything).hexdigest()}",
        "copies_shown": [
            {
                "first": _name(pictures.names[copy.first]),
                "second": _name(pictures.names[copy.second]),
                "why": copy.why,
            }
            for copy in identities.copies[:SHOWN]
        ],
        "unused_shown": [
            {"path": _name(file.name), "why": file.why} for file in islice(evaluation.unused, SHOWN)
        ],
    }


def _name(path: bytes) -> str:
    return printable(path)


def _closest(evaluation: Evaluation) -> list[Record]:
    """The pairs of different pictures that are nearest, for a human to look at."""
    near, kinds = evaluation.near, evaluation.settings.kinds
    share = (near.distance / np.array([kind.bits for kind in kinds])).mean(axis=1)
    shown: dict[tuple[int, int], Record] = {}
    for row in np.argsort(share, kind="stable").tolist():
        pair = sorted((int(near.query[row]), int(near.entry[row])))
        shown.setdefault(
            (pair[0], pair[1]),
            {
                "first": _name(evaluation.pictures.names[pair[0]]),
                "second": _name(evaluation.pictures.names[pair[1]]),
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
    rule = figures.rule
    thresholds = [thresholds_at(rule, settings, level) for level in range(rule.levels)]
    chosen = figures.recommendation
    found: Record = {
        "name": rule.name,
        "all_must": rule.all_must,
        "thresholds": thresholds,
        "usual": figures.usual,
        "choose": _figures(figures.choose, settings),
        "score": _figures(figures.score, settings),
        "recommendation": {
            "level": chosen.level,
            "thresholds": None if chosen.level is None else thresholds[chosen.level],
            "outcome": chosen.outcome,
            "unseen_level": chosen.unseen,
            "more_pictures": chosen.more_pictures,
        },
        "shown_level": figures.level,
        "steps": _steps(figures, settings),
        "volumes": _volumes(figures),
        "comparison": None,
        "labels": _labels(figures.labels) if figures.labels else None,
    }
    if figures.comparison is not None:
        compared = figures.comparison
        found["comparison"] = {
            "level": compared.level,
            "alone_level": compared.alone,
            "recall": number(compared.recall),
            "false_together": compared.false_together,
            "false_alone": compared.false_alone,
            "verdict": compared.verdict,
        }
    found["recommendation"] |= {
        "sentence": prose.recommendation(found, settings),
        "step_sentence": prose.steps(found),
        "transform_sentence": prose.transforms(found),
    }
    if found["comparison"]:
        found["comparison"]["sentence"] = prose.comparison(found)
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
        "recall": _estimates(figures.recall),
        "transforms": {
            name: {
                "found": figures.found[:, column].tolist(),
                **_estimates(Estimate(*(end[:, column] for end in by_transform))),
            }
            for column, name in enumerate(settings.transforms)
        },
        "false_matches": figures.pairs.matches.tolist(),
        "false_rate": _estimates(rate),
        "false_per_day": _estimates(_times(rate, settings.comparisons_per_day)),
    }


def _steps(figures: RuleFigures, settings: EvaluationSettings) -> list[Record]:
    """What one level more or less costs, next to the level that is spoken of."""
    rate = _times(figures.score.pairs.rate, settings.comparisons_per_day)
    levels = range(max(0, figures.level - 1), min(figures.rule.levels, figures.level + 2))
    return [
        {
            "level": level,
            "thresholds": thresholds_at(figures.rule, settings, level),
            "recall": _one(figures.score.recall, level),
            "false_per_day": _one(rate, level),
        }
        for level in levels
    ]


def _volumes(figures: RuleFigures) -> list[Record]:
    """False matches a day at the level that is spoken of, for other lists and other volumes."""
    rate = figures.score.pairs.rate
    return [
        {
            "list_size": entries,
            "files_per_day": files,
            "false_per_day": _one(_times(rate, entries * files), figures.level),
        }
        for entries in _LIST_SIZES
        for files in _FILES_PER_DAY
    ]


def _labels(figures: LabelFigures) -> Record:
    return {
        "same": figures.same,
        "different": figures.different,
        "found": figures.found.tolist(),
        "false": figures.false.tolist(),
        "recall": _estimates(figures.recall) if figures.same else None,
        "false_rate": _estimates(figures.false_rate) if figures.different else None,
    }


def _list_kind(figures: ListFigures, settings: EvaluationSettings) -> Record:
    parts = {}
    for name, part in (("choose", CHOOSE), ("score", SCORE)):
        share = figures.share(part)
        parts[name] = {
            "pictures": int(figures.pictures[part]),
            "matched": figures.matched[part].tolist(),
            "share": _estimates(share),
            "files_per_day": _estimates(_times(share, settings.files_per_day)),
        }
    found: Record = {
        "algorithm": label(figures.kind),
        "entries": figures.entries,
        "threshold": figures.threshold,
        "level": figures.level,
        "more_pictures": figures.more_pictures,
        **parts,
        "hits": figures.hits.tolist(),
        "matching_entries": figures.matching_entries,
        "named": [
            {"entry": printable(entry.id), "pictures": entry.pictures, "nearest": entry.nearest}
            for entry in figures.named
        ],
        "near_flat_count": figures.near_flat_count,
        "near_flat": [printable(entry) for entry in figures.near_flat],
    }
    return found | {"sentence": prose.against_list(found, settings)}


def number(value: float) -> float:
    """As many digits as mean anything, so that no last bit of a sum shows."""
    return float(f"{value:.6g}")


def _estimates(estimate: Estimate) -> Record:
    return {
        name: [number(one) for one in np.asarray(end).tolist()]
        for name, end in estimate._asdict().items()
    }


def _one(estimate: Estimate, level: int) -> Record:
    return {name: number(float(end[level])) for name, end in estimate._asdict().items()}


def _times(estimate: Estimate, factor: int) -> Estimate:
    return Estimate(*(end * factor for end in estimate))
