"""``hashmatch report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from hashmatch.cli import options as opt
from hashmatch.cli.command import argument, option, single
from hashmatch.cli.deferred import deferred
from hashmatch.cli.files import READS
from hashmatch.cli.streams import say
from hashmatch.errors import SettingsError

if TYPE_CHECKING:
    from hashmatch.report import from_state, scan_page
    from hashmatch.report import output as outputs
    from hashmatch.report import overview as overviews
else:
    from_state = deferred("hashmatch.report.from_state")
    outputs = deferred("hashmatch.report.output")
    overviews = deferred("hashmatch.report.overview")
    scan_page = deferred("hashmatch.report.scan_page")

INCOMPLETE = 2


def report_command(
    results: Annotated[
        Path | None, argument("RESULTS.jsonl", "Results written by scan --format jsonl."), READS
    ] = None,
    *,
    state: Annotated[
        Path | None,
        option("FILE", "Report the last completed scan with this state file instead."),
        READS,
    ] = None,
    cases: opt.CasesPlace = None,
    output: opt.Output = None,
    output_format: Annotated[
        str, option("html|json", "Format of the report.", "--format")
    ] = "html",
    rows: Annotated[
        int, option("N", "Show at most N matches, and at most N files not fully examined.", min=0)
    ] = 5_000,
) -> int:
    """Write a scan report for people: one page that works offline and in print.

    The page shows no pictures and no hashes. Exit codes: 0 written, 2 written although the results
    have no summary or do not agree with it, 64 wrong usage, 66 the results cannot be read or are
    not those of a scan.
    """
    formats = {"html": scan_page.to_html, "json": scan_page.to_json}
    if results is not None and state is None:
        overview = overviews.read_results(results, rows=rows)
    elif state is not None and results is None:
        overview = from_state.read_state(state, cases=cases, rows=rows)
    else:
        raise SettingsError("give either RESULTS.jsonl or --state")
    with outputs.open_output(output) as stream:
        stream.write(formats[output_format](overview))
    warnings = overview.warnings()
    if warnings:
        say(*(f"{overview.source}: {warning}" for warning in warnings))
    return INCOMPLETE if warnings else 0


app = single("report", report_command)
