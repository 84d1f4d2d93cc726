"""``hashmatch review``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from hashmatch.cli import options as opt
from hashmatch.cli import review_serve
from hashmatch.cli.command import argument, group, option, switch
from hashmatch.cli.deferred import deferred
from hashmatch.cli.files import READS
from hashmatch.cli.streams import say
from hashmatch.text import count

if TYPE_CHECKING:
    from hashmatch import cases, report
    from hashmatch import state as states
else:
    cases, report = deferred("hashmatch.cases"), deferred("hashmatch.report")
    states = deferred("hashmatch.state")

app = group("review", "Export matches for review and import decisions.")
app.command("serve")(review_serve.serve_command)


@app.command("export")
def export_command(
    *,
    state: opt.StateFile,
    output: opt.Output = None,
    sample: Annotated[
        int | None, option("N", "Export N matches drawn at random, for unbiased statistics.")
    ] = None,
    seed: Annotated[int, option("N", "Random seed; the same seed draws the same sample.")] = 0,
    near_threshold_first: Annotated[
        bool, switch("--near-threshold-first", "Put likely mistakes first.")
    ] = False,
    reviewed: Annotated[
        bool, switch("--reviewed", "Also export matches that are already decided.")
    ] = False,
) -> int:
    """Write the matches that wait for a decision as CSV, with columns to fill in.

    Fill in verdict (confirmed, false_positive or unsure), by (who decided) and at (when, in ISO
    8601), then use import.
    """
    with (
        states.State(state, create=False, lock=False) as opened,
        report.open_output(output) as stream,
    ):
        rows = cases.read_queue(
            opened,
            sample=sample,
            seed=seed,
            near_threshold_first=near_threshold_first,
            reviewed=reviewed,
        )
        written = cases.write_queue(rows, stream)
    drawn = "" if sample is None else f", drawn with seed {seed}"
    say(f"{count(written, 'match', 'matches')} to review{drawn}")
    return 0


@app.command("import")
def import_command(
    verdicts: Annotated[Path, argument("FILE", "The table, with decisions filled in."), READS],
    *,
    state: opt.StateFile,
) -> int:
    """Import decisions: all of them, or none if a row is wrong.

    From the next scan on, a false positive suppresses that entry for that content, and records say
    so. The latest decision counts. Exit codes: 0 imported, 65 a row is wrong.
    """
    with states.State(state, create=False, lock=False) as opened:
        found = cases.import_decisions(opened, verdicts)
    added, rows = count(found.added, "decision"), count(found.open, "row")
    say(f"{added} added, {found.known:,} already known, {rows} still open")
    return 0


@app.command("stats")
def stats_command(
    *,
    state: opt.StateFile,
    output_format: Annotated[str, option("table|json", "Output format.", "--format")] = "table",
    output: opt.Output = None,
) -> int:
    """Show how often matches are right, with 95% intervals, and which entries are wrong most often.

    The intervals are valid for samples drawn at random (export --sample).
    """
    write = cases.make_stats_writer(output_format)
    with (
        states.State(state, create=False, lock=False) as opened,
        report.open_output(output) as stream,
    ):
        write(cases.review_stats(opened), stream)
    return 0
