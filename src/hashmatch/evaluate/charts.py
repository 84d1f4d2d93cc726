"""The plots of an evaluation, each with the sentence that says what to read in it."""

from __future__ import annotations

from html import escape
from typing import Any

from hashmatch.evaluate import words
from hashmatch.evaluate.svg import Plot, Scale, decades

Record = dict[str, Any]


def figure(heading: str, drawing: str, reading: str, extra: str = "") -> str:
    """A plot with its heading and the sentence below it."""
    return (
        f"<figure><h3>{escape(heading)}</h3>{drawing}{extra}"
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
    highs = [value for rule in rules for value in rule["score"]["false_rate"]["high"]]
    lows = [value for rule in rules for value in rule["score"]["false_rate"]["value"]]
    plot = Plot(
        "Recall against false matches per comparison", decades([*highs, *lows]), Scale(0, 1)
    )
    plot.axes(
        "false matches per comparison", "variants found", power, lambda share: f"{100 * share:.0f}%"
    )
    for number, rule in enumerate(rules):
        rate, recall = rule["score"]["false_rate"], rule["score"]["recall"]
        shown = list(zip(*(rate[end] for end in ("value", "low", "high")), strict=True))
        places = []
        for level, (value, low, high) in enumerate(shown):
            found = words.at(recall, level)
            # Where none was seen there is no place on a logarithmic scale but the bound
            place = (value or high, found[0])
            places.append(place)
            plot.span(f"r{number}", (low or plot.x.low, found[0]), (high, found[0]))
            plot.span(f"r{number}", (place[0], found[1]), (place[0], found[2]))
            hint = (
                f"{rule['name']}, {words.thresholds(rule['thresholds'][level])}: finds"
                f" {words.interval(found, words.percent)}; false per comparison"
                f" {words.interval((value, low, high), words.amount)}"
            )
            plot.dot(f"r{number}{'' if value else ' open'}", place, hint)
        plot.line(f"r{number}", places)
    reading = (
        "Higher is better, and further left is better. A rule whose line runs above another's finds"
        " more at the same cost. Thin lines are 95% intervals; an open dot stands at its upper"
        " bound, since no false match was seen there. All on the half that was held out."
    )
    return figure(
        "What a false match buys", plot.text(), reading, legend([rule["name"] for rule in rules])
    )


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
        decades([*rate["value"], *rate["low"], *rate["high"], limit]),
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
        plot.dot(style, (bit, value), f"{words.amount(value)} a day at {bit} bits")
    plot.span("limit", (0, limit), (max(1, bits[-1]), limit))
    reading = (
        f"The dashed line is the limit of {words.amount(limit)} a day for"
        f" {settings['files_per_day']:,} files against {settings['list_size']:,} entries. A"
        " threshold is safe where the whole band lies under it; where the band reaches the bottom,"
        " no false match was seen."
    )
    return figure(f"What it costs: {rule['name']}", plot.text(), reading)


def power(value: float) -> str:
    """A power of ten, short."""
    if 0.001 <= value <= 10_000:
        return f"{value:g}"
    return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
