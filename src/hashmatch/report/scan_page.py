"""Write the report of a scan: as a page for people, or as JSON for programs."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import Any

from hashmatch.report import phrases
from hashmatch.report.chance import expectation
from hashmatch.report.overview import NO_CATEGORY, Overview, Shares
from hashmatch.report.pages import render
from hashmatch.report.records import SCHEMA
from hashmatch.report.svg import Plot, Scale
from hashmatch.text import count


def to_html(overview: Overview) -> str:
    """The report as a page, which shows no pictures and no hashes."""
    kinds = sorted({*overview.distances, *overview.candidate_distances})
    summary = overview.summary or {}
    expected = summary.get("expected_false")
    return render(
        "scan.html.j2",
        script="tables.js",
        overview=overview,
        expectation=expectation(expected) if expected else "",
        headline=phrases.headline(overview),
        verdicts=phrases.VERDICTS,
        reasons=phrases.REASONS,
        causes=phrases.CAUSES,
        histograms=[(kind, _histogram(overview, kind)) for kind in kinds],
        shares=[
            (title, sorted(shares.items(), key=lambda each: (-each[1].files, each[0])))
            for title, shares in (("list", overview.lists), ("category", overview.categories))
            if set(shares) - {NO_CATEGORY}
        ],
        facts=phrases.facts(overview),
        settings=phrases.settings_rows(summary.get("settings", {})),
    )


def to_json(overview: Overview) -> str:
    """The report as one JSON object."""
    record: dict[str, Any] = {
        "type": "report",
        "schema": SCHEMA,
        "source": overview.source,
        "sha256": overview.sha256 or None,
        "complete": overview.summary is not None and not overview.warnings(),
        "warnings": overview.warnings(),
        "files": overview.files,
        "files_a_second": overview.files_a_second(),
        "verdicts": {name: overview.verdicts[name] for name in phrases.VERDICTS},
        "reasons": {name: overview.reasons[name] for name in phrases.REASONS},
        "kinds": dict(sorted(overview.kinds.items())),
        "unsupported": dict(sorted(overview.unsupported.items())),
        "moves": dict(zip(("moved", "not_moved"), overview.moves(), strict=True)),
        "distances": _by_kind(overview.distances),
        "candidate_distances": _by_kind(overview.candidate_distances),
        "lists": _counted(overview.lists),
        "categories": _counted(overview.categories),
        "matches": [asdict(row) for row in overview.matches],
        "more_matches": overview.more_matches,
        "gaps": [asdict(row) for row in overview.gaps],
        "more_gaps": overview.more_gaps,
        "summary": overview.summary,
    }
    return json.dumps(record, indent=2) + "\n"


def _by_kind(distances: dict[str, Counter[int]]) -> dict[str, dict[str, int]]:
    return {
        kind: {str(bits): number for bits, number in sorted(counts.items())}
        for kind, counts in sorted(distances.items())
        if counts
    }


def _counted(shares: dict[str, Shares]) -> dict[str, dict[str, int]]:
    return {
        name: {**asdict(share), "entries": len(share.entries)}
        for name, share in sorted(shares.items())
    }


def _histogram(overview: Overview, kind: str) -> str:
    """How many matches and candidates lie at each distance, from 0 to the threshold."""
    matches, candidates = overview.distances[kind], overview.candidate_distances[kind]
    both = matches + candidates
    plot = Plot(
        f"Matches by distance in bits: {kind}",
        Scale(-0.5, max(overview.thresholds[kind], *both) + 0.5),
        Scale(0, max(both.values())),
        width=560,
        height=240,
    )
    plot.axes("distance in bits", "matches", _if_whole, _if_whole)
    for bits, total in both.items():
        # Candidates stand on the matches, which are drawn over them
        for style, number, tall, words in (
            ("candidate", candidates[bits], total, ("candidate", "candidates")),
            ("match", matches[bits], matches[bits], ("match", "matches")),
        ):
            if number:
                hint = f"{count(number, *words)} at {count(bits, 'bit')}"
                plot.bar(style, bits - 0.4, bits + 0.4, tall, hint)
    return plot.text()


def _if_whole(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else ""
