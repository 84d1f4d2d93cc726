"""Exports matches as a table to fill in, with the decisions that there are."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime, time
from typing import TextIO

from hashmatch.cases.store import Cases
from hashmatch.cases.values import QueueRow
from hashmatch.errors import SettingsError
from hashmatch.text import escape_formula, printable

COLUMNS = (
    *("id", "case", "door", "path", "number"),
    *("list", "entry", "label", "category", "algorithm", "bits", "distance"),
    *("threshold", "band", "view", "quality", "cause", "exact", "expected_false"),
    *("found", "cases"),
    *("verdict", "by", "at", "note"),
)
"""The columns. The first names the match; the reviewer fills in the last four."""


def read_queue(
    cases: Cases,
    *,
    sample: int | None = None,
    seed: int = 0,
    near_threshold_first: bool = False,
    reviewed: bool = False,
) -> list[QueueRow]:
    """Return the matches that wait for a decision, or with ``reviewed`` all of them, oldest first.

    Args:
        cases: the case store.
        sample: draw this many at random, each as likely as any other.
        seed: for the draw; the same seed and matches give the same sample.
        near_threshold_first: put the likeliest mistakes first; see ``QueueRow.doubt``.
        reviewed: include the matches that were decided already.

    Raises:
        SettingsError: the sample is smaller than 1.
    """
    if sample is not None and sample < 1:
        raise SettingsError("the sample must have at least 1 match")
    rows = cases.match_rows(include_decided=reviewed)
    if sample is not None and sample < len(rows):
        chosen = random.Random(seed).sample(range(len(rows)), sample)  # noqa: S311 # repeatable on purpose
        rows = [rows[number] for number in sorted(chosen)]
    if near_threshold_first:
        rows.sort(key=lambda row: (-row.doubt, row.match.id))
    return rows


def write_queue(rows: Iterable[QueueRow], token: str, stream: TextIO) -> int:
    """Write the table as CSV (RFC 4180) and return its number of rows.

    Each row has the token of its store, so that decisions go to no other. Names that a spreadsheet
    would run as a formula begin with an apostrophe.
    """
    writer = csv.DictWriter(
        stream, COLUMNS, lineterminator="\r\n", restval="", extrasaction="ignore"
    )
    writer.writeheader()
    count = 0
    for row in rows:
        cells = asdict(row.match) | {
            "exact": int(row.match.exact),
            "door": row.place.door,
            "path": row.place.path,
            "number": row.place.number,
            "band": row.match.band,
            "found": row.match.first_seen.isoformat(timespec="seconds"),
            "cases": token,
        }
        if row.decision is not None:
            made = row.decision
            cells |= {"verdict": made.decision, "by": made.reviewer, "note": made.reason}
            cells["at"] = _day_or_time(made.at)
        writer.writerow({key: _shown(value) for key, value in cells.items()})
        count += 1
    return count


def _day_or_time(at: datetime) -> str:
    """The end of a day is how a day alone was imported; see ``import_decisions``."""
    if at.astimezone(UTC).time() == time.max:
        return at.date().isoformat()
    return at.isoformat(timespec="seconds")


def _shown(value: object) -> object:
    """Show a value so that no name can act on a terminal or a spreadsheet."""
    if isinstance(value, bytes | str):
        return escape_formula(printable(value))
    return value
