"""Just enough SVG for plots: scales, axes and marks, styled by the page's own classes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to pixels along one axis.

    Attributes:
        low: the value at the axis' start.
        high: the value at its end.
        log: by powers of ten; both ends are positive then.
    """

    low: float
    high: float
    log: bool = False

    def share(self, value: float) -> float:
        """Where a value lies: 0 at the start, 1 at the end; what lies outside is at the edge."""
        measure = math.log10 if self.log else float
        low, high = measure(self.low), measure(self.high)
        at = measure(max(value, self.low))
        return min(1.0, max(0.0, (at - low) / (high - low)))

    def ticks(self, wanted: int = 6) -> list[float]:
        """Round values along the axis."""
        if self.log:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            step = max(1, math.ceil((last - first + 1) / wanted))
            return [10.0**power for power in range(first, last + 1, step)]
        rough = (self.high - self.low) / wanted
        size = 10.0 ** math.floor(math.log10(rough))
        spacing = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
        first, last = math.ceil(self.low / spacing), math.floor(self.high / spacing + 1e-9)
        return [spacing * number for number in range(first, last + 1)]


def decades(values: Iterable[float], *, floor: float = 1e-300) -> Scale:
    """A logarithmic scale from whole powers of ten that holds all positive values."""
    positive = [max(value, floor) for value in values if value > 0] or [0.1, 1.0]
    low = math.floor(math.log10(min(positive)))
    high = max(low + 1, math.ceil(math.log10(max(positive))))
    return Scale(10.0**low, 10.0**high, log=True)


@dataclass(slots=True)
class Plot:
    """A plot with two axes; marks are added to it, and ``text`` gives the SVG.

    Attributes:
        title: what it shows, for those who do not see it.
        x: the scale to the right.
        y: the scale upwards.
        width: of the whole, in pixels.
        height: of the whole, in pixels.
    """

    title: str
    x: Scale
    y: Scale
    width: int = 640
    height: int = 320
    left: int = 64
    _marks: list[str] = field(default_factory=list)

    def at(self, point: Point) -> Point:
        """A point in pixels."""
        across = self.left + self.x.share(point[0]) * (self.width - self.left - 16)
        down = 16 + (1 - self.y.share(point[1])) * (self.height - 16 - 48)
        return round(across, 1), round(down, 1)

    def axes(
        self,
        x_name: str,
        y_name: str,
        show_x: Callable[[float], str] = "{:g}".format,
        show_y: Callable[[float], str] = "{:g}".format,
    ) -> None:
        """Lines, ticks and names of both axes."""
        left, bottom = self.at((self.x.low, self.y.low))
        right, top = self.at((self.x.high, self.y.high))
        for value in self.x.ticks():
            across, _ = self.at((value, self.y.low))
            self._line("grid", (across, top), (across, bottom))
            self.words("tick mid", (across, bottom + 16), show_x(value))
        for value in self.y.ticks():
            _, down = self.at((self.x.low, value))
            self._line("grid", (left, down), (right, down))
            self.words("tick end", (left - 6, down + 4), show_y(value))
        self._line("axis", (left, bottom), (right, bottom))
        self._line("axis", (left, top), (left, bottom))
        self.words("name mid", ((left + right) / 2, bottom + 36), x_name)
        turned = f"translate(14 {(top + bottom) / 2:.1f}) rotate(-90)"
        self._marks.append(f'<text class="name mid" transform="{turned}">{escape(y_name)}</text>')

    def line(self, style: str, points: Sequence[Point]) -> None:
        """A line through points."""
        shown = " ".join("{},{}".format(*self.at(point)) for point in points)
        self._marks.append(f'<polyline class="line {style}" points="{shown}"/>')

    def band(self, style: str, low: Sequence[Point], high: Sequence[Point]) -> None:
        """The area between two lines."""
        points = [self.at(point) for point in (*low, *reversed(high))]
        shown = " ".join(f"{across},{down}" for across, down in points)
        self._marks.append(f'<polygon class="band {style}" points="{shown}"/>')

    def span(self, style: str, first: Point, last: Point) -> None:
        """A thin line from one point to another, such as an interval."""
        self._line(f"span {style}", self.at(first), self.at(last))

    def dot(self, style: str, point: Point, hint: str) -> None:
        """A dot that tells what it is when pointed at."""
        across, down = self.at(point)
        self._marks.append(
            f'<circle class="dot {style}" cx="{across}" cy="{down}" r="3">'
            f"<title>{escape(hint)}</title></circle>"
        )

    def bar(self, style: str, first: float, last: float, value: float, hint: str) -> None:
        """A bar from the bottom, between two values of x."""
        left, top = self.at((first, value))
        right, bottom = self.at((last, self.y.low))
        self._marks.append(
            f'<rect class="bar {style}" x="{left}" y="{top}" width="{right - left:.1f}"'
            f' height="{bottom - top:.1f}"><title>{escape(hint)}</title></rect>'
        )

    def label(
        self, style: str, point: Point, text: str, *, right: float = 0, down: float = 0
    ) -> None:
        """Words beside a point, moved by so many pixels."""
        across, top = self.at(point)
        self.words(style, (across + right, top + down), text)

    def words(self, style: str, place: Point, text: str) -> None:
        """Words at a place in pixels."""
        self._marks.append(
            f'<text class="{style}" x="{place[0]:.1f}" y="{place[1]:.1f}">{escape(text)}</text>'
        )

    def text(self) -> str:
        """The SVG."""
        return svg(self.title, self.width, self.height, self._marks)

    def _line(self, style: str, first: Point, last: Point) -> None:
        self._marks.append(
            f'<line class="{style}" x1="{first[0]}" y1="{first[1]}" x2="{last[0]}" y2="{last[1]}"/>'
        )


def svg(title: str, width: int, height: int, marks: Iterable[str]) -> str:
    """Marks in a frame of their own, with a title for those who do not see them."""
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{''.join(marks)}</svg>"
    )
