"""``hashmatch rematch``."""

from __future__ import annotations

from typing import Annotated

import typer

from hashmatch.cli import options as opt
from hashmatch.cli.files import READS, WRITES
from hashmatch.cli.list_options import ListSettings, takes_lists


@takes_lists
def rematch_command(
    *,
    state: Annotated[
        str,
        typer.Option(metavar="FILE", help="What scan --state kept, and of which files."),
        WRITES,
    ],
    lists: ListSettings,
    only_new_entries_since: Annotated[
        str | None,
        typer.Option(
            metavar="OLD_LIST", help="Look only for entries that this older list does not have."
        ),
        READS,
    ] = None,
    include_gone: Annotated[
        bool, typer.Option("--include-gone", help="Also match files that are not there any more.")
    ] = False,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            metavar="BITS",
            help="The largest distance that counts as near, as for scan; may be given several"
            " times.",
        ),
    ] = None,
    require: Annotated[
        str,
        typer.Option(
            metavar="any|all",
            help="Whether any near hash of an entry is a match, or all that its list gives for it"
            " must be near.",
        ),
    ] = "any",
    max_matches: Annotated[
        int, typer.Option(metavar="N", help="How many of the nearest entries to name for a file.")
    ] = 10,
    output_format: Annotated[
        str, typer.Option("--format", metavar="table|jsonl|csv", help="How to write the results.")
    ] = "table",
    output: opt.Output = None,
    audit: opt.Audit = None,
    jobs: opt.Jobs = None,
    max_memory: opt.MaxMemory = opt.DEFAULT_MEMORY_MIB,
    timeout: opt.Timeout = opt.DEFAULT_SECONDS,
    quiet: opt.Quiet = False,
) -> int:
    """Look stored hashes up in another list, or at another threshold, without opening files.

    Only files whose stored preview may be near to an entry are opened, to make sure. Where such a
    file is gone or has changed, its matches say "confirmed": false. Files are named by their
    absolute paths. Records and exit codes are those of scan.
    """
    from hashmatch.cli.run_rematch import RematchSettings, run_rematch  # noqa: PLC0415
    from hashmatch.examine.sandbox import WorkerLimits  # noqa: PLC0415

    return run_rematch(
        RematchSettings(
            state=state,
            lists=lists,
            since=only_new_entries_since,
            include_gone=include_gone,
            threshold=opt.parse_thresholds(threshold or []),
            require=require,
            max_matches=max_matches,
            output_format=output_format,
            output=output,
            jobs=opt.resolve_jobs(jobs),
            workers=WorkerLimits(max_memory << 20, timeout),
            audit=audit,
            quiet=quiet,
        )
    )
