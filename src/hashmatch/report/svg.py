"""Just enough SVG for plots: scales, axes and marks, styled by the page's classes.

Text that goes into a mark is escaped by ``Markup.format``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from markupsafe import Markup

Point: TypeAlias = tuple[float, float]

_TICKS = 6
"""About how many an axis has."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A map from values to places along one axis."""

    low: float  # the value at the start of the axis
    high: float  # the value at its end
    log: bool = False  # whether it is logarithmic; then both ends are positive

    def share(self, value: float) -> float:
        """Where a value lies, from 0 at the start to 1 at the end; outside values, at the edge."""
        measure = math.log10 if self.log else float
        low, high = measure(self.low), measure(self.high)
        at = measure(max(value, self.low))
        return min(1.0, max(0.0, (at - low) / (high - low)))

    def ticks(self) -> list[float]:
        """Round values along the axis."""
        if self.log:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            step = max(1, math.ceil((last - first + 1) / _TICKS))
            return [10.0**power for power in range(first, last + 1, step)]
        rough = (self.high - self.low) / _TICKS
        size = 10.0 ** math.floor(math.log10(rough))
        spacing = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
        first, last = math.ceil(self.low / spacing), math.floor(self.high / spacing + 1e-9)
        return [spacing * number for number in range(first, last + 1)]


def decades(values: Iterable[float]) -> Scale:
    """A logarithmic scale between powers of ten that holds all positive values."""
    positive = [max(value, 1e-300) for value in values if value > 0] or [0.1, 1.0]
    low = math.floor(math.log10(min(positive)))
    high = max(low + 1, math.ceil(math.log10(max(positive))))
    return Scale(10.0**low, 10.0**high, log=True)


@dataclass(slots=True)
class Plot:
    """A plot with two axes: add marks to it, and ``text`` gives the SVG."""

    title: str  # what it shows, for screen readers
    x: Scale  # the scale to the right
    y: Scale  # the scale upwards
    width: int = 640  # of the whole, in pixels
    height: int = 320  # of the whole, in pixels
    left: int = 64  # room for the ticks and the name of the vertical axis, in pixels
    _marks: list[Markup] = field(default_factory=list)

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
        """Draw both axes with their ticks and names."""
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
        self._mark('<text class="name mid" transform="{}">{}</text>', turned, y_name)

    def line(self, style: str, points: Sequence[Point]) -> None:
        """Draw a line through points."""
        self._mark('<polyline class="line {}" points="{}"/>', style, self._points(points))

    def band(self, style: str, low: Sequence[Point], high: Sequence[Point]) -> None:
        """Fill the area between two lines."""
        outline = self._points([*low, *reversed(high)])
        self._mark('<polygon class="band {}" points="{}"/>', style, outline)

    def span(self, style: str, first: Point, last: Point) -> None:
        """Draw a thin line between two points, such as an interval."""
        self._line(f"span {style}", self.at(first), self.at(last))

    def dot(self, style: str, point: Point, hint: str) -> None:
        """Draw a dot that says what it is when you point at it."""
        mark = '<circle class="dot {}" cx="{}" cy="{}" r="3"><title>{}</title></circle>'
        self._mark(mark, style, *self.at(point), hint)

    def bar(self, style: str, first: float, last: float, value: float, hint: str) -> None:
        """Draw a bar from the bottom up to ``value``, between two values of x."""
        left, top = self.at((first, value))
        right, bottom = self.at((last, self.y.low))
        self._marks.append(rect(f"bar {style}", left, top, right - left, bottom - top, hint))

    def label(
        self, style: str, point: Point, text: str, *, right: float = 0, down: float = 0
    ) -> None:
        """Write beside a point, moved by so many pixels."""
        across, top = self.at(point)
        self.words(style, (across + right, top + down), text)

    def words(self, style: str, place: Point, text: str) -> None:
        """Write at a place in pixels."""
        self._marks.append(words(style, *place, text))

    def text(self) -> Markup:
        """The SVG."""
        return svg(self.title, self.width, self.height, self._marks)

    def _points(self, points: Sequence[Point]) -> str:
        return " ".join("{},{}".format(*self.at(point)) for point in points)

    def _line(self, style: str, first: Point, last: Point) -> None:
        mark = '<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>'
        self._mark(mark, style, *first, *last)

    def _mark(self, mark: str, *values: object) -> None:
        self._marks.append(Markup(mark).format(*values))  # noqa: S704 # marks are literals


def rect(
    style: str, left: float, top: float, width: float, height: float, hint: str, opacity: float = 1
) -> Markup:
    """A rectangle that says what it is when you point at it."""
    return Markup(
        '<rect class="{}" x="{:g}" y="{:g}" width="{:.1f}" height="{:.1f}" fill-opacity="{:.2g}">'
        "<title>{}</title></rect>"
    ).format(style, left, top, width, height, opacity, hint)


def words(style: str, across: float, down: float, text: str) -> Markup:
    """Text at a place in pixels."""
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>').format(
        style, across, down, text
    )


def svg(title: str, width: int, height: int, marks: Iterable[Markup]) -> Markup:
    """An SVG of these marks, with a title for screen readers."""
    frame = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>{}</svg>')
    return frame.format(width, height, title, title, Markup("").join(marks))
