"""``hashmatch scan``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from hashmatch.cli import options as opt
from hashmatch.cli.command import single, takes_settings
from hashmatch.cli.files import WRITES
from hashmatch.cli.list_options import ListSettings
from hashmatch.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanMatchSettings(opt.MatchSettings):
    """How to look files up."""

    quality_floor: opt.QualityFloor = 50
    mirrors: opt.Mirrors = False
    decode: Annotated[
        str,
        typer.Option(
            metavar="fast|exact",
            help="Decode in full only what may match (fast), or everything. The results are equal.",
        ),
    ] = "fast"
    index: Annotated[
        str, typer.Option(metavar="auto|linear|bktree|multi", help="Index to look hashes up in.")
    ] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanResultSettings(opt.ResultSettings):
    """What to show."""

    show: Annotated[
        str,
        typer.Option(
            metavar="all|match|review|unscanned",
            help="Show all results, matches alone, what needs a human (matches and candidates), or"
            " files not fully examined.",
        ),
    ] = "all"
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", help="Say which indexes are used, why, and which lines are skipped."
        ),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodySettings:
    """What to keep of a scan, and what to do with the files that match.

    Raises:
        SettingsError: an option needs another option that is missing.
    """

    PANEL: ClassVar[str] = "State and custody"

    state: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Keep results in FILE; examine only what is new or changed."
        ),
        WRITES,
    ] = None
    rehash: Annotated[
        bool,
        typer.Option("--rehash", help="With --state, read every file again, whatever its times."),
    ] = False
    audit: opt.Audit = None
    quarantine: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Move matched files to DIR; see hashmatch quarantine."),
    ] = None
    quarantine_archives: Annotated[
        bool,
        typer.Option("--quarantine-archives", help="Also move archives with a matched member."),
    ] = False
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what --quarantine would move.")
    ] = False

    def __post_init__(self) -> None:
        if self.quarantine is None and (self.quarantine_archives or self.dry_run):
            raise SettingsError("--dry-run and --quarantine-archives need --quarantine")
        if self.rehash and self.state is None:
            raise SettingsError("--rehash needs --state")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSettings:
    """The options of a scan."""

    lists: ListSettings
    matching: ScanMatchSettings
    walk: opt.WalkSettings
    pictures: opt.PictureSettings
    archives: opt.ArchiveSettings
    workers: opt.WorkerSettings
    results: ScanResultSettings
    custody: CustodySettings


@takes_settings
def scan_command(asked: ScanSettings) -> int:
    """Find the files that match a hash list.

    Exit codes, added up: 0 every file was examined and none matches, 1 a match, 2 a file not fully
    examined, 4 a candidate for a human (near, but with little detail), 8 a match that --quarantine
    could not move. Errors: 64 wrong usage, 65 bad list, 66 no such input, 70 internal error, 130
    interrupted, 128 + N stopped by signal N.
    """
    from hashmatch.examine.sandbox import make_pool  # noqa: PLC0415 # as below

    with make_pool(asked.workers.count(), asked.workers.limits()) as pool:
        # It takes NumPy, and so its time, in which the pool loads its own
        from hashmatch.cli.run_scan import run_scan  # noqa: PLC0415

        return run_scan(asked, pool)


app = single("scan", scan_command)
