"""Imports decisions from a table: checks every row, and stores all of them or none."""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from hashmatch.cases.deciding import MatchDecision
from hashmatch.cases.store import Cases
from hashmatch.cases.values import Decision
from hashmatch.errors import DecisionsError, InputError
from hashmatch.files import raising
from hashmatch.text import count, unescape_formula

_MAX_FIELD = 10_000
_MAX_PROBLEMS = 1_000
_CLOCK_SKEW = timedelta(days=1)
_SEPARATORS = (",", ";", "\t")
# int() alone would also accept signs, underscores, spaces and digits of any script
_ID = re.compile("[0-9]{1,18}")
# fromisoformat() alone would also read a time zone after a day as a time, and a week as its Monday
_AT = re.compile(r"(?:\d{4}-?\d\d-?\d\d|\d{4}-?W\d\d-?\d)([Tt ].+)?", re.ASCII)
_SHEET = re.compile(
    r"(\d{1,2})([./])(\d{1,2})\2(\d{4})(?: (\d{1,2}:\d\d(?::\d\d)?)(?: ?([AP]M))?)?",
    re.ASCII | re.IGNORECASE,
)
"""A date as spreadsheets write it, with or without a time."""


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of an import."""

    added: int  # how many decisions are new
    known: int  # how many were imported before
    open: int  # how many rows have no decision yet


def import_decisions(
    cases: Cases,
    path: str | os.PathLike[str],
    *,
    by: str | None = None,
    now: datetime | None = None,
) -> Imported:
    """Import a table of decisions: the queue, filled in, or any CSV with ids and decisions.

    It may be in UTF-8 or UTF-16, with commas, semicolons or tabs, as spreadsheets save it.
    ``verdict`` holds a ``Decision`` in any case, with spaces or underscores, or nothing while a
    match is undecided. ``at`` is a date or time in ISO 8601, in UTC unless it names a time zone, or
    a date as spreadsheets write it where it can mean only one day. If there is a column ``cases``,
    as in the queue, it must name this store. The latest decision about a match counts. A false
    positive that gives only a date counts from the start of that day, any other decision from its
    end: if in doubt, the match stays. ``by`` and ``now`` stand in for missing values.

    Raises:
        DecisionsError: a row is wrong. ``problems`` lists every wrong row by line, with all its
            faults, and nothing is stored.
        InputError: the file cannot be read.
    """
    default = {"by": by or "", "at": (now or datetime.now(UTC)).isoformat()}
    decided, undecided = _read(cases, os.fspath(path), default)
    added = cases.decide_matches(decided)
    return Imported(added, len(decided) - added, undecided)


def _read(cases: Cases, name: str, default: dict[str, str]) -> tuple[list[MatchDecision], int]:
    """Read and check all rows: the decisions, and how many rows have none."""
    known = {row.match.id for row in cases.match_rows(include_decided=True)}
    decided: list[MatchDecision] = []
    problems: list[DecisionsError] = []
    wrong = undecided = 0
    seen: set[int] = set()
    for line, row in _rows(name, default["by"]):
        if row.get("verdict", "") == "":
            undecided += 1
            continue
        given = {key: value for key, value in row.items() if value or key not in default}
        found = _check(default | given, known, cases.token, seen)
        if isinstance(found, MatchDecision):
            decided.append(found)
            continue
        wrong += 1
        if len(problems) < _MAX_PROBLEMS:
            problems.append(DecisionsError(found, path=name, line=line))
    if wrong:
        raise DecisionsError(
            f"{wrong} of {count(wrong + len(decided), 'decision')} {'is' if wrong == 1 else 'are'}"
            " wrong; nothing was imported",
            path=name,
            problems=problems,
            count=wrong,
        )
    return decided, undecided


def _rows(name: str, by: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield each row of the table with the line on which it begins."""
    reader = None
    try:
        with raising(InputError, "cannot read the decisions", name):
            data = Path(name).read_bytes()
        text = _decoded(data)
        separator = max(_SEPARATORS, key=text.partition("\n")[0].count)
        reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
        header = [column.strip().casefold() for column in next(reader, [])]
        needed = ("id", "verdict") if by else ("id", "verdict", "by")
        missing = [column for column in needed if column not in header]
        if missing:
            hint = ": add it, or give --by NAME" if missing[0] == "by" else ""
            raise DecisionsError(f"the table has no column {missing[0]!r}{hint}", path=name, line=1)
        line = reader.line_num + 1
        for fields in reader:
            if any(fields):
                cells = (unescape_formula(field.strip()) for field in fields)
                row = dict(zip(header, cells, strict=False))
                yield line, row if len(fields) == len(header) else {"verdict": "?", "id": "?"}
            line = reader.line_num + 1
    except UnicodeDecodeError as error:
        raise DecisionsError("the table is not UTF-8: save it as CSV UTF-8", path=name) from error
    except csv.Error as error:
        line = reader.line_num if reader is not None else 1
        raise DecisionsError(
            "the table is not valid CSV from here on", path=name, line=line
        ) from error


