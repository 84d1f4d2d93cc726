"""``hashmatch report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hashmatch.cli.files import READS, WRITES


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
            metavar="FILE", help="Or what scan --state kept: of the last scan that ended."
        ),
        READS,
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write it there, whole or not at all."),
        WRITES,
    ] = None,
    output_format: Annotated[
        str, typer.Option("--format", metavar="html|json", help="How to write the report.")
    ] = "html",
    rows: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="Most rows of matches, and of files not examined, to show."
        ),
    ] = 5_000,
) -> int:
    """Make a report of a scan for people: one page that works offline and in print.

    It holds no picture and no hash. Exit codes: 0, or 2 where the results have no summary, or do
    not agree with it; 64 wrong usage, 66 no such results, or no results of a scan.
    """
    from hashmatch.cli.run_report import run_report  # noqa: PLC0415 # it takes NumPy

    return run_report(results, state, output, output_format, rows)
