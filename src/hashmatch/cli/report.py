"""``hashmatch report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hashmatch.cli import options as opt
from hashmatch.cli.files import READS


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
    from hashmatch.cli.run_report import run_report  # noqa: PLC0415 # it takes NumPy

    return run_report(results, state, output, output_format, rows)
