"""What ``hashmatch review`` does with its options."""

from __future__ import annotations

from pathlib import Path

from hashmatch.cases import (
    import_decisions,
    make_stats_writer,
    read_queue,
    review_stats,
    write_queue,
)
from hashmatch.cli.streams import say
from hashmatch.report import open_output
from hashmatch.scan import State
from hashmatch.text import count


def run_export(
    path: str,
    output: Path | None,
    *,
    sample: int | None,
    seed: int,
    near_threshold_first: bool,
    reviewed: bool,
) -> int:
    """Write the queue, and return the exit code."""
    with State(path, create=False, lock=False) as state, open_output(output) as stream:
        rows = read_queue(
            state,
            sample=sample,
            seed=seed,
            near_threshold_first=near_threshold_first,
            reviewed=reviewed,
        )
        written = write_queue(rows, stream)
    drawn = "" if sample is None else f", drawn with seed {seed}"
    say(f"{count(written, 'match', 'matches')} to review{drawn}")
    return 0


def run_import(path: str, table: Path) -> int:
    """Import decisions, and return the exit code."""
    with State(path, create=False, lock=False) as state:
        found = import_decisions(state, table)
    added, rows = count(found.added, "decision"), count(found.open, "row")
    say(f"{added} added, {found.known:,} already known, {rows} still open")
    return 0


def run_stats(path: str, output_format: str, output: Path | None) -> int:
    """Write the statistics of the decisions, and return the exit code."""
    write = make_stats_writer(output_format)
    with State(path, create=False, lock=False) as state, open_output(output) as stream:
        write(review_stats(state), stream)
    return 0
