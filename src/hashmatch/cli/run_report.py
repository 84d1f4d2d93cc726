"""What ``hashmatch report`` does, once its options are understood."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from hashmatch.cli.options import say
from hashmatch.errors import SettingsError
from hashmatch.report import open_output
from hashmatch.report.html import to_html
from hashmatch.report.markdown import to_markdown, to_record
from hashmatch.report.overview import Overview, read_results

INCOMPLETE = 2

_FORMATS: dict[str, Callable[[Overview], str]] = {
    "html": to_html,
    "md": to_markdown,
    "json": lambda overview: json.dumps(to_record(overview), indent=2) + "\n",
}


def run_report(results: Path, output: Path | None, output_format: str, rows: int) -> int:
    """Read results, write the report, and return the exit code."""
    if output_format not in _FORMATS:
        raise SettingsError(f"unknown format {output_format!r}; choose from {', '.join(_FORMATS)}")
    overview = read_results(results, rows=rows)
    with open_output(output) as stream:
        stream.write(_FORMATS[output_format](overview))
    warnings = overview.warnings()
    if warnings:
        say(*(f"{overview.source}: {warning}" for warning in warnings))
    return INCOMPLETE if warnings else 0
