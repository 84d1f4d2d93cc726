"""Write an evaluation's record as the three files that are kept: JSON, a table and a page."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hashmatch.errors import OutputError
from hashmatch.files import write_atomically
from hashmatch.report import charts
from hashmatch.report.pages import render

Record = dict[str, Any]

COLUMNS = (
    *("rule", "level", "thresholds", "part", "measure", "transform"),
    *("count", "of", "value", "low", "high"),
)
"""The columns of the table."""


def write(record: Record, folder: str | os.PathLike[str]) -> list[Path]:
    """Write ``evaluation.json``, ``.csv`` and ``.html`` into a folder, each atomically.

    ``record`` is what ``hashmatch.evaluate.record`` returned. The folder is made if need be. Return
    the paths of the three files.

    Raises:
        OutputError: one of them cannot be written.
    """
    # All are made before any is written, so that an error leaves the last ones as they are
    texts = {"json": to_json(record), "csv": to_csv(record), "html": to_html(record)}
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot be created: {error.strerror}", path=str(folder)) from error
    paths = []
    for extension, text in texts.items():
        paths.append(Path(folder) / f"evaluation.{extension}")
        with write_atomically(paths[-1]) as stream:
            stream.write(text.encode())
    return paths


def to_json(record: Record) -> str:
    """The record as JSON, in ASCII."""
    return json.dumps(record, indent=1) + "\n"


def to_html(record: Record) -> str:
    """The record as a page, which runs no script."""
    limit = record["settings"]["max_false_per_day"]
    return render(
        "evaluation.html.j2",
        **record,
        legend=[(f"r{row}", rule["name"]) for row, rule in enumerate(record["rules"])],
        roc=charts.roc(record["rules"]),
        daily=[charts.daily(rule, row, limit) for row, rule in enumerate(record["rules"])],
        heat_maps=[charts.heat_map(rule) for rule in record["rules"]],
        histograms=[charts.histogram(distances) for distances in record["distances"]],
    )


def to_csv(record: Record) -> str:
    """The figures of all rules, levels, halves and transforms as CSV (RFC 4180), one per row."""
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
