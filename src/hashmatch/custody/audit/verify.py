"""Checking an audit trail."""

from __future__ import annotations

import os
from dataclasses import dataclass

from hashmatch.custody.journal import Finding, JournalReader
from hashmatch.errors import SettingsError

_DIGEST_DIGITS = 64


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
    journal, runs = JournalReader(path), _Runs()
    records, anchored = 0, None
    for record in journal:
        records += 1
        runs.follow(journal.line, record["event"]["type"])
        if record["digest"] == wanted:
            anchored = journal.line
    runs.end()
    if not (records or journal.problem_count):
        journal.problem("holds no record: it is no audit trail, or all of it was taken away")
    elif records and wanted is not None and anchored is None:
        journal.problem(
            "is the last, and no record has the anchor: the end was cut off, or the file was"
            " written anew"
        )
    return Verification(
        records=records,
        runs=runs.count,
        head=journal.head,
        anchored=anchored,
        problems=tuple(journal.problems),
        problem_count=journal.problem_count,
        gaps=tuple(journal.torn + runs.unfinished),
    )


class _Runs:
    """Follows the runs of a trail from their beginnings to their ends."""

    def __init__(self) -> None:
        self.count = 0
        self.unfinished: list[Finding] = []
        self._since: int | None = None

    def follow(self, line: int, kind: str) -> None:
        if kind == "start":
            self.end()
            self.count += 1
            self._since = line
        elif kind in {"finish", "abort"}:
            self._since = None

    def end(self) -> None:
        if self._since is not None:
            what = "begins a run without an end: killed, still running, or cut off"
            self.unfinished.append(Finding(self._since, what))


def _check_anchor(anchor: str) -> str:
    lowered = anchor.strip().lower()
    if len(lowered) != _DIGEST_DIGITS or set(lowered) - set("0123456789abcdef"):
        raise SettingsError("an anchor is the 64 hex digits that a run printed at its end")
    return lowered