def _decoded(data: bytes) -> str:
    # Spreadsheets begin the file with a byte order mark
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if wide else "utf-8-sig")


def _check(
    row: Mapping[str, str], known: set[int], token: str, seen: set[int]
) -> MatchDecision | str:
    """Return the decision in a row, or everything that is wrong with it."""
    if row["id"] == "?":
        return "the row has more or fewer fields than the header"
    faults = []
    number = _match_of(row, known, token)
    if isinstance(number, str):
        faults.append(number)
    elif number in seen:
        faults.append("id: an earlier row has the same id")
    else:
        seen.add(number)
    word = row["verdict"].casefold().replace(" ", "_").replace("-", "_")
    if word not in set(Decision):
        faults.append(f"verdict: choose from {', '.join(Decision)}")
    if not row["by"]:
        faults.append("by: name who decided")
    span = _span(row["at"])
    if isinstance(span, str):
        faults.append(span)
    elif span[0] > datetime.now(UTC) + _CLOCK_SKEW:
        faults.append("at: in the future")
    if any(len(text) > _MAX_FIELD for text in row.values()):
        faults.append(f"a field has more than {_MAX_FIELD} characters")
    if faults or isinstance(number, str) or isinstance(span, str):
        return "; ".join(faults)
    # If in doubt, the match stays
    at = span[0] if word == Decision.FALSE_POSITIVE else span[1]
    return MatchDecision(number, Decision(word), row["by"], at, row.get("note") or None)


def _match_of(row: Mapping[str, str], known: set[int], token: str) -> int | str:
    """Return the id of the match that a row is about, or why there is none."""
    if row.get("cases", token) != token:
        return "cases: the queue was exported from another case store"
    number = int(row["id"]) if _ID.fullmatch(row["id"]) else None
    if number is None or number not in known:
        return "id: no match has this id"
    return number


def _span(text: str) -> tuple[datetime, datetime] | str:
    """Return the first and last moment of a date or time, or what is wrong with it."""
    wrong = "at: not an ISO 8601 date or time, such as 2026-01-31 or 2026-01-31T14:00:00Z"
    if sheet := _SHEET.fullmatch(text):
        text = _from_sheet(*sheet.groups())
        if not text:
            return "at: may be one of two days: write it as 2026-01-31"
    shape = _AT.fullmatch(text)
    if shape is None:
        return wrong
    try:
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return wrong
    # Whole seconds, so that the end of a day, in microseconds, is later than all of its times
    at = at.replace(microsecond=0)
    return at, at if shape[1] else datetime.combine(at, time.max, UTC)


def _from_sheet(
    one: str, mark: str, two: str, year: str, clock: str | None, half: str | None
) -> str:
    """A date of a spreadsheet in ISO 8601; empty if it may be one of two days."""
    first, second = int(one), int(two)
    if mark == "." or first > 12 or first == second:
        day, month = first, second
    elif second > 12:
        day, month = second, first
    else:
        return ""
    text = f"{year}-{month:02}-{day:02}"
    if clock is None:
        return text
    hour, _, rest = clock.partition(":")
    number = int(hour) % 12 + 12 * (half.upper() == "PM") if half else int(hour)
    return f"{text} {number:02}:{rest}"
