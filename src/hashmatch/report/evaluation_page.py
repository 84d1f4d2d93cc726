"""An evaluation as one page of HTML that needs nothing else: no script, no picture, no network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources
from typing import Any

from hashmatch.report import charts, numbers
from hashmatch.report.heat import heat_map

Record = dict[str, Any]


def to_html(record: Record) -> str:
    """The page."""
    style = resources.files("hashmatch.report").joinpath("page.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    # Only this very style sheet may be applied, and nothing whatever may be loaded
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    body = "\n".join(part for part in _parts(record) if part)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>Threshold evaluation</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n"
        f"{body}\n</main>\n</body>\n</html>\n"
    )


def _parts(record: Record) -> Iterable[str]:
    yield _head(record)
    yield _baseline(record["baseline"])
    yield _section("Recommended thresholds", _recommendations(record))
    yield _section("Against your own list", "".join(map(_list, record["lists"])))
    yield _section("How well the rules tell pictures apart", charts.roc(record))
    yield _section(
        "False matches a day",
        _grid(charts.daily(record, number) for number in range(len(record["rules"]))),
    )
    yield _section("What is found", _grid(map(heat_map, record["rules"])))
    yield _section("Distances", _grid(map(charts.histogram, record["distances"])))
    yield _section("Other lists and other volumes", _volumes(record))
    yield _section("Pictures that a human labelled", _labels(record))
    yield _section("Pictures to look at", _closest(record))
    yield _section("How this was done", _method(record))


def _section(heading: str, body: str) -> str:
    return f"<section><h2>{escape(heading)}</h2>{body}</section>" if body else ""


def _grid(figures: Iterable[str]) -> str:
    return f'<div class="grid">{"".join(figures)}</div>'


def _paragraph(text: str, style: str = "") -> str:
    return f"<p{f' class={style}' if style else ''}>{escape(text)}</p>"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """A table; its first column is text, and the others are figures."""
    cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    rows_of_cells = f"<thead><tr>{cells}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="wide"><table>{title}{rows_of_cells}</table></div>'


def _head(record: Record) -> str:
    pictures, settings = record["pictures"], record["settings"]
    created = record["run"]["created"] or ""
    return (
        "<header><h1>Threshold evaluation</h1>"
        + _paragraph(f"{created[:10]} · hashmatch {record['versions']['hashmatch']}", "date")
        + _paragraph(
            f"{pictures['different']:,} different pictures out of {pictures['files']:,} files, each"
            f" changed in {len(settings['transforms'])} everyday ways. Thresholds were chosen on"
            f" {pictures['choose']:,} of them and scored on the other {pictures['score']:,}, for"
            f" {settings['files_per_day']:,} files a day against a list of"
            f" {settings['list_size']:,} entries, with at most"
            f" {numbers.amount(settings['max_false_per_day'])} false matches a day."
        )
        + "</header>"
    )


def _baseline(block: Record | None) -> str:
    if block is None:
        return ""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in block["sentences"])
    heading = f"Since the last evaluation, of {block['created'][:10]}"
    style = ' class="warning"' if block["overdue"] else ""
    return f"<section{style}><h2>{escape(heading)}</h2><ul>{items}</ul></section>"


def _recommendations(record: Record) -> str:
    return _grid(_recommendation(rule) for rule in record["rules"])


def _recommendation(rule: Record) -> str:
    chosen = rule["recommendation"]
    rows = [
        (
            numbers.thresholds(step["thresholds"])
            + (" ◂" if step["level"] == rule["shown_level"] else ""),
            numbers.interval(tuple(step["recall"].values()), numbers.percent),
            numbers.interval(tuple(step["false_per_day"].values()), numbers.amount),
        )
        for step in rule["steps"]
    ]
    shown = "the recommended one" if chosen["level"] is not None else "the usual one"
    compared = rule["comparison"]
    return (
        f'<article class="{chosen["outcome"]}"><h3>{escape(rule["name"])}</h3>'
        + _paragraph(chosen["sentence"])
        + _table(
            ("threshold", "variants found", "false matches a day"),
            rows,
            f"{shown} (◂) and its neighbours, on the half held out",
        )
        + (_paragraph(compared["sentence"]) if compared else "")
        + "</article>"
    )


def _list(hash_list: Record) -> str:
    parts = [f"<h3>{escape(hash_list['name'])}</h3>"]
    flat = hash_list["flat"]
    if flat:
        parts.append(_paragraph(f"{flat:,} flat entries were never looked at: they match blanks."))
    for kind in hash_list["kinds"]:
        parts.append(_paragraph(kind["sentence"]))
        if kind["named"]:
            parts.append(
                _table(
                    ("entry", "pictures matched", "nearest, bits"),
                    [(one["entry"], one["pictures"], one["nearest"]) for one in kind["named"]],
                    f"Entries that match most ordinary pictures, {kind['algorithm']} within"
                    f" {kind['threshold']} bits",
                )
            )
        if kind["near_flat_count"]:
            parts.append(
                _paragraph(
                    f"{kind['near_flat_count']:,} entries are near to what a blank picture gives:"
                    f" {', '.join(kind['near_flat'])}"
                )
            )
    if not hash_list["kinds"]:
        parts.append(_paragraph("It holds no hash of a kind that was evaluated."))
    return "".join(parts)


def _volumes(record: Record) -> str:
    tables = []
    for rule in record["rules"]:
        files = sorted({one["files_per_day"] for one in rule["volumes"]})
        sizes = sorted({one["list_size"] for one in rule["volumes"]})
        cells = {
            (one["list_size"], one["files_per_day"]): numbers.interval(
                tuple(one["false_per_day"].values()), numbers.amount
            )
            for one in rule["volumes"]
        }
        rows = [(f"{size:,} entries", *(cells[size, many] for many in files)) for size in sizes]
        level = numbers.thresholds(rule["thresholds"][rule["shown_level"]])
        tables.append(
            _table(
                ("false matches a day", *(f"{many:,} files a day" for many in files)),
                rows,
                f"{rule['name']} at {level}",
            )
        )
    return "".join(tables)


def _labels(record: Record) -> str:
    rows = []
    for rule in record["rules"]:
        labels, level = rule["labels"], rule["shown_level"]
        if labels is None:
            continue
        shown = [
            numbers.interval(numbers.at(labels[name], level), numbers.percent)
            if labels[name]
            else "none"
            for name in ("recall", "false_rate")
        ]
        rule_at = numbers.thresholds(rule["thresholds"][level])
        rows.append((rule_at, labels["same"], shown[0], labels["different"], shown[1]))
    if not rows:
        return ""
    return _table(
        ("rule", "called the same", "of them near", "called different", "of them near"), rows
    )


def _closest(record: Record) -> str:
    pictures = record["pictures"]
    parts = []
    if record["closest"]:
        parts.append(
            _table(
                ("first", "second", "distances"),
                [
                    (one["first"], one["second"], numbers.thresholds(one["distances"]))
                    for one in record["closest"]
                ],
                "Counted as different, and nearest to each other. Where two of them show the same"
                " picture, say so with --pairs: they count as false matches now.",
            )
        )
    if pictures["copies_shown"]:
        parts.append(
            _table(
                ("first", "second", "why"),
                [(one["first"], one["second"], one["why"]) for one in pictures["copies_shown"]],
                f"Copies, counted as one picture and kept out of the false matches"
                f" ({pictures['copies']:,} files left out)",
            )
        )
    if pictures["unused_shown"]:
        total = sum(pictures["unusable"].values())
        parts.append(
            _table(
                ("file", "why"),
                [(one["path"], one["why"]) for one in pictures["unused_shown"]],
                f"Files that could not be used ({total:,})",
            )
        )
    return "".join(parts)


def _method(record: Record) -> str:
    settings, versions = record["settings"], record["versions"]
    transforms = _table(
        ("transform", "imitates", "parameters", "source"),
        [
            (
                one["name"],
                one["imitates"],
                ", ".join(f"{name} {value}" for name, value in one["parameters"].items()),
                one["source"],
            )
            for one in record["transforms"]
        ],
        "Everyday changes that were imitated; nothing here looks for one that evades a match",
    )
    facts = [
        ("hashes", ", ".join(settings["kinds"])),
        ("seed", settings["seed"]),
        ("quality floor", settings["quality_floor"]),
        ("flips and quarter turns looked up", "yes" if settings["mirrors"] else "no"),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
        ("digest of the pictures", record["pictures"]["digest"]),
        *((f"digest of {one['name']}", one["digest"]) for one in record["lists"]),
    ]
    return (
        _paragraph(
            "Shares of variants have Wilson's 95% interval; over all transforms together,"
            " one that respects that the variants of one picture hang together. False matches are"
            " counted over all pairs of different pictures, with an interval that respects that"
            " pairs have pictures in common. Where none was seen, the bound supposes that"
            " look-alikes come in families, and of these the worst: that there is a single one."
            " Pictures that are near to many which are not near to each other would be missed more"
            " easily; without any supposition the bound would be 6 over the"
            f" {record['pictures']['choose']:,} pictures chosen on. A false match is a pair of a"
            " file and an entry; a file may have several. The entries of a list are supposed to be"
            " as different from these pictures as these are from each other."
        )
        + _table(("setting", "value"), facts)
        + transforms
        + _table(("source", "what it is"), record["sources"].items())
    )
