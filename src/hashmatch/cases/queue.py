"""Matches that nobody has looked at, as a table to fill in."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable
from typing import TextIO

from hashmatch.errors import SettingsError
from hashmatch.state import State, StoredMatch
from hashmatch.text import escape_formula, printable

COLUMNS = (
    *("id", "path", "list", "entry", "label", "category", "algorithm", "bits", "distance"),
    *("threshold", "band", "view", "quality", "low_information", "confirmed", "found", "state"),
    *("verdict", "by", "at", "note"),
)
"""Of the table. The last four are for the reviewer; the first says which match a row is about."""


def band(distance: int, threshold: int) -> str:
    """How far from certain: ``equal``, ``close``, ``far`` or ``edge``, the last quarter."""
    if distance == 0:
        return "equal"
    if 2 * distance <= threshold:
        return "close"
    return "far" if 4 * distance <= 3 * threshold else "edge"


def read_queue(
    state: State,
    *,
    sample: int | None = None,
    seed: int = 0,
    near_threshold_first: bool = False,
    reviewed: bool = False,
) -> list[StoredMatch]:
    """The matches that wait for a human, oldest first.

    Args:
        state: of the scans.
        sample: so many of them, drawn at random, each as likely as any other.
        seed: of the draw; the same seed and state give the same sample.
        near_threshold_first: the likeliest mistakes first: of low information, unconfirmed, and
            the largest part of the threshold used up.
        reviewed: also those that were reviewed already.

    Raises:
        SettingsError: the sample is of less than one.
    """
    if sample is not None and sample < 1:
        raise SettingsError("a sample has at least 1 match")
    rows = state.matches.pending(include_decided=reviewed)
    if sample is not None and sample < len(rows):
        chosen = random.Random(seed).sample(range(len(rows)), sample)  # noqa: S311 # to be repeated
        rows = [rows[number] for number in sorted(chosen)]
    if near_threshold_first:
        rows.sort(key=_likely_wrong, reverse=True)
    return rows


def write_queue(rows: Iterable[StoredMatch], stream: TextIO) -> int:
    """Write the table, RFC 4180, and return how many rows it has.

    Names that a spreadsheet would run as a formula begin with an apostrophe.
    """
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\r\n", restval="")
    writer.writeheader()
    count = 0
    for row in rows:
        told = {key: _shown(value) for key, value in row._asdict().items()}
        writer.writerow(told | {"band": band(row.distance, row.threshold)})
        count += 1
    return count


def _likely_wrong(row: StoredMatch) -> tuple[int, bool, float, int]:
    used = row.distance / row.threshold if row.threshold else 0.0
    return row.low_information, not row.confirmed, used, -row.id


def _shown(value: object) -> object:
    """As the table has it: nothing in a name acts on a terminal or a spreadsheet."""
    if isinstance(value, bytes | str):
        return escape_formula(printable(value))
    return value
