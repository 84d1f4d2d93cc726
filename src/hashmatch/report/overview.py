"""The records of a scan, read again and put together: what a report is made of.

Read as a stream, so that the results of millions of files do: memory grows with the matches shown
and the kinds of things counted, and not with the files.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hashmatch.errors import InputError
from hashmatch.files import path_of
from hashmatch.model import Reason, Verdict
from hashmatch.report.checks import (
    MAX_BITS,
    MAX_QUALITY,
    UNUSABLE,
    Record,
    check_summary,
    expect,
    parse,
    text,
    whole,
)
from hashmatch.report.records import SCHEMA
from hashmatch.text import printable

NO_CATEGORY = "(none)"
SHOWN_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class MatchRow:
    """A near entry of a file, as a report shows it; names are made printable.

    Attributes:
        path: of the file.
        list: the name of the list.
        entry: the entry's id.
        label: the entry's label, empty where it has none.
        category: the entry's category, empty where it has none.
        kind: algorithm and width.
        distance: in bits.
        threshold: in bits.
        view: which reading of the file.
        quality: of that view, 0 to 100.
        candidate: of too little detail for a match.
    """

    path: str
    list: str
    entry: str
    label: str
    category: str
    kind: str
    distance: int
    threshold: int
    view: str
    quality: int
    candidate: bool


@dataclass(frozen=True, slots=True)
class GapRow:
    """A file that was not, or not wholly, examined; names are made printable.

    Attributes:
        path: of the file.
        reason: why.
        detail: the same in words.
    """

    path: str
    reason: str
    detail: str


@dataclass(slots=True)
class Shares:
    """Of one list, or one category: how many files and entries it found, and how many times.

    Attributes:
        files: files with a match of it.
        candidates: files with a mere candidate of it.
        entries: different entries that a file was near to.
    """

    files: int = 0
    candidates: int = 0
    entries: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Overview:
    """What the results of one scan amount to.

    Attributes:
        source: the name of the results' file.
        sha256: the digest of the results' file, as hex, so that a report can be tied to it; empty
            where it was made from a state.
        files: records of files.
        verdicts: how many files ended in each.
        reasons: how many files, or parts of them, were not examined, for each reason.
        distances: for each kind of hash, how many matches named lie at each distance in bits.
        candidate_distances: the same of candidates with little detail.
        thresholds: for each kind of hash, the largest distance that counted as near, in bits.
        lists: for each list by name.
        categories: for each category of the entries.
        matches: the rows shown.
        more_matches: how many more there are.
        gaps: the rows shown of what was not examined.
        more_gaps: how many more there are.
        summary: the last record; None where the results end without one.
    """

    source: str
    sha256: str = ""
    files: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    distances: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    candidate_distances: dict[str, Counter[int]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    thresholds: dict[str, int] = field(default_factory=dict)
    lists: dict[str, Shares] = field(default_factory=lambda: defaultdict(Shares))
    categories: dict[str, Shares] = field(default_factory=lambda: defaultdict(Shares))
    matches: list[MatchRow] = field(default_factory=list)
    more_matches: int = 0
    gaps: list[GapRow] = field(default_factory=list)
    more_gaps: int = 0
    summary: Record | None = None

    def warnings(self) -> list[str]:
        """What a reader must know before believing the rest."""
        if self.summary is None:
            return ["The results end without a summary: the scan was killed, or the file was cut."]
        found = []
        if self.summary["run"].get("interrupted"):
            found.append("The scan was interrupted: there are files that it never came to.")
        counted = {name: self.verdicts[name] for name in self.summary["verdicts"]}
        if (self.files, counted) != (self.summary["files"], self.summary["verdicts"]):
            found.append(
                f"The summary counts {self.summary['files']:,} files and the results hold"
                f" {self.files:,}, or other verdicts: they were cut or edited."
            )
        return found

    def files_a_second(self) -> float | None:
        """Throughput; None where the results do not tell."""
        seconds = 0.0 if self.summary is None else float(self.summary["run"].get("seconds", 0))
        seconds = round(seconds, 3)  # as a scan tells them; what is less would make it infinite
        return self.files / seconds if seconds > 0 else None

    @property
    def origin(self) -> str:
        """What the report was made from, in words."""
        return (
            f"{self.source}, SHA-256 {self.sha256}" if self.sha256 else f"the state {self.source}"
        )

    def take(self, record: Record, rows: int) -> None:
        """Follow one record.

        Args:
            record: of a file, or the summary, which is the last.
            rows: how many to keep of matches, and of files not examined.

        Raises:
            UNUSABLE: it is neither.
        """
        if self.summary is not None or record["type"] not in {"file", "summary"}:
            raise ValueError("no record of a scan, or one behind its summary")
        if record["type"] == "summary":
            check_summary(record)
            self.summary = record
        else:
            self._add(record, rows)

    def _add(self, record: Record, limit: int) -> None:
        path = printable(path_of(record))
        self.files += 1
        self.verdicts[Verdict(record["verdict"]).value] += 1
        if record["reason"] is not None:
            reason = Reason(record["reason"]).value
            self.reasons[reason] += 1
            self.add_gap(GapRow(path, reason, printable(text(record["detail"]))), limit)
        rows = [_match_row(path, match) for match in expect(list, record["matches"])]
        self.more_matches += whole(whole(record["match_count"]) - len(rows))
        self.add_matches(rows, limit)

    def add_gap(self, row: GapRow, limit: int) -> None:
        """Show what was not examined, or count it where the table is full."""
        if len(self.gaps) < limit:
            self.gaps.append(row)
        else:
            self.more_gaps += 1

    def add_matches(self, rows: list[MatchRow], limit: int) -> None:
        """Count the near entries of one file, and show them where the table is not full."""
        for row in rows:
            self._count(row)
            if len(self.matches) < limit:
                self.matches.append(row)
            else:
                self.more_matches += 1
        self._share(rows)

    def _count(self, row: MatchRow) -> None:
        distances = self.candidate_distances if row.candidate else self.distances
        distances[row.kind][row.distance] += 1
        self.thresholds[row.kind] = max(self.thresholds.get(row.kind, 0), row.threshold)

    def _share(self, rows: list[MatchRow]) -> None:
        """Count a file once for each list and category that it is near to an entry of."""
        for shares, name in ((self.lists, "list"), (self.categories, "category")):
            strongest: dict[str, bool] = {}
            for row in rows:
                key = getattr(row, name) or NO_CATEGORY
                strongest[key] = strongest.get(key, False) or not row.candidate
                shares[key].entries.add(row.entry)
            for key, is_match in strongest.items():
                shares[key].files += is_match
                shares[key].candidates += not is_match


def read_results(path: str | os.PathLike[str], *, rows: int = SHOWN_ROWS) -> Overview:
    """Read what ``hashmatch scan --format jsonl`` wrote.

    Args:
        path: the file.
        rows: how many matches, and how many files not examined, to keep for tables.

    Raises:
        InputError: it cannot be read, or is no such file; says in which line.
    """
    overview = Overview(printable(Path(path).name))
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                digest.update(line)
                _take(overview, line, rows, os.fspath(path), number)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise InputError(f"cannot read it: {why}", path=os.fspath(path)) from error
    overview.sha256 = digest.hexdigest()
    return overview


def _take(overview: Overview, line: bytes, rows: int, path: str, number: int) -> None:
    try:
        record = parse(line.decode("utf-8-sig"))
        schema = whole(record["schema"])
        if schema == SCHEMA:
            overview.take(record, rows)
    except UNUSABLE:
        raise InputError("it is no record of a scan", path=path, line=number) from None
    if schema != SCHEMA:
        message = f"it is of schema {schema}, and this hashmatch reads {SCHEMA}"
        raise InputError(message, path=path, line=number)


def _match_row(path: str, match: Record) -> MatchRow:
    bits = whole(match["bits"], MAX_BITS)
    return MatchRow(
        path=path,
        list=printable(match["list"]),
        entry=printable(match["entry"]),
        label=printable(text(match["label"])),
        category=printable(text(match.get("category"))),
        kind=f"{printable(match['algorithm'])}-{bits}",
        distance=whole(match["distance"], bits),
        threshold=whole(match["threshold"], bits),
        view=printable(match["view"]),
        quality=whole(match["quality"], MAX_QUALITY),
        candidate=expect(bool, match["low_information"]),
    )


def settings_rows(value: Record, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings, one a row, with names such as ``limits.max_pixels``."""
    for name, inner in value.items():
        place = f"{prefix}{printable(name)}"
        if isinstance(inner, Mapping):
            yield from settings_rows(inner, f"{place}.")
        else:
            yield place, shown(inner)


def shown(value: object) -> str:
    """A setting's value for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(shown(each) for each in value) or "(none)"
    return "(not set)" if value is None else printable(str(value))
