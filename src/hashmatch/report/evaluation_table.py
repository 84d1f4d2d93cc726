"""An evaluation's figures as CSV (RFC 4180), one to a row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

COLUMNS = (
    *("rule", "level", "thresholds", "part", "measure", "transform"),
    *("count", "of", "value", "low", "high"),
)

Record = dict[str, Any]


def to_csv(record: Record) -> str:
    """The figures of all rules, levels, halves and transforms."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for rule in record["rules"]:
        for part in ("choose", "score"):
            for level, bits in enumerate(rule["thresholds"]):
                thresholds = ";".join(f"{name}={value}" for name, value in bits.items())
                for row in _rows(rule[part], level):
                    writer.writerow((rule["name"], level, thresholds, part, *row))
    return text.getvalue()


def _rows(part: Record, level: int) -> Iterator[tuple[Any, ...]]:
    def ends(estimate: Record) -> tuple[float, ...]:
        return tuple(estimate[end][level] for end in ("value", "low", "high"))

    pictures, transforms = part["pictures"], part["transforms"]
    for name, figures in transforms.items():
        yield "recall", name, figures["found"][level], pictures, *ends(figures)
    found = sum(figures["found"][level] for figures in transforms.values())
    yield "recall", "", found, pictures * len(transforms), *ends(part["recall"])
    matches, pairs = part["false_matches"][level], part["pairs"]
    yield "false_rate", "", matches, pairs, *ends(part["false_rate"])
    yield "false_per_day", "", "", "", *ends(part["false_per_day"])
