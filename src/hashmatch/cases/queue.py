"""Export the matches that nobody has decided, as a table to fill in."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable
from math import inf
from typing import TextIO

from hashmatch.cases.values import band
from hashmatch.errors import SettingsError
from hashmatch.state import State, StoredMatch
from hashmatch.text import escape_formula, printable

COLUMNS = (
    *("id", "path", "list", "entry", "label", "category", "algorithm", "bits", "distance"),
    *("threshold", "band", "view", "quality", "cause", "confirmed", "expected_false"),
    *("found", "state"),
    *("verdict", "by", "at", "note"),
)
"""The columns. The first names the match; the reviewer fills in the last four."""


def read_queue(
    state: State,
    *,
    sample: int | None = None,
    seed: int = 0,
    near_threshold_first: bool = False,
    reviewed: bool = False,
) -> list[StoredMatch]:
    """Return the matches that wait for a decision, oldest first.

    Args:
        state: the state that the scans keep.
        sample: draw this many at random, each as likely as any other.
        seed: for the draw; the same seed and state give the same sample.
        near_threshold_first: put the likeliest mistakes first: candidates, then those not
            confirmed, then those that chance makes most often, then those that use most of the
            threshold. A match whose chance is not known counts as a frequent one.
        reviewed: include the matches that were decided already.

    Raises:
        SettingsError: the sample is smaller than 1.
    """
    if sample is not None and sample < 1:
        raise SettingsError("the sample must have at least 1 match")
    rows = state.matches.pending(include_decided=reviewed)
    if sample is not None and sample < len(rows):
        chosen = random.Random(seed).sample(range(len(rows)), sample)  # noqa: S311 # repeatable on purpose
        rows = [rows[number] for number in sorted(chosen)]
    if near_threshold_first:
        rows.sort(key=_likely_wrong, reverse=True)
    return rows


def write_queue(rows: Iterable[StoredMatch], stream: TextIO) -> int:
    """Write the table as CSV (RFC 4180) and return its number of rows.

    Names that a spreadsheet would run as a formula begin with an apostrophe.
    """
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\r\n", restval="")
    writer.writeheader()
    count = 0
    for row in rows:
        cells = {key: _shown(value) for key, value in row._asdict().items()}
        writer.writerow(cells | {"band": band(row.distance, row.threshold)})
        count += 1
    return count


def _likely_wrong(row: StoredMatch) -> tuple[bool, bool, float, float, int]:
    used = row.distance / row.threshold if row.threshold else 0.0
    chance = inf if row.expected_false is None else row.expected_false
    return row.cause is not None, not row.confirmed, chance, used, -row.id


def _shown(value: object) -> object:
    """Show a value so that no name can act on a terminal or a spreadsheet."""
    if isinstance(value, bytes | str):
        return escape_formula(printable(value))
    return value
