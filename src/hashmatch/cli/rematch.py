"""``hashmatch rematch``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from hashmatch.cli import options as opt
from hashmatch.cli.command import option, single, switch, takes_settings
from hashmatch.cli.deferred import deferred
from hashmatch.cli.files import READS
from hashmatch.cli.list_options import ListSettings

if TYPE_CHECKING:
    from hashmatch.cli import run_rematch
else:
    run_rematch = deferred("hashmatch.cli.run_rematch")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSettings:
    """Which stored hashes to match, and what to keep of the run."""

    PANEL: ClassVar[str] = "State and custody"

    state: opt.StateFile
    only_new_entries_since: Annotated[
        str | None,
        option("OLD_LIST", "Match only entries that this older list does not have."),
        READS,
    ] = None
    include_gone: Annotated[
        bool, switch("--include-gone", "Also match files that no longer exist.")
    ] = False
    cases: opt.CasesPlace = None
    audit: opt.Audit = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RematchSettings:
    """The options of a rematch."""

    lists: ListSettings
    matching: opt.MatchSettings
    objects: opt.ObjectSettings
    workers: opt.WorkerSettings
    results: opt.ResultSettings
    stored: StoredSettings


@takes_settings
def rematch_command(asked: RematchSettings) -> int:
    """Match stored hashes against another list, or at another threshold, without opening files.

    Opens only files whose stored preview may be near an entry, to make sure. If such a file is gone
    or has changed, its matches say "confirmed": false. Records name files by absolute path; apart
    from that, records and exit codes are the same as for scan.
    """
    return run_rematch.run_rematch(asked)


app = single("rematch", rematch_command)
