"""A report's overview from what a state keeps, where the records of its scans were not."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hashmatch.errors import InputError
from hashmatch.model import MEMBER_MARK
from hashmatch.report.checks import UNUSABLE, check_summary, parse
from hashmatch.report.overview import SHOWN_ROWS, GapRow, MatchRow, Overview
from hashmatch.state import State, path_of_key
from hashmatch.text import printable

_LATEST = """
SELECT id, summary FROM runs WHERE command = 'scan' AND summary NOT NULL ORDER BY id DESC LIMIT 1
"""

_MATCHES = """
SELECT sha256, fingerprint, list, entry, label, category, algorithm, bits, distance, threshold,
       view, quality, low_information
FROM matches WHERE last_run >= ? ORDER BY sha256, low_information, distance, id
"""

# Looked up row by row: IN would gather all of the matches anew for each page
_FILES = """
SELECT key, member, name, sha256, reason, detail FROM files
WHERE (key, member) > (?, ?) AND gone IS NULL AND (reason NOT NULL OR EXISTS (
    SELECT 1 FROM matches WHERE matches.sha256 = files.sha256 AND last_run >= ?
))
ORDER BY key, member LIMIT ?
"""

_PAGE = 1_000

Matches = Mapping[bytes, Sequence[tuple[Any, ...]]]


def read_state(path: str | os.PathLike[str], *, rows: int = SHOWN_ROWS) -> Overview:
    """Put together what is known of the last scan that ended.

    Its counts, settings and lists are those of its summary. Matches are those found by it or by a
    re-match since, without those that a review took back, at every place where such a content lies.
    Files that were found gone are left out.

    Args:
        path: the state.
        rows: how many matches, and how many files not examined, to keep for tables.

    Raises:
        InputError: it cannot be read, or no scan has ended with it.
        OutputError: it is locked for too long.
    """
    with State(path, create=False, lock=False) as state:
        runs = state.read(_LATEST)
        if not runs:
            raise InputError("no scan has ended with this state yet", path=os.fspath(path))
        run, text = runs[0]
        overview = _begun(printable(Path(path).name), text, os.fspath(path))
        matches = _matches(state, run)
        for key, name, sha256, reason, detail in _files(state, run):
            member = b"" if name is None else MEMBER_MARK + name
            shown = printable(path_of_key(key) + member)
            if reason is not None:
                overview.add_gap(GapRow(shown, reason, printable(detail or "")), rows)
            found = [_row(shown, match) for match in matches.get(sha256, ())]
            overview.add_matches(found, rows)
    return overview


def _begun(source: str, text: str, path: str) -> Overview:
    try:
        summary = parse(text)
        check_summary(summary)
    except UNUSABLE:
        raise InputError("the summary of its last scan makes no sense", path=path) from None
    overview = Overview(source, files=summary["files"], summary=summary)
    overview.verdicts.update(summary["verdicts"])
    overview.reasons.update({name: count for name, count in summary["reasons"].items() if count})
    return overview


def _files(state: State, run: int) -> Iterator[tuple[Any, ...]]:
    """Files with a match or not examined, a page at a time: there may be millions."""
    last: tuple[bytes, int] = (b"", -1)
    while page := state.read(_FILES, (*last, run, _PAGE)):
        for key, member, *told in page:
            yield key, *told
            last = key, member


def _matches(state: State, run: int) -> Matches:
    """The matches of each content, but those that a review took back."""
    suppressed = state.suppressed()
    found: defaultdict[bytes, list[tuple[Any, ...]]] = defaultdict(list)
    for sha256, fingerprint, *match in state.read(_MATCHES, (run,)):
        if (match[0], match[1], fingerprint) not in suppressed.get(sha256, frozenset()):
            found[sha256].append(tuple(match))
    return found


def _row(path: str, match: Sequence[Any]) -> MatchRow:
    name, entry, label, category, algorithm, bits, *rest = match
    distance, threshold, view, quality, low = rest
    return MatchRow(
        path=path,
        list=printable(name),
        entry=printable(entry),
        label=printable(label or ""),
        category=printable(category or ""),
        kind=printable(f"{algorithm}-{bits}"),
        distance=distance,
        threshold=threshold,
        view=printable(view),
        quality=quality,
        candidate=bool(low),
    )
