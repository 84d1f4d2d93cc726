"""Read a journal, and check every record and the chain of their digests."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hashmatch.custody.journal.chain import BEGINNING, START_OF_CHAIN, Event, parse, torn_event
from hashmatch.errors import InputError
from hashmatch.files import raising

_MAX_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class JournalProblem:
    """What was found on one line of a journal.

    Attributes:
        line: the number of the line, from 1.
        what: the finding in words; with "line 3" before it, it is a sentence.
    """

    line: int
    what: str


class _Gap:
    """Consecutive lines that are not whole records."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.lines = 0
        self._bytes = 0
        self._digest = hashlib.sha256()
        self._newline = b""

    def add(self, line: bytes) -> None:
        text = line.removesuffix(b"\n")
        self._digest.update(self._newline + text)
        self._bytes += len(self._newline + text)
        self._newline = line[len(text) :]
        self.lines += 1

    @property
    def ends_within_a_line(self) -> bool:
        return self._newline == b""

    def is_reported_by(self, event: Event) -> bool:
        return event == torn_event(self._bytes, self._digest.hexdigest())


class JournalReader:
    """Read a journal once, record by record. The findings are complete at its end.

    Iterating yields the whole records, including edited ones whose digest was recomputed.

    Attributes:
        line: the number of the line that was read last.
        head: the digest of the last whole record; None before the first.
        begins_like_one: the first line begins like a record, whole or not.
        problems: the first 100 signs that records were edited, removed, added or moved.
        problem_count: how many such signs there are.
        torn: the lines that a crash tore.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._seq = 0
        self._gap: _Gap | None = None
        self.line = 0
        self.head: str | None = None
        self.begins_like_one = False
        self.problems: list[JournalProblem] = []
        self.problem_count = 0
        self.torn: list[JournalProblem] = []

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield each whole record, or raise ``InputError`` if the file cannot be read."""
        with (
            raising(InputError, "cannot read the file", self._path),
            open(self._path, "rb") as file,
        ):
            for line in file:
                self.line += 1
                if self.line == 1:
                    self.begins_like_one = line.startswith(BEGINNING)
                record = self._take(line)
                if record is not None:
                    yield record
        self._end()

    def problem(self, what: str) -> None:
        """Add a problem with the line that was read last, or with line 1 of an empty file."""
        self._note(max(self.line, 1), what)

    def _take(self, line: bytes) -> dict[str, Any] | None:
        record = parse(line.removesuffix(b"\n"))
        if record is None:
            self._gap = self._gap or _Gap(self.line)
            self._gap.add(line)
            return None
        expected = (self._seq + 1, self.head or START_OF_CHAIN)
        follows = (record["seq"], record["previous"]) == expected
        if self._gap is not None:
            self._judge(self._gap, follows=follows, event=record["event"])
            self._gap = None
        elif not follows:
            self.problem(
                "does not follow the record before it: one was edited, removed, added or moved"
            )
        self._seq, self.head = record["seq"], record["digest"]
        return record

    def _judge(self, gap: _Gap, *, follows: bool, event: Event) -> None:
        """Tell torn lines, which the record after them reports, from edited ones."""
        if follows and gap.is_reported_by(event):
            self.torn.append(
                JournalProblem(gap.first, f"was torn by a crash, says line {self.line}")
            )
            return
        for number in range(gap.first, gap.first + gap.lines):
            self._note(number, "is not a whole record: it was edited or damaged")

    def _end(self) -> None:
        if self._gap is not None and self._gap.ends_within_a_line:
            self.torn.append(
                JournalProblem(self._gap.first, "is torn: by a crash, or the end was cut")
            )
        elif self._gap is not None:
            self._judge(self._gap, follows=False, event={})

    def _note(self, line: int, what: str) -> None:
        self.problem_count += 1
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(JournalProblem(line, what))
