"""The heat map: which everyday changes a rule survives, at which threshold."""

from __future__ import annotations

from html import escape
from typing import Any

from hashmatch.report import numbers
from hashmatch.report.charts import figure
from hashmatch.report.svg import svg

Record = dict[str, Any]

_CELL = 17
_NAMES = 128
_TOP = 8
_COLUMNS = 21
"""A wide hash has more thresholds than that; then every so many of them are shown."""


def heat_map(rule: Record) -> str:
    """The share of each transform's variants found, by threshold."""
    transforms, thresholds, shown = (
        rule["score"]["transforms"],
        rule["thresholds"],
        rule["shown_level"],
    )
    step = max(1, len(thresholds) // _COLUMNS)
    # Counted from the level that is spoken of, so that it is always among them
    levels = list(range(shown % step, len(thresholds), step))
    first = next(iter(thresholds[0]))
    marks = [
        mark
        for row, (name, found) in enumerate(transforms.items())
        for mark in _row(name, found, thresholds, levels, shown, _TOP + _CELL * row)
    ]
    bottom = _TOP + _CELL * len(transforms)
    for place, level in enumerate(levels[::2]):
        bits = str(thresholds[level][first])
        marks.append(_text("tick mid", _NAMES + _CELL * (2 * place + 0.5), bottom + 13, bits))
    across = _NAMES + _CELL * levels.index(shown)
    marks.append(
        f'<rect class="frame" x="{across - 1}" y="{_TOP - 1}" width="{_CELL + 1}"'
        f' height="{bottom - _TOP + 1}"/>'
    )
    width = _NAMES + _CELL * len(levels) + 56
    drawing = svg(f"Recall by transform and threshold: {rule['name']}", width, bottom + 20, marks)
    reading = (
        "The fuller the colour, the more of a transform's variants are found; thresholds of"
        f" {first} in bits below. The frame is at {numbers.thresholds(thresholds[shown])}, with its"
        " shares on the right. An empty row is a change that this rule survives at no threshold."
    )
    return figure(f"What is found: {rule['name']}", drawing, reading)


def _row(
    name: str,
    found: Record,
    thresholds: list[dict[str, int]],
    levels: list[int],
    shown: int,
    top: int,
) -> list[str]:
    marks = [_text("tick end", _NAMES - 6, top + 12, name)]
    for place, level in enumerate(levels):
        share = numbers.interval(numbers.at(found, level), numbers.percent)
        hint = escape(f"{name} at {numbers.thresholds(thresholds[level])}: {share}")
        marks.append(
            f'<rect class="cell" x="{_NAMES + _CELL * place}" y="{top}" width="{_CELL - 1}"'
            f' height="{_CELL - 1}" fill-opacity="{found["value"][level]:.2f}">'
            f"<title>{hint}</title></rect>"
        )
    right = _NAMES + _CELL * len(levels) + 6
    return [*marks, _text("tick", right, top + 12, numbers.percent(found["value"][shown]))]


def _text(style: str, across: float, down: float, text: str) -> str:
    return f'<text class="{style}" x="{across:g}" y="{down:g}">{escape(text)}</text>'
