"""Draws the latest results of ``bench/lookup.py`` into ``docs/lookup.svg``.

    python bench/lookup_chart.py

The x axis is the radius, and the y axis the time per query on a logarithmic scale. Each contestant
has a line.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import record

TARGET = Path(__file__).resolve().parent.parent / "docs" / "lookup.svg"
SHOWN = {"data": "uniform", "entries": 10**6, "bits": 64, "batch": 256}
TITLE = "1,000,000 random 64-bit hashes, 256 queries a call, one thread"

WIDTH, HEIGHT = 860, 480
LEFT, RIGHT, TOP, BOTTOM = 80, 250, 50, 50
# Also distinct for people with colour blindness
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555", "#b8a200")
OURS = "hashmatch"


def lines(cells: list[dict[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """Radius and microseconds per query, by contestant; for variants, the best at each radius."""
    best: dict[str, dict[int, float]] = {}
    for cell in cells:
        if all(cell[key] == value for key, value in SHOWN.items()):
            name = " ".join(cell["contestant"].split()[:2])
            of_name = best.setdefault(name, {})
            took = cell["us_per_query"]
            of_name[cell["radius"]] = min(took, of_name.get(cell["radius"], took))
    return {name: sorted(points.items()) for name, points in best.items()}


def draw(drawn: dict[str, list[tuple[int, float]]], caption: str) -> str:
    """The chart as SVG."""
    radii = sorted({radius for points in drawn.values() for radius, _ in points})
    times = [took for points in drawn.values() for _, took in points]
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))

    def x(radius: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (radius - radii[0]) / (radii[-1] - radii[0])

    def y(took: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - math.log10(took)) / (high - low)

    out = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            'font-family="sans-serif" font-size="13" role="img">'
        ),
        f"<title>{escape(TITLE)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="24" font-size="15">{escape(TITLE)}</text>',
    ]
    for power in range(low, high + 1):
        at = y(10**power)
        label = f"{10**power:,} us" if power >= 0 else f"{10**power:g} us"
        out += [
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ddd"/>',
            f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{label}</text>',
        ]
    out += [
        f'<text x="{x(radius):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{radius}</text>'
        for radius in radii
    ]
    middle = (LEFT + WIDTH - RIGHT) / 2
    out += [
        f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">radius, in bits</text>',
        (
            f'<text x="{WIDTH - 10}" y="{HEIGHT - 10}" text-anchor="end" font-size="11" '
            f'fill="#555">{escape(caption)}</text>'
        ),
    ]
    # Names are beside the ends of the lines, moved apart so that they do not overlap
    taken = TOP - 16.0
    ordered = sorted(drawn.items(), key=lambda item: y(item[1][-1][1]))
    for number, (name, points) in enumerate(ordered):
        colour = COLOURS[number % len(COLOURS)]
        wide = 3 if name.startswith(OURS) else 1.5
        path = " ".join(f"{x(radius):.1f},{y(took):.1f}" for radius, took in points)
        out.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{wide}"/>'
        )
        taken = max(taken + 16, y(points[-1][1]) + 4)
        out.append(
            f'<text x="{WIDTH - RIGHT + 10}" y="{taken:.1f}" fill="{colour}">{escape(name)}</text>'
        )
    return "\n".join([*out, "</svg>", ""])


def main() -> None:
    """Draw the latest results."""
    runs = sorted(record.RUNS.glob("lookup-2*.json"))
    if not runs:
        raise SystemExit("no results yet: run bench/lookup.py")
    run = json.loads(runs[-1].read_text(encoding="utf-8"))
    drawn = lines(run["results"]["cells"])
    if not drawn:
        raise SystemExit(f"{runs[-1].name} has nothing on {TITLE}")
    caption = f"{run['machine']['cpu']}, {run['date']}"
    TARGET.write_text(draw(drawn, caption), encoding="utf-8")
    print(f"drawn as {TARGET}")


if __name__ == "__main__":
    main()
