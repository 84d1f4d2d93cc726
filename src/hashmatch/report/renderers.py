"""Records rendered as they come: JSONL for programs, CSV for spreadsheets, a table for people."""

from __future__ import annotations

import csv
import json
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TextIO

from hashmatch.errors import needs
from hashmatch.files import path_of
from hashmatch.match.hits import BYTES
from hashmatch.report.chance import expectation
from hashmatch.report.numbers import one_in
from hashmatch.report.phrases import CAUSES
from hashmatch.report.records import Record
from hashmatch.text import count, escape_formula, printable

_MATCH_COLUMNS = (
    *("list", "entry", "label", "category", "source", "algorithm", "bits", "distance"),
    *("threshold", "view", "cause", "confirmed", "expected_false"),
)
_COLUMNS = (
    *("path", "path_b64", "verdict", "reason", "detail", "match_count"),
    *_MATCH_COLUMNS,
    *("quality", "width", "height", "format", "kind"),
)

_VERDICT = len("unscanned")
_REASON = len("unsupported_format")
_NO_TERMINAL = 120
"""Columns to fit into where no terminal says how many it has."""

_COLOURS = {"match": "31", "unscanned": "33", "candidate": "36"}


class Renderer(ABC):
    """Writes records to a stream, one by one."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @abstractmethod
    def file(self, record: Record) -> None:
        """Write one file's record."""

    def flush(self) -> None:  # noqa: B027 # most hold nothing back
        """Write what is held back; call it once no more files come, even after an error."""

    @abstractmethod
    def summary(self, record: Record) -> None:
        """Write the last record."""


class JsonlRenderer(Renderer):
    """One JSON object per line, in ASCII, so that no name can act on a terminal."""

    def file(self, record: Record) -> None:
        """Write one file's record."""
        self._stream.write(json.dumps(record) + "\n")

    summary = file


class CsvRenderer(Renderer):
    """One row per match, and one per file without a match; RFC 4180.

    A cell that a spreadsheet would run as a formula begins with an apostrophe; see
    ``escape_formula``. The summary is left out; see ``summary_lines``.
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
    """What needs a human, one line each, and a summary.

    Files not fully examined come first, as they are found; then candidates, and matches last, where
    a terminal shows them beside the summary. The columns of both are as wide as what is in them; a
    cell wider than half the terminal sticks out, since nothing is ever cut.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._colours = stream.isatty() and not os.environ.get("NO_COLOR")
        self._held: dict[str, list[tuple[str, str, str, str]]] = {"candidate": [], "match": []}

    def file(self, record: Record) -> None:
        """Take a file's lines: one per match, one if it is unscanned, none if it is clear.

        All of them show the one verdict of the file.
        """
        path, verdict = printable(path_of(record)), record["verdict"]
        if not record["match_count"]:
            if record["reason"] is not None:
                why = f"{path}  {record['detail'] or ''}".rstrip()
                self._stream.write(self._line(verdict, f"{record['reason']:<{_REASON}}", why))
            return
        held = self._held["match" if verdict == "match" else "candidate"]
        for match in record["matches"]:
            label = f" ({printable(match['label'])})" if match["label"] else ""
            near = f"{match['algorithm']} {match['distance']}<={match['threshold']} {match['view']}"
            entry = f"{printable(match['list'])}/{printable(match['entry'])}{label}"
            how = "is near" if match["confirmed"] else "may be near"
            how = "equals" if match["view"] == BYTES else how
            chance = _by_chance(match["expected_false"])
            held.append((verdict, near, path, f"{how}  {entry}{_notes(record, match)}{chance}"))
        more = record["match_count"] - len(record["matches"])
        if more:
            # Candidates come last, so a candidate is followed only by candidates
            notes = _notes(record, *record["matches"][-1:])
            what = f"is near {count(more, 'more entry', 'more entries')}{notes}"
            held.append((verdict, "", path, what))

    def flush(self) -> None:
        """Write the candidates, then the matches."""
        rows = [row for held in self._held.values() for row in held]
        most = shutil.get_terminal_size((_NO_TERMINAL, 0)).columns // 2
        near_width = max(_REASON, _width((near for _, near, _, _ in rows), most))
        path_width = _width((path for _, _, path, _ in rows), most)
        for verdict, near, path, rest in rows:
            cells = f"{near:<{near_width}}", f"{path:<{path_width}}", rest
            self._stream.write(self._line(verdict, *cells))
        for held in self._held.values():
            held.clear()

    def summary(self, record: Record) -> None:
        """Write the lines that sum up, after all others."""
        self.flush()
        self._stream.writelines(f"{line}\n" for line in summary_lines(record))

    def _line(self, verdict: str, *cells: str) -> str:
        shown = f"{verdict:<{_VERDICT}}"
        if self._colours:
            shown = f"\x1b[{_COLOURS[verdict]}m{shown}\x1b[0m"
        return "  ".join((shown, *cells)) + "\n"


