"""Records rendered as they come: JSONL for programs, CSV for spreadsheets, a table for people."""

from __future__ import annotations

import csv
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TextIO

from hashmatch.errors import SettingsError
from hashmatch.files import path_of
from hashmatch.match.lookup import BYTES
from hashmatch.report.records import Record
from hashmatch.text import escape_formula, printable

_MATCH_COLUMNS = (
    *("list", "entry", "label", "category", "source", "algorithm", "bits", "distance"),
    *("threshold", "view", "low_information", "confirmed"),
)
_COLUMNS = (
    *("path", "path_b64", "verdict", "reason", "detail", "match_count"),
    *_MATCH_COLUMNS,
    *("quality", "width", "height", "format"),
)

_COLOURS = {"match": "31", "unscanned": "33", "low_information": "36"}


class Renderer(ABC):
    """Writes records to a stream, one by one."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @abstractmethod
    def file(self, record: Record) -> None:
        """Write one file's record."""

    @abstractmethod
    def summary(self, record: Record) -> None:
        """Write the last record."""


class JsonlRenderer(Renderer):
    """One JSON object a line, ASCII throughout, so that no name can act on a terminal."""

    def file(self, record: Record) -> None:
        """Write one file's record."""
        self._stream.write(json.dumps(record) + "\n")

    summary = file


class CsvRenderer(Renderer):
    """One row per match, and one per file without a match; RFC 4180.

    A cell that a spreadsheet would run as a formula begins with an apostrophe; see
    ``escape_formula``. The summary is left out; see ``summary_line``.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._writer = csv.DictWriter(stream, _COLUMNS, lineterminator="\r\n", restval="")
        self._writer.writeheader()

    def file(self, record: Record) -> None:
        """Write one file's rows."""
        common = {key: record.get(key) for key in _COLUMNS if key in record}
        for match in record["matches"] or [{}]:
            row = common | {key: match[key] for key in _MATCH_COLUMNS if key in match}
            self._writer.writerow(
                {
                    key: escape_formula(value) if isinstance(value, str) else value
                    for key, value in row.items()
                }
            )

    def summary(self, record: Record) -> None:
        """Write nothing: every row of the table is a file."""


class TableRenderer(Renderer):
    """What needs a human, a line each, and one line that sums up."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._colours = stream.isatty() and not os.environ.get("NO_COLOR")

    def file(self, record: Record) -> None:
        """Write a file's lines: one a match, one if it is unscanned, none if it is clear."""
        path = printable(path_of(record))
        for match in record["matches"]:
            verdict = "low_information" if match["low_information"] else "match"
            label = f" ({printable(match['label'])})" if match["label"] else ""
            near = f"{match['algorithm']} {match['distance']}<={match['threshold']}"
            entry = f"{printable(match['list'])}/{printable(match['entry'])}{label}"
            how = "is near" if match["confirmed"] else "may be near"
            how = "equals" if match["view"] == BYTES else how
            self._line(verdict, f"{near} {match['view']}", f"{path}  {how}  {entry}")
        more = record["match_count"] - len(record["matches"])
        if more:
            # Candidates come last, so behind one there is nothing else
            last = record["matches"][-1:]
            verdict = "low_information" if last and last[0]["low_information"] else "match"
            self._line(verdict, "", f"{path}  is near to {more} more entries")
        if record["reason"] is not None:
            self._line("unscanned", record["reason"], f"{path}  {record['detail'] or ''}".rstrip())

    def summary(self, record: Record) -> None:
        """Write the line that sums up."""
        self._stream.write(summary_line(record) + "\n")

    def _line(self, verdict: str, what: str, rest: str) -> None:
        shown = f"{verdict:<15}"
        if self._colours:
            shown = f"\x1b[{_COLOURS[verdict]}m{shown}\x1b[0m"
        self._stream.write(f"{shown}  {what:<28}  {rest}\n")


FORMATS: dict[str, Callable[[TextIO], Renderer]] = {
    "table": TableRenderer,
    "jsonl": JsonlRenderer,
    "csv": CsvRenderer,
}
"""The renderers, by the name that ``--format`` takes."""


def make_renderer(name: str, stream: TextIO) -> Renderer:
    """Make the renderer of that name.

    Raises:
        SettingsError: there is none.
    """
    if name not in FORMATS:
        raise SettingsError(f"unknown format {name!r}; choose from {', '.join(FORMATS)}")
    return FORMATS[name](stream)


def summary_line(record: Record) -> str:
    """Sum a scan up in one line for people."""
    verdicts = record["verdicts"]
    reasons = ", ".join(f"{name} {count}" for name, count in record["reasons"].items() if count)
    parts = [
        f"{verdicts['match']} match",
        f"{verdicts['low_information']} low information",
        f"{verdicts['unscanned']} unscanned" + (f" ({reasons})" if reasons else ""),
        f"{verdicts['clear']} clear",
        f"{verdicts['not_image']} no image",
    ]
    if record["suppressed"]:
        parts.append(f"{record['suppressed']} suppressed by review")
    stopped = "interrupted: " if record["run"].get("interrupted") else ""
    return f"{stopped}{record['files']} files: {', '.join(parts)}"
