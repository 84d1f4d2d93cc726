"""``hashmatch scan``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from hashmatch.cli import options as opt
from hashmatch.cli.command import argument, number, option, single, switch, takes_settings
from hashmatch.cli.deferred import deferred
from hashmatch.cli.files import READS, READS_OBJECTS, READS_STREAM, WRITES
from hashmatch.cli.list_options import ListSettings
from hashmatch.errors import SettingsError
from hashmatch.files import is_object

if TYPE_CHECKING:
    from hashmatch import sources
    from hashmatch.cli import run_scan
    from hashmatch.cluster import coordinator
    from hashmatch.examine import sandbox
else:
    sources = deferred("hashmatch.sources")
    run_scan, sandbox = map(deferred, ("hashmatch.cli.run_scan", "hashmatch.examine.sandbox"))
    coordinator = deferred("hashmatch.cluster.coordinator")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanMatchSettings(opt.MatchSettings):
    """How to look files up."""

    quality_floor: opt.QualityFloor = 50
    mirrors: opt.Mirrors = False
    views: opt.Views = "default"
    decode: opt.Decode = "fast"
    index: Annotated[str, option("auto|linear|bktree|multi", "Index to search lists with.")] = (
        "auto"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanResultSettings(opt.ResultSettings):
    """What to show."""

    show: Annotated[
        str,
        option(
            "all|match|review|unscanned",
            "Results to show: all, only matches, what needs a human (matches and candidates), or"
            " files not fully examined.",
        ),
    ] = "all"
    verbose: Annotated[
        bool,
        switch(
            "--verbose",
            "Say which indexes are used and why, and which lines of lists are skipped.",
            "-v",
        ),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanWalkSettings:
    """Which files and objects to examine."""

    PANEL: ClassVar[str] = "What to scan"

    paths: Annotated[
        opt.Names,
        argument("PATH", "Files, folders, and s3://BUCKET/PREFIX (or az://, gs://)."),
        READS_OBJECTS,
    ] = None
    files_from: Annotated[
        str | None,
        option("FILE", "Also scan the paths in FILE, one per line; - is stdin."),
        READS_STREAM,
    ] = None
    null: Annotated[bool, switch("--null", "Paths in --files-from are NUL-terminated.", "-0")] = (
        False
    )
    include: Annotated[
        opt.Names, option("PATTERN", "Scan only files that match, as in .gitignore. Repeatable.")
    ] = None
    exclude: Annotated[
        opt.Names,
        option("PATTERN", "Skip files and folders that match, as in .gitignore. Repeatable."),
    ] = None
    follow_symlinks: Annotated[bool, switch("--follow-symlinks", "Follow symbolic links.")] = False
    one_file_system: Annotated[
        bool, switch("--one-file-system", "Stay on the file system of each PATH.")
    ] = False
    max_depth: Annotated[
        int | None, number("N", "Maximum levels of folders to enter; 1 is PATH itself.")
    ] = None
    keys_of: Annotated[
        str | None, option("s3://BUCKET/", "Read the lines of --files-from as keys of this bucket.")
    ] = None
    inventory: Annotated[
        str | None,
        option(
            "COLUMNS",
            "Read --files-from as an S3 inventory: a CSV file, gzipped or not, with these columns"
            " (fileSchema in its manifest.json).",
        ),
    ] = None

    def options(self) -> sources.WalkOptions:
        """The filters and bounds of the walk."""
        return sources.WalkOptions(
            include=tuple(self.include or ()),
            exclude=tuple(self.exclude or ()),
            follow_symlinks=self.follow_symlinks,
            one_file_system=self.one_file_system,
            max_depth=self.max_depth,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodySettings:
    """What to keep of a scan, and what to do with files that match."""

    PANEL: ClassVar[str] = "State and custody"

    state: Annotated[
        str | None,
        option("FILE", "Keep results in FILE; next time, examine only what is new or changed."),
        WRITES,
    ] = None
    cases: opt.CasesPlace = None
    rehash: Annotated[
        bool, switch("--rehash", "With --state, read every file again, even if it looks unchanged.")
    ] = False
    audit: opt.Audit = None
    quarantine: Annotated[
        str | None,
        option(
            "DEST",
            "Move matched files to the folder DEST, see hashmatch quarantine; or copy matched"
            " objects to DEST, such as s3://BUCKET/PREFIX/.",
        ),
    ] = None
    remove_source: Annotated[
        bool,
        switch(
            "--remove-source",
            "Delete the version of an object that matched, once its copy is verified.",
        ),
    ] = False
    quarantine_archives: Annotated[
        bool, switch("--quarantine-archives", "Also move archives that have a matching member.")
    ] = False
    quarantine_candidates: Annotated[
        bool, switch("--quarantine-candidates", "Also move candidates, not only matches.")
    ] = False
    dry_run: Annotated[bool, switch("--dry-run", "Only report what --quarantine would move.")] = (
        False
    )

    def __post_init__(self) -> None:
        details = (self.quarantine_archives, self.quarantine_candidates, self.dry_run)
        if self.quarantine is None and any(details):
            raise SettingsError(
                "--dry-run, --quarantine-archives and --quarantine-candidates need --quarantine"
            )
        if self.remove_source and not is_object(self.quarantine or ""):
            raise SettingsError("--remove-source needs --quarantine s3://BUCKET/PREFIX/")
        if self.rehash and self.state is None:
            raise SettingsError("--rehash needs --state")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    """Which machines examine the files."""

    PANEL: ClassVar[str] = "Cluster"

    cluster: Annotated[
        str | None,
        option(
            "ADDRESS",
            "Examine the files on the workers of this Dask scheduler, such as tls://host:8786.",
        ),
    ] = None
    cluster_keys: Annotated[
        Path | None, option("DIR", "Folder made by hashmatch cluster keys."), READS
    ] = None
    recheck: Annotated[
        str,
        option(
            "PERCENT", "Share of the files to examine on a second node too, to catch false results."
        ),
    ] = "0%"

    def __post_init__(self) -> None:
        if self.cluster is None and (self.cluster_keys is not None or self.share()):
            raise SettingsError("--cluster-keys and --recheck need --cluster")

    def share(self) -> float:
        """The share of files that a second node examines, from 0 to 1."""
        try:
            share = float(self.recheck.removesuffix("%")) / 100
        except ValueError:
            share = -1
        if not 0 <= share <= 1:
            raise SettingsError("--recheck takes a percentage, such as 1%")
        return share


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSettings:
    """The options of a scan."""

    lists: ListSettings
    matching: ScanMatchSettings
    walk: ScanWalkSettings
    objects: opt.ObjectSettings
    pictures: opt.PictureSettings
    archives: opt.ArchiveSettings
    workers: opt.WorkerSettings
    results: ScanResultSettings
    custody: CustodySettings
    nodes: ClusterSettings


@takes_settings
def scan_command(asked: ScanSettings) -> int:
    """Find the files that match a hash list.

    Exit codes add up: 0 every file was examined and none matches, 1 a match, 2 a file not fully
    examined, 4 a candidate for a human (near, too weakly for a match), 8 a match that --quarantine
    could not move. Errors: 64 wrong usage, 65 bad list, 66 input not found, 70 internal error, 130
    interrupted, 128 + N stopped by signal N. A scan that finds no file exits 0 and says so on
    stderr.
    """
    # The pool loads its NumPy while this process loads its own, for run_scan
    with _pool(asked) as pool:
        return run_scan.run_scan(asked, pool)


def _pool(asked: ScanSettings) -> sandbox.AnyPool:
    workers = asked.workers
    if asked.nodes.cluster is None:
        return sandbox.make_pool(workers.count(), workers.limits())
    where = coordinator.cluster_at(
        asked.nodes.cluster,
        asked.nodes.cluster_keys,
        jobs=workers.jobs or 0,
        follow=asked.walk.follow_symlinks,
        requester_pays=asked.objects.requester_pays,
        recheck=asked.nodes.share(),
    )
    return coordinator.ClusterPool(where, workers.limits())


app = single("scan", scan_command)
