"""``hashmatch rematch``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer

from hashmatch.cli import options as opt
from hashmatch.cli.command import takes_settings
from hashmatch.cli.files import READS
from hashmatch.cli.list_options import ListSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSettings:
    """Which stored hashes to match, and what to keep of the run."""

    PANEL: ClassVar[str] = "State and custody"

    state: opt.StateFile
    only_new_entries_since: Annotated[
        str | None,
        typer.Option(metavar="OLD_LIST", help="Match only entries that this older list lacks."),
        READS,
    ] = None
    include_gone: Annotated[
        bool, typer.Option("--include-gone", help="Also match files that no longer exist.")
    ] = False
    audit: opt.Audit = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RematchSettings:
    """The options of a rematch."""

    lists: ListSettings
    matching: opt.MatchSettings
    workers: opt.WorkerSettings
    results: opt.ResultSettings
    stored: StoredSettings


@takes_settings
def rematch_command(asked: RematchSettings) -> int:
    """Match stored hashes against another list, or at another threshold, without opening files.

    Only files whose stored preview may be near an entry are opened, to make sure. If such a file is
    gone or has changed, its matches say "confirmed": false. Files are named by their absolute
    paths. Records and exit codes are those of scan.
    """
    from hashmatch.cli.run_rematch import run_rematch  # noqa: PLC0415 # it takes NumPy

    return run_rematch(asked)
