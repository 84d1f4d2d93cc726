"""Make a report's overview from a state, for scans whose records were not kept."""

from __future__ import annotations

import os
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hashmatch.errors import InputError
from hashmatch.model import MEMBER_MARK, HashKind
from hashmatch.report.checks import UNUSABLE, check_summary, parse
from hashmatch.report.overview import SHOWN_ROWS, GapRow, MatchRow, Overview
from hashmatch.state import State, cases_beside, path_of_key
from hashmatch.text import printable

if TYPE_CHECKING:
    from hashmatch.cases import CaseMatch


def read_state(
    path: str | os.PathLike[str], *, cases: str | None = None, rows: int = SHOWN_ROWS
) -> Overview:
    """Sum up the last completed scan in a state.

    Counts, settings and lists are those of its summary. Matches are those that it, or a later
    rematch, found, except those that a review rejected; a content that is in several places counts
    in each. Files that have gone are left out. ``cases`` is None for the store beside the state;
    ``rows`` is how many matches to keep, and how many files that were not fully examined.

    Raises:
        InputError: the state or the case store cannot be read, or no scan has ended with it.
        OutputError: the state stays locked for too long.
    """
    with State(path, create=False, lock=False) as state:
        last = state.runs.last_scan()
        if last is None:
            raise InputError("no scan has ended with this state yet", path=os.fspath(path))
        began, text = last
        overview = _begun(printable(Path(path).name), text, os.fspath(path))
        matches = _found(cases, cases_beside(path), began)
        for key, name, contents, reason, detail in state.files.to_report(matches):
            member = b"" if name is None else MEMBER_MARK + name
            shown = printable(path_of_key(key) + member)
            if reason is not None:
                overview.add_gap(GapRow(shown, reason, printable(detail or "")), rows)
            found = [_row(shown, match) for match in matches.get(contents or b"", ())]
            overview.add_matches(found, rows)
    return overview


def _found(place: str | None, beside: str, began: datetime) -> dict[bytes, list[CaseMatch]]:
    """The matches since a scan began, by the SHA-256 of their content."""
    if place is None and not Path(beside).exists():
        return {}  # a scan makes it once something is near an entry
    from hashmatch.cases import Cases  # noqa: PLC0415 # slow to import, and scans import this room

    found: defaultdict[bytes, list[CaseMatch]] = defaultdict(list)
    with Cases(place or beside, create=False) as opened:
        for content, match in opened.found_since(began):
            kind, _, value = content.partition(":")
            if kind == "sha256":
                found[bytes.fromhex(value)].append(match)
    return found


def _begun(source: str, text: str, path: str) -> Overview:
    try:
        summary = parse(text)
        check_summary(summary)
    except UNUSABLE:
        raise InputError("the summary of its last scan is damaged", path=path) from None
    overview = Overview(source, files=summary["files"], summary=summary)
    overview.verdicts.update(summary["verdicts"])
    overview.reasons.update({name: count for name, count in summary["reasons"].items() if count})
    overview.kinds.update({printable(name): n for name, n in summary.get("kinds", {}).items()})
    overview.unsupported.update(
        {printable(name): n for name, n in summary.get("unsupported", {}).items()}
    )
    return overview


def _row(path: str, match: CaseMatch) -> MatchRow:
    return MatchRow(
        path=path,
        list=printable(match.list),
        entry=printable(match.entry),
        label=printable(match.label or ""),
        category=printable(match.category or ""),
        kind=printable(str(HashKind(match.algorithm, match.bits))),
        distance=match.distance,
        threshold=match.threshold,
        view=printable(match.view),
        quality=match.quality,
        cause=match.cause,
        expected_false=match.expected_false,
    )
