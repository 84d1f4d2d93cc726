"""Reads the table of suppressed entries: which, why, by whom and when."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from hashmatch.errors import HashListError
from hashmatch.hashlist.formats.csv_table import CsvTable
from hashmatch.hashlist.list_stream import Tap
from hashmatch.hashlist.problems import Problems

if TYPE_CHECKING:
    from hashmatch.hashlist.hash_list import HashList

NEEDED = ("entry", "reason", "by", "date")
LIST = "list"


class Suppression(NamedTuple):
    """One suppressed entry.

    Attributes:
        entry: its id; never ``file:line``, which may be another entry in the next list.
        list: the name of its list; None for every list that has such an entry.
        by: who decided it.
        date: when, in ISO 8601, with or without a time.
    """

    entry: str
    list: str | None
    reason: str
    by: str
    date: str
    line: int


@dataclass(frozen=True, slots=True)
class Suppressions:
    """A table of suppressed entries.

    Attributes:
        source: the file as messages name it.
        digest: SHA-256, hex, of its bytes.
    """

    source: str
    digest: str
    rows: tuple[Suppression, ...]

    def unknown(self, hash_lists: Sequence[HashList]) -> list[int]:
        """The lines whose entry is on none of these lists, or not on the list the line names."""
        met = {
            (entry, name)
            for each in hash_lists
            for entry in each.suppressed
            for name in (None, each.name)
        }
        return [row.line for row in self.rows if (row.entry, row.list) not in met]


def read_suppressions(path: str | os.PathLike[str]) -> Suppressions:
    """Read a CSV table with the columns ``entry``, ``reason``, ``by``, ``date``.

    The column ``list`` is optional; other columns are ignored.

    Raises:
        HashListError: it cannot be read, or something in it is wrong; ``problems`` has every faulty
            row by line, and no row takes effect.
    """
    source = os.fspath(path)
    problems = Problems(source)
    try:
        with open(path, "rb") as stream:
            tap = Tap(stream)
            table = CsvTable(tap, problems)
            table.require(*NEEDED)
            rows = tuple(_rows(table, problems))
    except OSError as error:
        why = error.strerror or "reading failed"
        raise HashListError(f"cannot read the suppressions: {why}", path=source) from error
    if problems.count:
        raise problems.error(table.lines.count, skippable=False)
    return Suppressions(source, tap.digest(), rows)


def _rows(table: CsvTable, problems: Problems) -> Iterator[Suppression]:
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
    """What is wrong with a row; None if nothing is."""
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
        return "date is not an ISO 8601 date or time, such as 2026-01-31"
    return None
