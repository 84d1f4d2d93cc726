"""An evaluation next to an earlier one: what changed, and whether the review is overdue."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hashmatch.errors import InputError
from hashmatch.evaluate.record import SCHEMA
from hashmatch.report import numbers

REVIEW_DAYS = 183
"""Half a year: the interval at which thresholds are to be looked at again."""

Record = dict[str, Any]


def load_record(path: str | os.PathLike[str]) -> Record:
    """Read the record of an earlier evaluation.

    Raises:
        InputError: it cannot be read, or is no such record, or of a newer schema.
    """
    name = str(path)
    try:
        loaded = json.loads(Path(path).read_bytes())
        schema = loaded["schema"] if loaded["type"] == "evaluation" else None
        created = datetime.fromisoformat(loaded["run"]["created"])
    except OSError as error:
        raise InputError(f"cannot read it: {error.strerror}", path=name) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError("it is no record of an evaluation", path=name) from error
    if schema != SCHEMA or created.tzinfo is None:
        raise InputError(f"it is no record of an evaluation under schema {SCHEMA}", path=name)
    return dict(loaded)


def with_baseline(current: Record, earlier: Record) -> Record:
    """The record, with what changed since the earlier one under ``baseline``."""
    now = current["run"]["created"]
    began = datetime.fromisoformat(earlier["run"]["created"])
    age = ((datetime.fromisoformat(now) if now else datetime.now(UTC)) - began).days
    settings = {
        name: {"before": earlier["settings"].get(name), "now": value}
        for name, value in current["settings"].items()
        if earlier["settings"].get(name) != value
    }
    by_name = {rule["name"]: rule for rule in earlier["rules"]}
    # Recall over other changes is another figure
    compared = ("false_rate",) if "transforms" in settings else ("recall", "false_rate")
    rules = [
        _rule(rule, by_name[rule["name"]], compared)
        for rule in current["rules"]
        if rule["name"] in by_name
    ]
    block = {
        "created": earlier["run"]["created"],
        "age_days": age,
        "overdue": age > REVIEW_DAYS,
        "versions": earlier["versions"],
        "same_pictures": earlier["pictures"]["digest"] == current["pictures"]["digest"],
        "settings": settings,
        "rules": rules,
    }
    return current | {"baseline": block | {"sentences": _sentences(block, current)}}


def _rule(now: Record, before: Record, compared: Sequence[str]) -> Record:
    """Both at the thresholds that were spoken of then, where these are still looked at."""
    wanted = before["thresholds"][before["shown_level"]]
    level = now["thresholds"].index(wanted) if wanted in now["thresholds"] else None
    found: Record = {
        "name": now["name"],
        "recommended_before": before["recommendation"]["thresholds"],
        "recommended_now": now["recommendation"]["thresholds"],
        "thresholds": wanted,
        "recall": None,
        "false_rate": None,
        "moved": [],
    }
    if level is None:
        return found
    for name in compared:
        then = numbers.at(before["score"][name], before["shown_level"])
        today = numbers.at(now["score"][name], level)
        found[name] = {"before": list(then), "now": list(today)}
        # Intervals that do not meet: a change that chance does not explain
        if then[2] < today[1] or today[2] < then[1]:
            found["moved"].append(name)
    return found


def _sentences(block: Record, current: Record) -> list[str]:
    said = []
    if block["overdue"]:
        said.append(
            f"The last evaluation is {block['age_days']} days old: a review every six months is"
            " overdue."
        )
    changed = {
        name: (before, current["versions"].get(name))
        for name, before in block["versions"].items()
        if current["versions"].get(name) != before
    }
    said += [f"{name} was {before} and is {now}." for name, (before, now) in changed.items()]
    if block["settings"]:
        said.append(f"Other settings than last time: {', '.join(sorted(block['settings']))}.")
    if "transforms" in block["settings"]:
        said.append("The share of variants found is not compared, since they are others.")
    said.append(
        "The pictures are the same as last time."
        if block["same_pictures"]
        else "The pictures are not the same as last time."
    )
    for rule in block["rules"]:
        before, now = rule["recommended_before"], rule["recommended_now"]
        if before != now:
            shown = [numbers.thresholds(bits) if bits else "nothing" for bits in (before, now)]
            said.append(f"{rule['name']}: recommended was {shown[0]}, now it is {shown[1]}.")
        for name in rule["moved"]:
            show = numbers.percent if name == "recall" else numbers.amount
            then, today = (
                numbers.interval(tuple(rule[name][when]), show) for when in ("before", "now")
            )
            said.append(
                f"{rule['name']} at {numbers.thresholds(rule['thresholds'])}:"
                f" {name.replace('_', ' ')} was {then}, now it is {today}."
            )
    return said
