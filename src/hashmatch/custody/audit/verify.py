"""Check an audit trail."""

from __future__ import annotations

import os
from dataclasses import dataclass

from hashmatch.custody.journal import JournalProblem, JournalReader
from hashmatch.errors import SettingsError

_DIGEST_DIGITS = 64
_NO_END = "begins a run that has no end: it was killed, is still running, or was cut off"


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of checking an audit trail.

    Attributes:
        records: how many whole records there are.
        runs: how many runs began.
        head: the digest of the last whole record; None if there is none.
        anchored: the line of the record whose digest is the anchor; None without an anchor, or if
            no record has it. Up to that line, nothing has changed since the anchor was taken.
        problems: the first 100 signs that records were edited, removed, added or moved.
        problem_count: how many such signs there are.
        gaps: what is missing without a sign of tampering: runs without an end, and torn lines.
    """

    records: int
    runs: int
    head: str | None
    anchored: int | None
    problems: tuple[JournalProblem, ...]
    problem_count: int
    gaps: tuple[JournalProblem, ...]


def verify(path: str | os.PathLike[str], *, anchor: str | None = None) -> Verification:
    """Check every record of an audit trail and the chain of their digests.

    Without an anchor, nothing can show that records were cut off at the end, or that someone who
    knows how rewrote the whole file.

    Args:
        path: the file.
        anchor: the head of an earlier run, kept elsewhere since.

    Raises:
        InputError: the file cannot be read.
        SettingsError: the anchor is not a SHA-256 in hex.
    """
    wanted = None if anchor is None else _check_anchor(anchor)
    journal = JournalReader(path)
    records = runs = 0
    anchored, running = None, False
    unfinished: list[int] = []  # the lines at which runs begin that have no end
    for record in journal:
        records += 1
        kind = record["event"]["type"]
        if kind == "start":
            runs, running = runs + 1, True
            unfinished.append(journal.line)
        elif running and kind in {"finish", "abort"}:
            running = False
            unfinished.pop()
        if record["digest"] == wanted:
            anchored = journal.line
    if not records:
        _explain_no_records(journal)
    elif wanted is not None and anchored is None:
        journal.problem(
            "is the last, and no record has the anchor: the end was cut off, or the file was"
            " rewritten"
        )
    return Verification(
        records=records,
        runs=runs,
        head=journal.head,
        anchored=anchored,
        problems=tuple(journal.problems),
        problem_count=journal.problem_count,
        gaps=(*journal.torn, *(JournalProblem(line, _NO_END) for line in unfinished)),
    )


def _explain_no_records(journal: JournalReader) -> None:
    if journal.line and not journal.begins_like_one:
        # Some other file: to call each of its lines edited would mislead
        journal.problems, journal.torn = [], []
        journal.problems.append(JournalProblem(1, "not an audit trail"))
        journal.problem_count = 1
    elif not journal.problem_count:
        journal.problem("has no record: all were removed, or this is not an audit trail")


def _check_anchor(anchor: str) -> str:
    lowered = anchor.strip().lower()
    if len(lowered) != _DIGEST_DIGITS or set(lowered) - set("0123456789abcdef"):
        raise SettingsError("an anchor is the 64 hex digits that a run printed as its audit head")
    return lowered
