"""What ``hashmatch report`` does with its options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hashmatch.cli.streams import say
from hashmatch.errors import SettingsError
from hashmatch.report import open_output
from hashmatch.report.from_state import read_state
from hashmatch.report.overview import Overview, read_results
from hashmatch.report.scan_page import to_html, to_json

INCOMPLETE = 2

_FORMATS: dict[str, Callable[[Overview], str]] = {
    "html": to_html,
    "json": to_json,
}


def run_report(
    results: Path | None, state: Path | None, output: Path | None, output_format: str, rows: int
) -> int:
    """Read results or a state, write the report, and return the exit code."""
    if output_format not in _FORMATS:
        raise SettingsError(f"unknown format {output_format!r}; choose from {', '.join(_FORMATS)}")
    if results is not None and state is None:
        overview = read_results(results, rows=rows)
    elif state is not None and results is None:
        overview = read_state(state, rows=rows)
    else:
        raise SettingsError("say what to report: give either RESULTS.jsonl or --state")
    with open_output(output) as stream:
        stream.write(_FORMATS[output_format](overview))
    warnings = overview.warnings()
    if warnings:
        say(*(f"{overview.source}: {warning}" for warning in warnings))
    return INCOMPLETE if warnings else 0
