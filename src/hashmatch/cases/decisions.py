"""Imports decisions from a table: checks every row, and stores all of them or none."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

from hashmatch.cases.values import Decision
from hashmatch.errors import DecisionsError, InputError
from hashmatch.state import State
from hashmatch.text import count, unescape_formula

_REQUIRED = ("id", "verdict", "by", "at")
_MAX_FIELD = 10_000
_MAX_PROBLEMS = 1_000
_CLOCK_SKEW = timedelta(days=1)
# int() alone would also accept signs, underscores, spaces and digits of any script
_ID = re.compile("[0-9]{1,18}")
# fromisoformat() alone would also read a time zone after a day as a time, and a week as its Monday
_AT = re.compile(r"(?:\d{4}-?\d\d-?\d\d|\d{4}-?W\d\d-?\d)([Tt ].+)?", re.ASCII)


class DecisionRow(NamedTuple):
    """One decision about one match, in the order in which the state stores it.

    Attributes:
        match: the id of the match.
        decision: what was decided.
        by: who decided.
        at: when, ISO 8601 in UTC.
        note: a comment.
    """

    match: int
    decision: Decision
    by: str
    at: str
    note: str | None


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of an import.

    Attributes:
        added: how many decisions are new.
        known: how many were imported before.
        open: how many rows have no decision yet.
    """

    added: int
    known: int
    open: int


def import_decisions(state: State, path: str | os.PathLike[str]) -> Imported:
    """Import a table of decisions: the queue, filled in, or any CSV with id, verdict, by and at.

    ``verdict`` holds a ``Decision``, or nothing while a match is undecided; ``at`` is a date or
    time in ISO 8601, in UTC unless it names a time zone. If there is a column ``state``, as in the
    queue, it must name this state. The latest decision about a match counts. A false positive that
    gives only a date counts from the start of that day, any other decision from its end: if in
    doubt, the match stays. From the next scan on, a false positive suppresses that entry for that
    content.

    Raises:
        DecisionsError: a row is wrong. ``problems`` lists every wrong row by line, with all its
            faults, and nothing is stored.
        InputError: the file cannot be read.
    """
    name = os.fspath(path)
    known = state.matches.ids()
    decided: list[DecisionRow] = []
    problems: list[DecisionsError] = []
    wrong = undecided = 0
    seen: set[int] = set()
    for line, row in _rows(name):
        if row.get("verdict", "") == "":
            undecided += 1
            continue
        found = _check(row, known, state.matches.token, seen)
        if isinstance(found, DecisionRow):
            decided.append(found)
            continue
        wrong += 1
        if len(problems) < _MAX_PROBLEMS:
            problems.append(DecisionsError(found, path=name, line=line))
    if wrong:
        raise DecisionsError(
            f"{wrong} of {count(wrong + len(decided), 'decision')} wrong; nothing was imported",
            path=name,
            problems=problems,
            count=wrong,
        )
    added = state.matches.decide(decided)
    return Imported(added, len(decided) - added, undecided)


def _rows(name: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield each row of the table with the line on which it begins."""
    try:
        # Spreadsheets begin the file with a byte order mark
        with open(name, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            missing = [column for column in _REQUIRED if column not in header]
            if missing:
                raise DecisionsError(f"the table has no column {missing[0]!r}", path=name, line=1)
            line = reader.line_num + 1
            for fields in reader:
                if fields:
                    cells = (unescape_formula(field.strip()) for field in fields)
                    row = dict(zip(header, cells, strict=False))
                    yield line, row if len(fields) == len(header) else {"verdict": "?", "id": "?"}
                line = reader.line_num + 1
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise InputError(f"cannot read the decisions: {why}", path=name) from error
    except UnicodeDecodeError as error:
        raise DecisionsError("the table is not UTF-8", path=name) from error
    except csv.Error as error:
        raise DecisionsError(
            "the table is not valid CSV from here on", path=name, line=reader.line_num
        ) from error


def _check(
    row: Mapping[str, str], known: set[int], token: str, seen: set[int]
) -> DecisionRow | str:
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
    word, span = row["verdict"], _span(row["at"])
    if word not in set(Decision):
        faults.append(f"verdict: choose from {', '.join(Decision)}")
    if not row["by"]:
        faults.append("by: name who decided")
    if span is None:
        faults.append(
            "at: not an ISO 8601 date or time, such as 2026-01-31 or 2026-01-31T14:00:00Z"
        )
    elif span[0] > datetime.now(UTC) + _CLOCK_SKEW:
        faults.append("at: in the future")
    if any(len(text) > _MAX_FIELD for text in row.values()):
        faults.append(f"a field has more than {_MAX_FIELD} characters")
    if faults or isinstance(number, str) or span is None:
        return "; ".join(faults)
    # If in doubt, the match stays
    at = span[0] if word == Decision.FALSE_POSITIVE else span[1]
    return DecisionRow(number, Decision(word), row["by"], at.isoformat(), row.get("note") or None)


def _match_of(row: Mapping[str, str], known: set[int], token: str) -> int | str:
    """Return the id of the match that a row is about, or why there is none."""
    if row.get("state", token) != token:
        return "state: the queue was exported from another state"
    number = int(row["id"]) if _ID.fullmatch(row["id"]) else None
    if number is None or number not in known:
        return "id: no match has this id"
    return number


def _span(text: str) -> tuple[datetime, datetime] | None:
    """Return the first and last moment of a date or time; None if the text is neither."""
    shape = _AT.fullmatch(text)
    if shape is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    # Whole seconds, so that the end of a day, in microseconds, is later than all of its times
    at = at.replace(microsecond=0)
    return at, at if shape[1] else datetime.combine(at, time.max, UTC)
