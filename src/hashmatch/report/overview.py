"""Read the records of a scan back and add them up: what a report is made of.

Records are read as a stream. Memory grows with the rows shown, not with the files scanned.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from hashmatch.errors import InputError
from hashmatch.files import path_of, raising
from hashmatch.model import Cause, HashKind, Kind, Reason, Verdict
from hashmatch.report.checks import (
    MAX_BITS,
    MAX_QUALITY,
    UNUSABLE,
    Record,
    check_summary,
    expect,
    not_negative,
    parse,
    text,
    whole,
)
from hashmatch.report.records import SCHEMA
from hashmatch.text import count, printable

NO_CATEGORY = "(none)"
SHOWN_ROWS = 5_000

_STATE = b"SQLite format 3\0"
"""How a state begins (sqlite.org/fileformat.html)."""


@dataclass(frozen=True, slots=True)
class MatchRow:
    """An entry that a file is near, as a report shows it; names are made printable."""

    path: str
    list: str  # its name
    entry: str  # its id
    label: str  # of the entry; empty if it has none
    category: str  # of the entry; empty if it has none
    kind: str  # algorithm and width
    distance: int  # in bits
    threshold: int  # in bits
    view: str  # which reading of the file
    quality: int  # of that view, 0 to 100
    cause: str | None  # why it is only a candidate; None for a match
    # how many entries of the list are this near by chance; None if not known
    expected_false: float | None = None
    # whether the file was moved to the quarantine; None if it was not to be
    moved: bool | None = None


@dataclass(frozen=True, slots=True)
class GapRow:
    """A file that was not fully examined; names are made printable."""

    path: str
    reason: str
    detail: str  # the same in words


@dataclass(slots=True)
class Shares:
    """What one list, or one category, found."""

    files: int = 0  # files with a match
    candidates: int = 0  # files with candidates only
    entries: set[str] = field(default_factory=set)  # the entries that files are near


@dataclass(slots=True)
class Overview:
    """The results of one scan, added up."""

    source: str  # the name of the results' file
    sha256: str = ""  # the digest of that file as hex, which ties a report to it; empty for a state
    files: int = 0  # how many files have a record
    verdicts: Counter[str] = field(default_factory=Counter)  # how many files have each verdict
    # how many files were not fully examined, by reason
    reasons: Counter[str] = field(default_factory=Counter)
    # how many files are not pictures, by what they are instead
    kinds: Counter[str] = field(default_factory=Counter)
    # how many files were not read, by format
    unsupported: Counter[str] = field(default_factory=Counter)
    # how many files were moved to the quarantine, and how many could not be
    moved: Counter[bool] = field(default_factory=Counter)
    # how many matches lie at each distance in bits, by kind of hash
    distances: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    # the same of candidates
    candidate_distances: dict[str, Counter[int]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    # the largest threshold in bits, by kind of hash
    thresholds: dict[str, int] = field(default_factory=dict)
    # what each list found, by name
    lists: dict[str, Shares] = field(default_factory=lambda: defaultdict(Shares))
    # what each category of entries found
    categories: dict[str, Shares] = field(default_factory=lambda: defaultdict(Shares))
    matches: list[MatchRow] = field(default_factory=list)  # the rows shown
    more_matches: int = 0  # how many more there are
    gaps: list[GapRow] = field(default_factory=list)  # the rows shown of files not fully examined
    more_gaps: int = 0  # how many more there are
    summary: Record | None = None  # the last record; None if the results end without one

    def warnings(self) -> list[str]:
        """What to know before trusting the rest."""
        if self.summary is None:
            return ["The results end without a summary: the scan was killed, or the file was cut."]
        found = []
        if self.summary["run"].get("interrupted"):
            found.append("The scan was interrupted: some files were never reached.")
        counted = {name: self.verdicts[name] for name in self.summary["verdicts"]}
        if (self.files, counted) != (self.summary["files"], self.summary["verdicts"]):
            found.append(
                f"The summary counts {count(self.summary['files'], 'file')} and the results hold"
                f" {self.files:,}, or the verdicts differ: the results were cut or edited."
            )
        return found

    def files_a_second(self) -> float | None:
        """Throughput; None if the results do not say."""
        seconds = 0.0 if self.summary is None else float(self.summary["run"].get("seconds", 0))
        seconds = round(seconds, 3)  # the precision of a scan; less would give infinity
        return self.files / seconds if seconds > 0 else None

    def moves(self) -> tuple[int, int]:
        """How many files were moved to the quarantine, and how many could not be."""
        moves = {} if self.summary is None else self.summary.get("quarantine") or {}
        return moves.get("moved", self.moved[True]), moves.get("not_moved", self.moved[False])

    def take(self, record: Record, rows: int) -> None:
        """Add the record of a file, or the summary, which is the last; raises one of ``UNUSABLE``.

        ``rows`` is how many rows to keep of matches, and of files not fully examined.
        """
        if self.summary is not None or record["type"] not in {"file", "summary"}:
            raise ValueError("not a record of a scan, or one after its summary")
        if record["type"] == "summary":
            check_summary(record)
            self.summary = record
        else:
            self._add(record, rows)

    def _add(self, record: Record, limit: int) -> None:
        path = printable(path_of(record))
        self.files += 1
        self.verdicts[Verdict(record["verdict"]).value] += 1
        if record["verdict"] == Verdict.NOT_IMAGE:
            self.kinds[Kind(record.get("kind") or Kind.OTHER).value] += 1
        if record["reason"] is not None:
            reason = Reason(record["reason"]).value
            self.reasons[reason] += 1
            if reason == Reason.UNSUPPORTED_FORMAT:
                self.unsupported[printable(text(record.get("format")) or "other")] += 1
            self.add_gap(GapRow(path, reason, printable(text(record["detail"]))), limit)
        moved = None
        if "quarantine" in record:
            moved = record["quarantine"] is not None
            self.moved[moved] += 1
            if moved:
                whole(record["quarantine"])
        rows = [_match_row(path, match, moved) for match in expect(list, record["matches"])]
        self.more_matches += whole(whole(record["match_count"]) - len(rows))
        self.add_matches(rows, limit)

    def add_gap(self, row: GapRow, limit: int) -> None:
        """Keep the row of a file not fully examined, or count it once the table is full."""
        if len(self.gaps) < limit:
            self.gaps.append(row)
        else:
            self.more_gaps += 1

    def add_matches(self, rows: list[MatchRow], limit: int) -> None:
        """Count the matches of one file, and keep their rows until the table is full."""
        for row in rows:
            self._count(row)
            if len(self.matches) < limit:
                self.matches.append(row)
            else:
                self.more_matches += 1
        self._share(rows)

    def _count(self, row: MatchRow) -> None:
        distances = self.candidate_distances if row.cause else self.distances
        distances[row.kind][row.distance] += 1
        self.thresholds[row.kind] = max(self.thresholds.get(row.kind, 0), row.threshold)

    def _share(self, rows: list[MatchRow]) -> None:
        """Count the file once for each list, and once for each category, that it matches."""
        for shares, name in ((self.lists, "list"), (self.categories, "category")):
            strongest: dict[str, bool] = {}
            for row in rows:
                key = getattr(row, name) or NO_CATEGORY
                strongest[key] = strongest.get(key, False) or not row.cause
                shares[key].entries.add(row.entry)
            for key, is_match in strongest.items():
                shares[key].files += is_match
                shares[key].candidates += not is_match


def read_results(path: str | os.PathLike[str], *, rows: int = SHOWN_ROWS) -> Overview:
    """Read what ``hashmatch scan --format jsonl`` wrote.

    ``rows`` is how many rows to keep of matches, and of files not fully examined.

    Raises:
        InputError: the file cannot be read, or a line of it is not a record of a scan.
    """
    overview = Overview(printable(Path(path).name))
    digest = hashlib.sha256()
    with raising(InputError, "cannot be read", path), open(path, "rb") as file:
        if file.read(len(_STATE)) == _STATE:
            raise InputError("this is a state file: give it as --state FILE", path=os.fspath(path))
        file.seek(0)
        for number, line in enumerate(file, 1):
            digest.update(line)
            _take(overview, line, rows, os.fspath(path), number)
    overview.sha256 = digest.hexdigest()
    return overview


def _take(overview: Overview, line: bytes, rows: int, path: str, number: int) -> None:
    try:
        record = parse(line.decode("utf-8-sig"))
        schema = whole(record["schema"])
        if schema == SCHEMA:
            overview.take(record, rows)
    except UNUSABLE:
        raise InputError("not a record of a scan", path=path, line=number) from None
    if schema != SCHEMA:
        message = f"the record has schema {schema}, and this hashmatch reads {SCHEMA}"
        raise InputError(message, path=path, line=number)


def _match_row(path: str, match: Record, moved: bool | None) -> MatchRow:
    bits = whole(match["bits"], MAX_BITS)
    return MatchRow(
        path=path,
        list=printable(match["list"]),
        entry=printable(match["entry"]),
        label=printable(text(match["label"])),
        category=printable(text(match.get("category"))),
        kind=str(HashKind(printable(match["algorithm"]), bits)),
        distance=whole(match["distance"], bits),
        threshold=whole(match["threshold"], bits),
        view=printable(match["view"]),
        quality=whole(match["quality"], MAX_QUALITY),
        cause=None if match["cause"] is None else Cause(match["cause"]).value,
        expected_false=not_negative(match.get("expected_false")),
        moved=moved,
    )
