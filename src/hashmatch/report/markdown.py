"""A report as Markdown, for tickets and merge requests; and as JSON, for programs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from hashmatch.report.overview import Overview, settings_rows
from hashmatch.report.phrases import (
    EXIT_WORDS,
    REASONS,
    VERDICTS,
    exit_sentence,
    facts,
    list_rows,
    percent,
)
from hashmatch.report.records import SCHEMA

# What could begin a link, a picture, HTML, emphasis, code or another cell
_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|&~$@:])")


def to_markdown(overview: Overview) -> str:
    """The report as Markdown (tables as in GitHub Flavored Markdown)."""
    return "\n".join(_lines(overview))


def to_record(overview: Overview) -> dict[str, Any]:
    """The report as one JSON object."""
    return {
        "type": "report",
        "schema": SCHEMA,
        "source": overview.source,
        "sha256": overview.sha256 or None,
        "complete": overview.summary is not None and not overview.warnings(),
        "warnings": overview.warnings(),
        "files": overview.files,
        "files_a_second": overview.files_a_second(),
        "verdicts": {name: overview.verdicts[name] for name in VERDICTS},
        "reasons": {name: overview.reasons[name] for name in REASONS},
        "distances": _by_kind(overview.distances),
        "candidate_distances": _by_kind(overview.candidate_distances),
        "lists": _shares(overview.lists),
        "categories": _shares(overview.categories),
        "matches": [asdict(row) for row in overview.matches],
        "more_matches": overview.more_matches,
        "gaps": [asdict(row) for row in overview.gaps],
        "more_gaps": overview.more_gaps,
        "summary": overview.summary,
    }


def _by_kind(distances: dict[str, Any]) -> dict[str, dict[str, int]]:
    return {
        kind: {str(bits): counts[bits] for bits in sorted(counts)}
        for kind, counts in sorted(distances.items())
        if counts
    }


def _shares(shares: dict[str, Any]) -> dict[str, dict[str, int]]:
    return {
        name: {
            "files": share.files,
            "candidates": share.candidates,
            "entries": len(share.entries),
        }
        for name, share in sorted(shares.items())
    }


def _lines(overview: Overview) -> Iterator[str]:
    code = None if overview.summary is None else int(overview.summary["exit_code"])
    yield "# Scan report\n"
    yield _escape(EXIT_WORDS[None] if code is None else exit_sentence(code)) + "\n"
    for warning in overview.warnings():
        yield f"**{_escape(warning)}**\n"
    yield from _table(
        ("verdict", "files", "share", "meaning"),
        (
            (title, f"{count:,}", percent(count, overview.files), meaning)
            for name, (title, meaning) in VERDICTS.items()
            for count in (overview.verdicts[name],)
        ),
    )
    yield from _section(
        "Not examined, by reason",
        ("reason", "files"),
        ((REASONS[name], f"{count:,}") for name, count in overview.reasons.most_common()),
    )
    yield from _section(
        "Near entries by distance", ("kind", "distance", "matches", "candidates"), _near(overview)
    )
    for title, shares in (("list", overview.lists), ("category", overview.categories)):
        yield from _section(
            f"By {title}",
            (title, "files matched", "candidates only", "entries"),
            (
                (name, f"{share.files:,}", f"{share.candidates:,}", f"{len(share.entries):,}")
                for name, share in sorted(shares.items())
            ),
        )
    yield from _section("The run", ("", ""), facts(overview))
    if overview.summary is not None:
        yield from _section("Settings", ("", ""), settings_rows(overview.summary["settings"]))
    yield from _section(
        "Lists", ("list", "version", "created", "entries", "digest"), list_rows(overview)
    )
    yield from _rows(overview)
    yield f"Made from {_escape(overview.origin)}.\n"


def _rows(overview: Overview) -> Iterator[str]:
    yield from _section(
        "Near entries",
        ("file", "kind", "distance", "within", "entry", "label", "view"),
        (
            (
                row.path,
                "candidate" if row.candidate else "match",
                str(row.distance),
                f"{row.threshold} of {row.kind}",
                f"{row.list} / {row.entry}",
                row.label,
                row.view,
            )
            for row in overview.matches
        ),
    )
    if overview.more_matches:
        yield f"{overview.more_matches:,} more are in the results.\n"
    yield from _section(
        "Not examined",
        ("file", "reason", "detail"),
        ((row.path, REASONS[row.reason], row.detail) for row in overview.gaps),
    )
    if overview.more_gaps:
        yield f"{overview.more_gaps:,} more are in the results.\n"


def _near(overview: Overview) -> Iterator[Sequence[str]]:
    for kind in sorted({*overview.distances, *overview.candidate_distances}):
        matches, candidates = overview.distances[kind], overview.candidate_distances[kind]
        for bits in sorted({*matches, *candidates}):
            yield kind, str(bits), f"{matches[bits]:,}", f"{candidates[bits]:,}"


def _section(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    body = list(rows)
    if body:
        yield f"## {title}\n"
        yield from _table(head, body)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(_escape(cell) for cell in row)} |"
    yield ""


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
