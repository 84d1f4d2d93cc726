"""``hashmatch report``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from hashmatch.cli import options as opt
from hashmatch.cli.command import single
from hashmatch.cli.files import READS
from hashmatch.cli.streams import say
from hashmatch.errors import SettingsError
from hashmatch.report import open_output
from hashmatch.report.from_state import read_state
from hashmatch.report.overview import Overview, read_results
from hashmatch.report.scan_page import to_html, to_json

INCOMPLETE = 2

_FORMATS: dict[str, Callable[[Overview], str]] = {"html": to_html, "json": to_json}


def report_command(
    results: Annotated[
        Path | None,
        typer.Argument(
            metavar="RESULTS.jsonl", help="What scan --format jsonl wrote.", show_default=False
        ),
        READS,
    ] = None,
    *,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Report the last scan that ended with this state instead."
        ),
        READS,
    ] = None,
    output: opt.Output = None,
    output_format: Annotated[
        str, typer.Option("--format", metavar="html|json", help="Format of the report.")
    ] = "html",
    rows: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="Show at most N matches, and at most N files not fully examined.",
        ),
    ] = 5_000,
) -> int:
    """Write a report of a scan for people: one page that works offline and in print.

    The page holds no picture and no hash. Exit codes: 0; 2 if the results have no summary or do
    not agree with it; 64 wrong usage; 66 if the results cannot be read or are not those of a scan.
    """
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


app = single("report", report_command)
