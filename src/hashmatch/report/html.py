"""A report as one page of HTML that needs nothing else: no network, no picture, no hash.

Its Content-Security-Policy (W3C, CSP Level 3) lets the page's own style sheet and its own script
run, by their digests, and nothing else whatever: even a name that slipped through unescaped could
neither run nor load anything.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib import resources

from hashmatch.report.overview import NO_CATEGORY, Overview, Shares, settings_rows
from hashmatch.report.phrases import (
    EXIT_WORDS,
    REASONS,
    VERDICTS,
    exit_sentence,
    facts,
    list_rows,
    percent,
)
from hashmatch.report.plots import bars, histogram, share_bar
from hashmatch.text import printable


def to_html(overview: Overview) -> str:
    """The page."""
    style, script = _resource("report.css"), _resource("report.js")
    policy = (
        f"default-src 'none'; style-src '{_source(style)}'; script-src '{_source(script)}';"
        " base-uri 'none'; form-action 'none'"
    )
    body = "\n".join(part for part in _parts(overview) if part)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>Scan report: {escape(overview.source)}</title>\n<style>{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n<script>{script}</script>\n</body>\n</html>\n"
    )


def _resource(name: str) -> str:
    return resources.files("hashmatch.report").joinpath(name).read_text("utf-8")


def _source(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _parts(overview: Overview) -> Iterator[str]:
    yield _head(overview)
    yield _verdicts(overview)
    yield _section("How near, and what was missed", _charts(overview))
    yield _section("By list and category", _shares(overview))
    yield _section("How it was run", _run(overview))
    yield _section("Near entries", _matches(overview), "near")
    yield _section("Not examined", _gaps(overview), "gaps")
    yield (
        '<footer class="note"><p>This page shows no picture and no hash; entries are named by the'
        " ids of their lists. A match is a reason for a human to look, and no finding."
        f' Made from <span class="mono">{escape(overview.origin)}</span>.</p></footer>'
    )


def _section(heading: str, body: str, name: str = "") -> str:
    anchor = f' id="{name}"' if name else ""
    return f"<section{anchor}><h2>{escape(heading)}</h2>{body}</section>" if body else ""


def _paragraph(text: str, style: str = "soft") -> str:
    return f'<p class="{style}">{escape(text)}</p>'


def _head(overview: Overview) -> str:
    warnings = "".join(_paragraph(text, "warning") for text in overview.warnings())
    code = None if overview.summary is None else int(overview.summary["exit_code"])
    sentence = EXIT_WORDS[None] if code is None else exit_sentence(code)
    run = {} if overview.summary is None else overview.summary["run"]
    started = printable(run.get("started") or "")
    when = f"{started[:10]} {started[11:16]} UTC · " if started else ""
    links = (
        '<p class="soft">Below: <a href="#near">near entries</a>,'
        ' <a href="#gaps">not examined</a></p>'
    )
    return (
        f"<header><h1>Scan report</h1>{_paragraph(f'{when}{overview.files:,} files')}"
        f"<p>{escape(sentence)}</p>{links}{warnings}</header>"
    )


def _verdicts(overview: Overview) -> str:
    tiles = "".join(
        f'<li class="{name}"><b>{overview.verdicts[name]:,}</b><span class="name">{title}</span>'
        f"<span>{percent(overview.verdicts[name], overview.files)}, {meaning}</span></li>"
        for name, (title, meaning) in VERDICTS.items()
    )
    return f'<ul class="tiles">{tiles}</ul>{share_bar(overview.verdicts)}'


def _matches(overview: Overview) -> str:
    if not overview.matches:
        return _paragraph("No file is near to any entry.")
    categories = any(row.category for row in overview.matches)
    head = ["file", "kind", "#distance", "within", "entry", "view", "#quality"]
    rows = (
        (
            ("path", row.path),
            ("pill p-candidate", "candidate") if row.candidate else ("pill p-match", "match"),
            ("number", str(row.distance)),
            ("", f"{row.threshold} of {row.kind}"),
            ("", f"{row.list} / {row.entry}\n{row.label}".rstrip()),
            ("", row.view),
            ("number", str(row.quality)),
            *([("", row.category)] if categories else []),
        )
        for row in overview.matches
    )
    head += ["category"] if categories else []
    more = (
        f"{overview.more_matches:,} more are in the results and not in this table."
        if overview.more_matches
        else ""
    )
    return _live_table(head, rows, more)


def _gaps(overview: Overview) -> str:
    if not overview.gaps:
        return _paragraph("Every file was wholly examined.")
    rows = (
        (("path", row.path), ("pill p-gap", REASONS[row.reason]), ("", row.detail))
        for row in overview.gaps
    )
    more = (
        f"{overview.more_gaps:,} more are in the results and not in this table."
        if overview.more_gaps
        else ""
    )
    return _live_table(("file", "reason", "detail"), rows, more)


def _charts(overview: Overview) -> str:
    figures = []
    for kind in sorted({*overview.distances, *overview.candidate_distances}):
        matches, candidates = overview.distances[kind], overview.candidate_distances[kind]
        threshold = overview.thresholds[kind]
        total = matches.total() + candidates.total()
        figures.append(
            f"<figure><h3>{escape(kind)}</h3>{histogram(matches, candidates, threshold)}"
            f"<figcaption>{total:,} near entries, within {threshold} bits. Those at the right edge"
            " are the likeliest false matches."
            + (" Candidates with little detail are blue." if candidates else "")
            + "</figcaption></figure>"
        )
    if overview.reasons:
        counted = [(REASONS[reason], count) for reason, count in overview.reasons.most_common()]
        figures.append(
            f"<figure><h3>Not examined, by reason</h3>{bars(counted, 'unscanned')}"
            "<figcaption>A file with a match counts here too, where the rest of it was not"
            " examined.</figcaption></figure>"
        )
    return f'<div class="cards">{"".join(figures)}</div>' if figures else ""


def _shares(overview: Overview) -> str:
    tables = [
        _share_table(title, shares)
        for title, shares in (("list", overview.lists), ("category", overview.categories))
        if set(shares) - {NO_CATEGORY}
    ]
    return f'<div class="cards">{"".join(tables)}</div>' if tables else ""


def _share_table(title: str, shares: dict[str, Shares]) -> str:
    rows = [
        (
            ("", name),
            ("number", f"{share.files:,}"),
            ("number", f"{share.candidates:,}"),
            ("number", f"{len(share.entries):,}"),
        )
        for name, share in sorted(shares.items(), key=lambda each: (-each[1].files, each[0]))
    ]
    return _table((title, "#files matched", "#candidates only", "#entries"), rows)


def _run(overview: Overview) -> str:
    parts = [_pairs("The run", facts(overview))]
    if overview.summary is not None:
        parts.append(_pairs("Settings", settings_rows(overview.summary["settings"])))
    lists = _table(
        ("list", "version", "created", "#entries", "digest"),
        [
            (*(("", text) for text in row[:3]), ("number", row[3]), ("mono", row[4]))
            for row in list_rows(overview)
        ],
    )
    return f'<div class="cards">{"".join(parts)}</div><h3 class="lists">Lists</h3>{lists}'


def _pairs(title: str, rows: Iterable[tuple[str, str]]) -> str:
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in rows
    )
    caption = f"<caption>{escape(title)}</caption>"
    return f'<div class="wide"><table>{caption}<tbody>{body}</tbody></table></div>'


Cells = Iterable[tuple[str, str]]


def _live_table(head: Sequence[str], rows: Iterable[Cells], more: str) -> str:
    """A table that the script makes sortable, with a field to filter it."""
    note = _paragraph(more) if more else ""
    return (
        '<div class="tools" hidden><input type="search" placeholder="Filter rows"'
        ' aria-label="Filter rows"><output class="note"></output></div>'
        f"{_table(head, rows, 'live')}{note}"
    )


def _table(head: Sequence[str], rows: Iterable[Cells], style: str = "") -> str:
    """A table; headings that begin with ``#`` are those of numbers."""
    titles = "".join(_heading(title) for title in head)
    body = "\n".join(f"<tr>{''.join(_cell(*cell) for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="wide"><table class="{style}"><thead><tr>{titles}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _heading(title: str) -> str:
    style = ' class="number"' if title.startswith("#") else ""
    return f'<th scope="col"{style}>{escape(title.removeprefix("#"))}</th>'


def _cell(style: str, text: str) -> str:
    text, _, below = escape(text).partition("\n")
    if below:
        text += f'<span class="below"> {below}</span>'
    if style.startswith("pill"):
        return f'<td><span class="{style}">{text}</span></td>'
    return f'<td class="{style}">{text}</td>' if style else f"<td>{text}</td>"
