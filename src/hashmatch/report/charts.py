"""The plots of an evaluation, each with the sentence that says what to read in it."""

from __future__ import annotations

import math
from dataclasses import replace
from html import escape
from typing import Any

from hashmatch.report import numbers
from hashmatch.report.svg import Plot, Scale, decades

Record = dict[str, Any]


def figure(heading: str, drawing: str, reading: str, extra: str = "") -> str:
    """A plot with its heading and the sentence below it."""
    return (
        f'<figure><h3>{escape(heading)}</h3><div class="plot">{drawing}</div>{extra}'
        f"<figcaption>{escape(reading)}</figcaption></figure>"
    )


def legend(names: list[str]) -> str:
    """Which colour is which rule."""
    items = "".join(
        f'<li><span class="key r{number}"></span>{escape(name)}</li>'
        for number, name in enumerate(names)
    )
    return f'<ul class="legend">{items}</ul>'


def roc(record: Record) -> str:
    """Recall against the rate of false matches, for all rules."""
    rules = record["rules"]
    ends = [
        value for rule in rules for end in rule["score"]["false_rate"].values() for value in end
    ]
    least = min(value for rule in rules for value in rule["score"]["recall"]["low"])
    x = decades(ends)
    # A decade more at the left, since zero has no place on a logarithmic scale
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
    reading = (
        "Higher is better, and further left is better. A rule whose line runs above another's finds"
        " more at the same cost. Thin lines are 95% intervals. Open dots at the left are thresholds"
        " at which no false match was seen; for the largest of each rule, a thin line goes as far"
        " as the bound of what that can vouch for. All on the half that was held out."
    )
    return figure(
        "What a false match buys", plot.text(), reading, legend([rule["name"] for rule in rules])
    )


def _curve(plot: Plot, rule: Record, style: str, unseen: float) -> None:
    """One rule's thresholds, those without a false match at ``unseen``."""
    rate, recall = rule["score"]["false_rate"], rule["score"]["recall"]
    clean = sum(not value for value in rate["value"])
    places = []
    for level in range(len(rule["thresholds"])):
        (value, low, high), found = numbers.at(rate, level), numbers.at(recall, level)
        places.append((value or unseen, found[0]))
        if level >= clean - 1:
            plot.span(style, (low or unseen, found[0]), (high, found[0]))
        plot.span(style, (value or unseen, found[1]), (value or unseen, found[2]))
    plot.line(style, places)
    for level, place in enumerate(places):
        hint = (
            f"{rule['name']}, {numbers.thresholds(rule['thresholds'][level])}: finds"
            f" {numbers.interval(numbers.at(recall, level), numbers.percent)}; false per comparison"
            f" {numbers.interval(numbers.at(rate, level), numbers.amount)}"
        )
        plot.dot(style if rate["value"][level] else f"{style} open", place, hint)


def histogram(distances: Record) -> str:
    """How far variants and different pictures lie, for one algorithm."""
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
    nearest = next((distance for distance, count in enumerate(different) if count), bits)
    reading = (
        "Variants should lie on the left and different pictures on the right; a threshold cuts"
        f" between them. Of {sum(different):,} ordered pairs of different pictures, the nearest are"
        f" {nearest} bits apart."
    )
    key = (
        '<ul class="legend"><li><span class="key same"></span>variants and their originals</li>'
        '<li><span class="key different"></span>pairs of different pictures</li></ul>'
    )
    return figure(f"How far apart: {distances['algorithm']}", plot.text(), reading, key)


def daily(record: Record, number: int) -> str:
    """False matches a day against the threshold, for one rule."""
    rule, settings = record["rules"][number], record["settings"]
    rate, limit = rule["score"]["false_per_day"], settings["max_false_per_day"]
    first = next(iter(rule["thresholds"][0]))
    bits = [thresholds[first] for thresholds in rule["thresholds"]]
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
        plot.dot(style, (bit, value), f"{numbers.amount(value)} a day at {bit} bits")
    chosen = rule["thresholds"][rule["shown_level"]]
    plot.span("limit", (0, limit), (max(1, bits[-1]), limit))
    plot.label("tick over", (0, limit), f"limit: {numbers.amount(limit)} a day", right=6, down=-5)
    plot.span("chosen", (chosen[first], plot.y.low), (chosen[first], plot.y.high))
    reading = (
        f"The dashed line is the limit of {numbers.amount(limit)} a day for"
        f" {settings['files_per_day']:,} files against {settings['list_size']:,} entries. A"
        " threshold is safe where the whole band lies under it; where the band reaches the bottom,"
        f" no false match was seen. The upright line is at {numbers.thresholds(chosen)}."
    )
    return figure(f"What it costs: {rule['name']}", plot.text(), reading)


def power(value: float) -> str:
    """A power of ten, short."""
    if 0.001 <= value <= 10_000:
        return f"{value:g}"
    return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
