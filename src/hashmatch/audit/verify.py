"""Checking an audit trail."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

from hashmatch.audit.chain import START_OF_CHAIN, Event, parse
from hashmatch.errors import InputError, SettingsError
from hashmatch.journal import torn_event

_MAX_PROBLEMS = 100
_DIGEST_DIGITS = 64


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about one line of an audit trail.

    Attributes:
        line: counted from 1.
        what: in words.
    """

    line: int
    what: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check of an audit trail found.

    Attributes:
        records: whole records.
        runs: runs that began.
        head: the digest of the last whole record; None in an empty file.
        anchored: the line of the record that the anchor names; None without an anchor, or where no
            record has it. Everything up to that line is as it was when the anchor was taken.
        problems: the first 100 signs that records were edited, removed, added or moved.
        problem_count: how many there are.
        gaps: what is missing without any sign of tampering: runs without an end, torn lines.
    """

    records: int
    runs: int
    head: str | None
    anchored: int | None
    problems: tuple[Finding, ...]
    problem_count: int
    gaps: tuple[Finding, ...]


def verify(path: str | os.PathLike[str], *, anchor: str | None = None) -> Verification:
    """Check every record of an audit trail and the chain that holds them together.

    Without an anchor nothing can show that records were cut off at the end, or that the whole file
    was written anew by someone who knows how.

    Args:
        path: the file.
        anchor: the digest of its last record at some time, kept elsewhere since.

    Raises:
        InputError: it cannot be read.
        SettingsError: the anchor is no SHA-256 in hex.
    """
    wanted = None if anchor is None else _check_anchor(anchor)
    check = _Check(wanted)
    try:
        with open(path, "rb") as file:
            for line in file:
                check.line(line)
    except OSError as error:
        raise InputError(
            f"cannot read it: {os.strerror(error.errno or 0)}", path=os.fspath(path)
        ) from error
    return check.result()


class _Gap:
    """Lines, one after the other, that are no whole records."""

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

    def is_told_by(self, event: Event) -> bool:
        return event == torn_event(self._bytes, self._digest.hexdigest())


class _Check:
    """Goes through the lines of a trail, one by one."""

    def __init__(self, anchor: str | None) -> None:
        self._anchor = anchor
        self._anchored: int | None = None
        self._lines = 0
        self._records = 0
        self._runs = 0
        self._seq = 0
        self._head = START_OF_CHAIN
        self._running_since: int | None = None
        self._gap: _Gap | None = None
        self._problems: list[Finding] = []
        self._problem_count = 0
        self._gaps: list[Finding] = []

    def line(self, line: bytes) -> None:
        self._lines += 1
        record = parse(line.removesuffix(b"\n"))
        if record is None:
            self._gap = self._gap or _Gap(self._lines)
            self._gap.add(line)
            return
        self._records += 1
        follows = (record["seq"], record["previous"]) == (self._seq + 1, self._head)
        if self._gap is not None:
            self._judge(self._gap, follows=follows, event=record["event"])
            self._gap = None
        elif not follows:
            self._problem(
                self._lines,
                "does not follow the record before it: one was edited, removed, added or moved",
            )
        self._seq, self._head = record["seq"], record["digest"]
        if self._head == self._anchor:
            self._anchored = self._lines
        self._follow_run(record["event"]["type"])

    def result(self) -> Verification:
        if self._gap is not None and self._gap.ends_within_a_line:
            self._gaps.append(Finding(self._gap.first, "is torn: by a crash, or its end was cut"))
        elif self._gap is not None:
            self._judge(self._gap, follows=False, event={})
        self._end_run()
        if self._anchor is not None and self._anchored is None:
            self._problem(
                self._lines,
                "is the last, and no record has the anchor: the end was cut off, or the file was"
                " written anew",
            )
        return Verification(
            records=self._records,
            runs=self._runs,
            head=self._head if self._records else None,
            anchored=self._anchored,
            problems=tuple(self._problems),
            problem_count=self._problem_count,
            gaps=tuple(self._gaps),
        )

    def _judge(self, gap: _Gap, *, follows: bool, event: Event) -> None:
        """Tell what a crash tore, which the record after it says, from what was edited."""
        if follows and gap.is_told_by(event):
            self._gaps.append(Finding(gap.first, f"was torn by a crash, says line {self._lines}"))
            return
        for number in range(gap.first, gap.first + gap.lines):
            self._problem(number, "is no whole record: edited or damaged")

    def _follow_run(self, kind: str) -> None:
        if kind == "start":
            self._end_run()
            self._runs += 1
            self._running_since = self._lines
        elif kind in {"finish", "abort"}:
            self._running_since = None

    def _end_run(self) -> None:
        if self._running_since is not None:
            what = "begins a run without an end: killed, still running, or cut off"
            self._gaps.append(Finding(self._running_since, what))

    def _problem(self, number: int, what: str) -> None:
        self._problem_count += 1
        if len(self._problems) < _MAX_PROBLEMS:
            self._problems.append(Finding(number, what))


def _check_anchor(anchor: str) -> str:
    lowered = anchor.strip().lower()
    if len(lowered) != _DIGEST_DIGITS or set(lowered) - set("0123456789abcdef"):
        raise SettingsError("an anchor is the 64 hex digits that a run printed at its end")
    return lowered
