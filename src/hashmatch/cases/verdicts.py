"""What humans said of matches, checked row by row and taken in whole or not at all."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

from hashmatch.errors import InputError, VerdictsError
from hashmatch.state import State
from hashmatch.text import unescape_formula

CONFIRMED = "confirmed"
FALSE_POSITIVE = "false_positive"
UNSURE = "unsure"
VERDICTS = (CONFIRMED, FALSE_POSITIVE, UNSURE)

_NEEDED = ("id", "verdict", "by", "at")
_MAX_FIELD = 10_000
_MAX_PROBLEMS = 1_000
_CLOCKS_DIFFER = timedelta(days=1)
# int() alone would also take signs, underscores, blanks and the digits of all scripts
_ID = re.compile("[0-9]{1,18}")
# fromisoformat() alone would also take a zone behind a day for a time, and a week for its Monday
_AT = re.compile(r"(?:\d{4}-?\d\d-?\d\d|\d{4}-?W\d\d-?\d)([Tt ].+)?", re.ASCII)


class Review(NamedTuple):
    """One verdict.

    Attributes:
        match: the id of the match.
        verdict: one of ``VERDICTS``.
        by: who said so.
        at: when, ISO 8601 in UTC.
        note: anything else.
    """

    match: int
    verdict: str
    by: str
    at: str
    note: str | None


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import.

    Attributes:
        added: verdicts taken in.
        known: rows that were taken in before.
        open: rows without a verdict yet.
    """

    added: int
    known: int
    open: int


def import_verdicts(state: State, path: str | os.PathLike[str]) -> Imported:
    """Take in a table of verdicts: the queue, filled in, or any CSV with id, verdict, by and at.

    ``verdict`` is ``confirmed``, ``false_positive`` or ``unsure``, or empty where nobody has
    decided; ``at`` a date or time in ISO 8601, UTC where it does not say. Where there is a column
    ``state``, as in the queue, it must name this one. The latest verdict on a match counts: of a
    date alone, a false positive from the day's beginning and any other verdict from its end, so
    that uncertain the match stays. A confirmed false positive suppresses the pair of content and
    entry from the next scan on.

    Raises:
        VerdictsError: something is wrong: ``problems`` has every wrong row by line, and nothing was
            taken in.
        InputError: the file cannot be read.
    """
    name = os.fspath(path)
    known = state.matches.ids()
    reviews: list[Review] = []
    problems: list[VerdictsError] = []
    count = undecided = 0
    seen: set[int] = set()
    for line, row in _rows(name):
        if row.get("verdict", "") == "":
            undecided += 1
            continue
        found = _check(row, known, state.matches.token, seen)
        if isinstance(found, Review):
            reviews.append(found)
            continue
        count += 1
        if len(problems) < _MAX_PROBLEMS:
            problems.append(VerdictsError(found, path=name, line=line))
    if count:
        raise VerdictsError(
            f"{count} of {count + len(reviews)} verdicts are wrong; nothing was imported",
            path=name,
            problems=problems,
            count=count,
        )
    added = state.matches.decide(reviews)
    return Imported(added, len(reviews) - added, undecided)


def _rows(name: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The rows of the table, each with the line that it begins on."""
    try:
        # Spreadsheets put a byte order mark in front
        with open(name, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            missing = [column for column in _NEEDED if column not in header]
            if missing:
                raise VerdictsError(f"the table has no column {missing[0]!r}", path=name, line=1)
            line = reader.line_num + 1
            for fields in reader:
                if fields:
                    cells = (unescape_formula(field.strip()) for field in fields)
                    row = dict(zip(header, cells, strict=False))
                    yield line, row if len(fields) == len(header) else {"verdict": "?", "id": "?"}
                line = reader.line_num + 1
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise InputError(f"cannot read the verdicts: {why}", path=name) from error
    except UnicodeDecodeError as error:
        raise VerdictsError("the table is not in UTF-8", path=name) from error
    except csv.Error as error:
        raise VerdictsError(
            "the table is no CSV from here on", path=name, line=reader.line_num
        ) from error


def _check(row: Mapping[str, str], known: set[int], token: str, seen: set[int]) -> Review | str:
    """A row as a review, or what is wrong with it."""
    verdict = row["verdict"]
    number = _match_of(row, known, token)
    if isinstance(number, str):
        return number
    if number in seen:
        return "id: an earlier row has it too"
    seen.add(number)
    if verdict not in VERDICTS:
        return f"verdict: choose from {', '.join(VERDICTS)}"
    if not row["by"]:
        return "by: who said so is missing"
    if any(len(text) > _MAX_FIELD for text in row.values()):
        return f"a field has more than {_MAX_FIELD} characters"
    span = _span(row["at"])
    if span is None:
        return "at: no date or time in ISO 8601, such as 2026-01-31 or 2026-01-31T14:00:00Z"
    first, last = span
    if first > datetime.now(UTC) + _CLOCKS_DIFFER:
        return "at: lies in the future"
    # In doubt the match stays
    at = first if verdict == FALSE_POSITIVE else last
    return Review(number, verdict, row["by"], at.isoformat(), row.get("note") or None)


def _match_of(row: Mapping[str, str], known: set[int], token: str) -> int | str:
    """The id of the match that a row is about, or why it is about none."""
    if row["id"] == "?":
        return "has not as many fields as the header"
    number = int(row["id"]) if _ID.fullmatch(row["id"]) else None
    if number is None or number not in known:
        return "id: no match has it"
    if row.get("state", token) != token:
        return "state: the queue was exported from another one"
    return number


def _span(text: str) -> tuple[datetime, datetime] | None:
    """The first and the last moment that a date or time stands for; None where it is neither."""
    shape = _AT.fullmatch(text)
    if shape is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    # To the second, so that a day's end, to the microsecond, is later than all of its times
    at = at.replace(microsecond=0)
    return at, at if shape[1] else datetime.combine(at, time.max, UTC)
