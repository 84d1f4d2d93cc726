"""``hashmatch review``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hashmatch.cases import (
    import_decisions,
    make_stats_writer,
    read_queue,
    review_stats,
    write_queue,
)
from hashmatch.cli import options as opt
from hashmatch.cli.command import group
from hashmatch.cli.files import READS
from hashmatch.cli.streams import say
from hashmatch.report import open_output
from hashmatch.scan import State
from hashmatch.text import count

app = group("review", "Export matches for review and import decisions.")


@app.command("export")
def export_command(
    *,
    state: opt.StateFile,
    output: opt.Output = None,
    sample: Annotated[
        int | None,
        typer.Option(metavar="N", help="Export N drawn at random, for unbiased statistics."),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(metavar="N", help="Seed of the draw; the same seed draws the same sample."),
    ] = 0,
    near_threshold_first: Annotated[
        bool,
        typer.Option("--near-threshold-first", help="Put the likeliest mistakes first."),
    ] = False,
    reviewed: Annotated[
        bool, typer.Option("--reviewed", help="Also export what is already reviewed.")
    ] = False,
) -> int:
    """Write the matches that wait for a human as CSV, with columns to fill in.

    verdict is confirmed, false_positive or unsure; by is who says so; at is when, in ISO 8601.
    """
    with State(state, create=False, lock=False) as opened, open_output(output) as stream:
        rows = read_queue(
            opened,
            sample=sample,
            seed=seed,
            near_threshold_first=near_threshold_first,
            reviewed=reviewed,
        )
        written = write_queue(rows, stream)
    drawn = "" if sample is None else f", drawn with seed {seed}"
    say(f"{count(written, 'match', 'matches')} to review{drawn}")
    return 0


@app.command("import")
def import_command(
    verdicts: Annotated[
        Path, typer.Argument(metavar="FILE", help="The table, with decisions filled in."), READS
    ],
    *,
    state: opt.StateFile,
) -> int:
    """Take verdicts in, all of them or, where a row is wrong, none.

    A false positive suppresses that content and entry from the next scan on; its records and
    summary say so. The latest verdict counts. Exit codes: 0 taken in, 65 a row is wrong.
    """
    with State(state, create=False, lock=False) as opened:
        found = import_decisions(opened, verdicts)
    added, rows = count(found.added, "decision"), count(found.open, "row")
    say(f"{added} added, {found.known:,} already known, {rows} still open")
    return 0


@app.command("stats")
def stats_command(
    *,
    state: opt.StateFile,
    output_format: Annotated[
        str, typer.Option("--format", metavar="table|json", help="Format of the statistics.")
    ] = "table",
    output: opt.Output = None,
) -> int:
    """Show how often matches are right, with 95% intervals, and which entries err most often.

    The intervals hold for samples drawn at random (export --sample).
    """
    write = make_stats_writer(output_format)
    with State(state, create=False, lock=False) as opened, open_output(output) as stream:
        write(review_stats(opened), stream)
    return 0
