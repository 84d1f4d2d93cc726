"""Compare an evaluation with an earlier one: what changed, and whether the review is overdue."""

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
"""Half a year, after which thresholds should be reviewed."""

Record = dict[str, Any]


def load_record(path: str | os.PathLike[str]) -> Record:
    """Read the record of an earlier evaluation.

    Raises:
        InputError: it cannot be read, is not such a record, or has another schema.
    """
    name = str(path)
    try:
        loaded = json.loads(Path(path).read_bytes())
        schema = loaded["schema"] if loaded["type"] == "evaluation" else None
        created = datetime.fromisoformat(loaded["run"]["created"])
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=name) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError("not an evaluation record", path=name) from error
    if schema != SCHEMA or created.tzinfo is None:
        raise InputError(f"not an evaluation record of schema {SCHEMA}", path=name)
    return dict(loaded)


def with_baseline(current: Record, earlier: Record) -> Record:
    """Add what changed since an earlier record, under ``baseline``."""
    now = current["run"]["created"]
    began = datetime.fromisoformat(earlier["run"]["created"])
    age = ((datetime.fromisoformat(now) if now else datetime.now(UTC)) - began).days
    settings = {
        name: {"before": earlier["settings"].get(name), "now": value}
        for name, value in current["settings"].items()
        if earlier["settings"].get(name) != value
    }
    by_name = {rule["name"]: rule for rule in earlier["rules"]}
    # Recall over other transforms is another figure
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
    """Compare a rule at the thresholds shown then, if they are still evaluated."""
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
        # The intervals do not overlap: chance does not explain the change
        if then[2] < today[1] or today[2] < then[1]:
            found["moved"].append(name)
    return found


def _sentences(block: Record, current: Record) -> list[str]:
    said = []
    if block["overdue"]:
        said.append(
            f"The last evaluation is {block['age_days']} days old: review your thresholds every six"
            " months."
        )
    changed = {
        name: (before, current["versions"].get(name))
        for name, before in block["versions"].items()
        if current["versions"].get(name) != before
    }
    said += [f"{name} was {before} and is {now}." for name, (before, now) in changed.items()]
    if block["settings"]:
        said.append(f"These settings changed: {', '.join(sorted(block['settings']))}.")
    if "transforms" in block["settings"]:
        said.append("The shares of variants found are not compared, because the transforms differ.")
    said.append(
        "The pictures are the same as last time."
        if block["same_pictures"]
        else "The pictures differ from last time."
    )
    for rule in block["rules"]:
        before, now = rule["recommended_before"], rule["recommended_now"]
        if before != now:
            shown = [numbers.thresholds(bits) if bits else "nothing" for bits in (before, now)]
            said.append(f"{rule['name']}: the recommendation was {shown[0]} and is now {shown[1]}.")
        for name in rule["moved"]:
            show = numbers.percent if name == "recall" else numbers.amount
            then, today = (
                numbers.interval(tuple(rule[name][when]), show) for when in ("before", "now")
            )
            said.append(
                f"{rule['name']} at {numbers.thresholds(rule['thresholds'])}:"
                f" the {name.replace('_', ' ')} was {then} and is now {today}."
            )
    return said
