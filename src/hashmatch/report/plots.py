"""The few plots of a report, as inline SVG that the page's style sheet colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from hashmatch.report.phrases import VERDICTS

_WIDTH, _HEIGHT = 560, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 18, 34


def share_bar(verdicts: Mapping[str, int]) -> str:
    """How all files fall into verdicts, as one bar; empty where there are no files."""
    total = sum(verdicts.values())
    if not total:
        return ""
    marks, at = [], 0.0
    for name, (title, _) in VERDICTS.items():
        width = 1000 * verdicts[name] / total
        if width:
            marks.append(
                f'<rect class="f-{name}" x="{at:.2f}" y="0" width="{width:.2f}"'
                f' height="10"><title>{verdicts[name]:,} {title}</title></rect>'
            )
        at += width
    return (
        '<svg class="share" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img"'
        f' aria-label="Shares of the verdicts">{"".join(marks)}</svg>'
    )


def histogram(matches: Mapping[int, int], candidates: Mapping[int, int], threshold: int) -> str:
    """How many near entries lie at each distance, in bits, from 0 to the threshold."""
    near = sorted({*matches, *candidates})
    last = max(threshold, *near, 1)
    highest = max((matches.get(bits, 0) + candidates.get(bits, 0) for bits in near), default=1)
    step = (_WIDTH - _LEFT - _RIGHT) / (last + 1)
    scale = (_HEIGHT - _TOP - _BOTTOM) / highest
    bottom = _HEIGHT - _BOTTOM
    every = max(1, -(-(last + 1) // 17))
    marks = [f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH}" y1="{bottom}" y2="{bottom}"/>']
    for bits in near:
        left, middle, base = _LEFT + bits * step, _LEFT + (bits + 0.5) * step, float(bottom)
        for style, counts in (("match", matches), ("low_information", candidates)):
            tall = counts.get(bits, 0) * scale
            if tall:
                base -= tall
                marks.append(_bar(style, left + step * 0.12, base, step * 0.76, tall))
        total = matches.get(bits, 0) + candidates.get(bits, 0)
        if total and step >= 14:
            marks.append(_text("value mid", middle, base - 4, f"{total:,}"))
    marks.extend(
        _text("tick mid", _LEFT + (bits + 0.5) * step, bottom + 14, str(bits))
        for bits in range(0, last + 1, every)
    )
    marks.append(_text("tick mid", (_LEFT + _WIDTH) / 2, _HEIGHT - 4, "distance in bits"))
    marks.append(_text("tick end", _LEFT - 6, _TOP + 4, f"{highest:,}"))
    marks.append(_text("tick end", _LEFT - 6, bottom, "0"))
    return _svg(_HEIGHT, "Near entries by distance in bits", marks)


def bars(rows: Sequence[tuple[str, int]], style: str) -> str:
    """Counts by name, as horizontal bars."""
    high, label = 26, 150
    most = max((count for _, count in rows), default=1)
    marks = []
    for number, (name, count) in enumerate(rows):
        y = number * high
        width = (_WIDTH - label - 70) * count / most
        marks.append(_text("value end", label - 8, y + 17, name))
        marks.append(_bar("track", label, y + 5, _WIDTH - label - 70, 16))
        marks.append(_bar(style, label, y + 5, width, 16))
        marks.append(_text("value", label + width + 6, y + 17, f"{count:,}"))
    return _svg(max(1, len(rows)) * high, "Counts by name", marks)


def _svg(height: int, title: str, marks: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}">'
        f"{''.join(marks)}</svg>"
    )


def _text(style: str, x: float, y: float, text: str) -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _bar(style: str, x: float, y: float, width: float, height: float) -> str:
    return (
        f'<rect class="f-{style}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}"'
        f' height="{height:.1f}" rx="1.5"/>'
    )
