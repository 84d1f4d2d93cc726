"""Entries that an operator takes out of lists: a table of which, why, by whom and when."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from hashmatch.errors import HashListError
from hashmatch.hashlist.formats.table import Table
from hashmatch.hashlist.problems import Problems
from hashmatch.hashlist.source import Tap

if TYPE_CHECKING:
    from hashmatch.hashlist.lists import HashList

NEEDED = ("entry", "reason", "by", "date")
LIST = "list"


class Suppression(NamedTuple):
    """One entry taken out.

    Attributes:
        entry: its id; never ``file:line``, where the next list may have another entry.
        list: the name of the list that is meant; None for every list that has such an entry.
        reason: why.
        by: who decided it.
        date: when, a date or time in ISO 8601.
        line: where it stands in the table.
    """

    entry: str
    list: str | None
    reason: str
    by: str
    date: str
    line: int


@dataclass(frozen=True, slots=True)
class Suppressions:
    """What stands in a table.

    Attributes:
        source: the file as messages name it.
        digest: SHA-256, hex, of its bytes.
        rows: in the table's order.
    """

    source: str
    digest: str
    rows: tuple[Suppression, ...]

    def unknown(self, hash_lists: Sequence[HashList]) -> list[int]:
        """The lines that mean an entry which is on none of the lists that they are in force for."""
        met = {
            (entry, name)
            for each in hash_lists
            for entry in each.suppressed
            for name in (None, each.name)
        }
        return [row.line for row in self.rows if (row.entry, row.list) not in met]


def read_suppressions(path: str | os.PathLike[str]) -> Suppressions:
    """Read a table in CSV with the columns ``entry``, ``reason``, ``by``, ``date``.

    A column ``list`` is optional, and so are others, which are not used.

    Raises:
        HashListError: it cannot be read, or something in it is wrong: ``problems`` has every wrong
            row by line, and none of it is in force.
    """
    source = os.fspath(path)
    problems = Problems(source)
    try:
        with open(path, "rb") as stream:
            tap = Tap(stream)
            table = Table(tap, problems)
            table.require(*NEEDED)
            rows = tuple(_rows(table, problems))
    except OSError as error:
        why = error.strerror or "the reading failed"
        raise HashListError(f"cannot read the suppressions: {why}", path=source) from error
    if problems.count:
        raise problems.error(table.lines.count, skippable=False)
    return Suppressions(source, tap.digest(), rows)


def _rows(table: Table, problems: Problems) -> Iterator[Suppression]:
    for numbers, columns in table.chunks():
        names = columns.get(LIST, [""] * len(numbers))
        fields = zip(numbers, names, *(columns[name] for name in NEEDED), strict=True)
        for line, *texts in fields:
            meant, entry, reason, by, date = (text.strip() for text in texts)
            fault = _fault([entry, reason, by, date], meant)
            if fault is None:
                yield Suppression(entry, meant or None, reason, by, date, line)
            else:
                problems.add(line, fault)


def _fault(texts: Sequence[str], meant: str) -> str | None:
    """What is wrong with a row, if anything is."""
    for name, text in zip(NEEDED, texts, strict=True):
        if not text:
            return f"{name} is missing"
    try:
        "".join([*texts, meant]).encode()
    except UnicodeEncodeError:
        return "the row is not in UTF-8"
    try:
        datetime.fromisoformat(texts[-1])
    except ValueError:
        return "date is no date or time in ISO 8601, such as 2026-01-31"
    return None