def _width(cells: Iterable[str], most: int) -> int:
    return max((len(cell) for cell in cells if len(cell) <= most), default=0)


def _by_chance(expected: float | None) -> str:
    return f"  (by chance {one_in(expected)})" if expected else ""


def _notes(record: Record, match: Record | None = None) -> str:
    """The notes at the end of a match's line, such as `` (truncated: the file is truncated)``."""
    cause = match and match["cause"]
    notes = [CAUSES[cause]] if cause else []
    if record["reason"] is not None:
        notes.append(": ".join(filter(None, (record["reason"], record["detail"]))))
    return "".join(f" ({note})" for note in notes)


FORMATS: dict[str, Callable[[TextIO], Renderer]] = {
    "table": TableRenderer,
    "jsonl": JsonlRenderer,
    "csv": CsvRenderer,
}
"""The renderers, by the name that ``--format`` takes."""


def summary_lines(record: Record) -> Iterator[str]:
    """Sum a scan up for people, and say what to expect of its lists if it looked files up."""
    yield summary_line(record)
    if record["files"]:
        yield expectation(record["expected_false"])


def summary_line(record: Record) -> str:
    """Sum a scan up in one line for people."""
    verdicts, moves = record["verdicts"], record.get("quarantine") or {}
    kinds, unsupported = record.get("kinds", {}), record.get("unsupported", {})
    not_images = count(verdicts["not_image"], "not an image", "not images") + _listed(kinds)
    parts = {
        count(verdicts["match"], "match", "matches"): True,
        f"{moves.get('moved', 0):,} moved": moves.get("moved"),
        f"{moves.get('copied', 0):,} copied": moves.get("copied"),
        f"{moves.get('not_moved', 0):,} NOT moved": moves.get("not_moved"),
        f"{verdicts['candidate']:,} to look at": verdicts["candidate"],
        f"{verdicts['unscanned']:,} not fully examined{_listed(record['reasons'])}": (
            verdicts["unscanned"]
        ),
        f"{verdicts['clear']:,} clear": verdicts["clear"],
        not_images: verdicts["not_image"],
        f"{record['suppressed']:,} suppressed by review": record["suppressed"],
    }
    stopped = "interrupted: " if record["run"].get("interrupted") else ""
    said = ", ".join(part for part, matters in parts.items() if matters)
    cut = sum(record["reasons"].values()) - verdicts["unscanned"]
    was = "was" if cut == 1 else "were"
    notes = [f"{count(cut, 'file')} near an entry {was} not fully examined"] if cut else []
    notes += _since_earlier(record["run"].get("state") or {})
    notes += [f"unsupported formats{_listed(unsupported)}"] if unsupported else []
    notes += [
        needs(printable(name), printable(line)) for name, line in record.get("install", {}).items()
    ]
    return "; ".join([f"{stopped}{count(record['files'], 'file')}: {said}", *notes])


def _since_earlier(state: Mapping[str, Any]) -> Iterator[str]:
    """What became of files that an earlier scan with the same state met."""
    if gone := state.get("gone"):
        matched = state.get("gone_matched")
        among = f" ({matched:,} matched)" if matched else ""
        yield f"{count(gone, 'file is', 'files are')} gone since an earlier scan{among}"
    if no_longer := state.get("no_longer"):
        does = "does" if no_longer == 1 else "do"
        yield f"{count(no_longer, 'file')} that matched before no longer {does}"


def _listed(counts: Mapping[str, int]) -> str:
    """Such as `` (video 3, text 16,085)``; empty where nothing is counted."""
    shown = ", ".join(
        f"{printable(name.replace('_', ' '))} {number:,}"
        for name, number in counts.items()
        if number
    )
    return f" ({shown})" if shown else ""
