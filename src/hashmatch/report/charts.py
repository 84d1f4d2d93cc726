"""Draw the plots of an evaluation; the page's template says what to read in each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from markupsafe import Markup

from hashmatch.report.numbers import amount, at, interval, percent, share_at, thresholds
from hashmatch.report.svg import Plot, Scale, decades, rect, svg, words

Record = Mapping[str, Any]

_CELL = 17
_NAMES = 128
_TOP = 8
_COLUMNS = 21
"""How many columns of thresholds the heat map has at most: a wide hash has more thresholds."""

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def roc(rules: Sequence[Record]) -> Markup:
    """Recall against the rate of false matches, for all rules."""
    ends = [
        value for rule in rules for end in rule["score"]["false_rate"].values() for value in end
    ]
    least = min(value for rule in rules for value in rule["score"]["recall"]["low"])
    x = decades(ends)
    # One more decade on the left, since zero has no place on a logarithmic scale
    plot = Plot(
        "Recall against false matches per comparison",
        replace(x, low=x.low / 10),
        Scale(min(0.9, math.floor(10 * least) / 10), 1),
        width=960,
        height=380,
    )
    plot.axes(
        "false matches per comparison",
        "variants found",
        lambda rate: power(rate) if rate > x.low / 5 else "",
        lambda share: f"{100 * share:.0f}%",
    )
    plot.span("axis", (x.low, plot.y.low), (x.low, plot.y.high))
    plot.label("tick mid", (x.low / 10**0.5, plot.y.low), "none seen", down=16)
    for number, rule in enumerate(rules):
        unseen = x.low / 10 ** (0.85 - 0.7 * (number + 0.5) / len(rules))
        _curve(plot, rule, f"r{number}", unseen)
    return plot.text()


def _curve(plot: Plot, rule: Record, style: str, unseen: float) -> None:
    """Draw one rule's thresholds, those without a false match at ``unseen``."""
    rate, recall = rule["score"]["false_rate"], rule["score"]["recall"]
    clean = sum(not value for value in rate["value"])
    places = []
    for level in range(len(rule["thresholds"])):
        (value, low, high), found = at(rate, level), at(recall, level)
        places.append((value or unseen, found[0]))
        if level >= clean - 1:
            plot.span(style, (low or unseen, found[0]), (high, found[0]))
        plot.span(style, (value or unseen, found[1]), (value or unseen, found[2]))
    plot.line(style, places)
    for level, place in enumerate(places):
        hint = (
            f"{rule['name']}, {thresholds(rule['thresholds'][level])}: finds"
            f" {share_at(recall, level)}; false per comparison"
            f" {interval(at(rate, level), amount)}"
        )
        plot.dot(style if rate["value"][level] else f"{style} open", place, hint)


def histogram(distances: Record) -> Markup:
    """How far apart variants and different pictures are, for one algorithm."""
    bits, same, different = (distances[name] for name in ("bits", "same", "different"))
    shares = [[count / max(1, sum(counts)) for count in counts] for counts in (same, different)]
    plot = Plot(
        f"Distances by {distances['algorithm']}",
        Scale(-0.5, bits + 0.5),
        decades([*shares[0], *shares[1], 1.0]),
        height=260,
    )
    plot.axes("distance in bits", "share", show_y=power)
    for style, name, counts, share in (
        ("different", "pairs of different pictures", different, shares[1]),
        ("same", "variants and their originals", same, shares[0]),
    ):
        for distance, count in enumerate(counts):
            if count:
                hint = f"{count:,} {name} at {distance} bits"
                plot.bar(style, distance - 0.5, distance + 0.5, share[distance], hint)
    return plot.text()


def daily(rule: Record, number: int, limit: float) -> Markup:
    """False matches a day against the threshold, for one rule; its number gives its colour."""
    rate = rule["score"]["false_per_day"]
    first = next(iter(rule["thresholds"][0]))
    bits = [each[first] for each in rule["thresholds"]]
    plot = Plot(
        f"False matches a day: {rule['name']}",
        Scale(0, max(1, bits[-1])),
        # Some room above and below the limit
        decades([*rate["value"], *rate["low"], *rate["high"], limit / 2, limit * 2]),
        height=260,
    )
    plot.axes(f"threshold of {first} in bits", "false matches a day", show_y=power)
    low = [value or plot.y.low for value in rate["low"]]
    style = f"r{number}"
    plot.band(style, list(zip(bits, low, strict=True)), list(zip(bits, rate["high"], strict=True)))
    seen = [(bit, value) for bit, value in zip(bits, rate["value"], strict=True) if value]
    if seen:
        plot.line(style, seen)
    for bit, value in seen:
        plot.dot(style, (bit, value), f"{amount(value)} a day at {bit} bits")
    chosen = rule["thresholds"][rule["shown_level"]][first]
    plot.span("limit", (0, limit), (max(1, bits[-1]), limit))
    plot.label("tick over", (0, limit), f"limit: {amount(limit)} a day", right=6, down=-5)
    plot.span("chosen", (chosen, plot.y.low), (chosen, plot.y.high))
    return plot.text()


def power(value: float) -> str:
    """A power of ten, short: ``0.01`` or ``10⁻⁷``."""
    if 0.001 <= value <= 10_000:
        return f"{value:g}"
    return "10" + str(round(math.log10(value))).translate(_SUPERSCRIPTS)


def heat_map(rule: Record) -> Markup:
    """The share of each transform's variants that one rule finds, by threshold."""
    transforms, steps, shown = rule["score"]["transforms"], rule["thresholds"], rule["shown_level"]
    step = max(1, len(steps) // _COLUMNS)
    # Counted from the level shown, so that it is always among them
    levels = list(range(shown % step, len(steps), step))
    first = next(iter(steps[0]))
    right, bottom = _NAMES + _CELL * len(levels), _TOP + _CELL * len(transforms)
    marks = []
    for row, (name, found) in enumerate(transforms.items()):
        top = _TOP + _CELL * row
        marks.append(words("tick end", _NAMES - 6, top + 12, name))
        for place, level in enumerate(levels):
            share = share_at(found, level)
            hint = f"{name} at {thresholds(steps[level])}: {share}"
            opacity, size = found["value"][level], _CELL - 1
            marks.append(rect("cell", _NAMES + _CELL * place, top, size, size, hint, opacity))
        marks.append(words("tick", right + 6, top + 12, percent(found["value"][shown])))
    for place, level in enumerate(levels[::2]):
        across = _NAMES + _CELL * (2 * place + 0.5)
        marks.append(words("tick mid", across, bottom + 13, str(steps[level][first])))
    across = _NAMES + _CELL * levels.index(shown)
    hint = thresholds(steps[shown])
    marks.append(rect("frame", across - 1, _TOP - 1, _CELL + 1, bottom - _TOP + 1, hint))
    title = f"Recall by transform and threshold: {rule['name']}"
    return svg(title, right + 56, bottom + 20, marks)
