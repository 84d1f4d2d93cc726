"""``hashmatch shard``: a scan on many machines that share only files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from hashmatch.cli import options as opt
from hashmatch.cli.command import argument, group, number, option, switch, takes_settings
from hashmatch.cli.deferred import deferred
from hashmatch.cli.files import READS, WRITES
from hashmatch.cli.list_options import ListSettings
from hashmatch.cli.scan import ScanWalkSettings

if TYPE_CHECKING:
    from hashmatch.cli import run_shard
    from hashmatch.examine import sandbox
else:
    run_shard, sandbox = map(deferred, ("hashmatch.cli.run_shard", "hashmatch.examine.sandbox"))

app = group(
    "shard",
    "Scan on many machines: cut a scan into shards, examine them, and merge the results.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanExamineSettings:
    """How to examine pictures, as far as the lists leave that open."""

    PANEL: ClassVar[str] = "Matching"

    quality_floor: opt.QualityFloor = 50
    mirrors: opt.Mirrors = False
    views: opt.Views = "default"
    decode: opt.Decode = "fast"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOutputSettings:
    """Where to write a plan, and what to print."""

    PANEL: ClassVar[str] = "Output"

    output: Annotated[
        Path,
        option("DIR", "Folder to write the manifests to; it must be empty.", "--output", "-o"),
        WRITES,
    ]
    files_per_shard: Annotated[
        int, number("N", "Maximum files per shard; large files make shards smaller.")
    ] = 500
    quiet: Annotated[bool, switch("--quiet", "Print no summary on stderr.", "-q")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSettings:
    """The options of hashmatch shard plan."""

    lists: ListSettings
    matching: PlanExamineSettings
    walk: ScanWalkSettings
    objects: opt.StoreSettings
    pictures: opt.PictureSettings
    archives: opt.ArchiveSettings
    workers: opt.WorkerSettings
    results: PlanOutputSettings


@app.command("plan")
@takes_settings
def plan_command(asked: PlanSettings) -> int:
    """Write the manifests of a scan: which files to examine, and how.

    The lists decide which hashes to compute. No manifest holds anything of them, so manifests may
    go to machines that must not have the lists.
    """
    return run_shard.plan(asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardRunSettings:
    """The options of hashmatch shard run."""

    manifest: Annotated[
        Path, argument("MANIFEST", "One of the files that hashmatch shard plan wrote."), READS
    ]
    output: Annotated[
        Path,
        option("RESULTS", "Write the results to RESULTS, atomically.", "--output", "-o"),
        WRITES,
    ]
    jobs: Annotated[
        int | None, number("N", "Files to examine in parallel. Default: one per core.")
    ] = None


@app.command("run")
@takes_settings
def run_command(asked: ShardRunSettings) -> int:
    """Examine the files of one manifest, without any list.

    Needs the same version of hashmatch, with the same extras, as the machine that made the plan,
    and the same folders in the same places, or credentials for the same buckets. The results hold
    the hashes of your files, and no verdicts. Run it again if it fails: the results are the same.
    """
    return run_shard.run(asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeSourceSettings:
    """Which results to merge."""

    PANEL: ClassVar[str] = "What to merge"

    paths: Annotated[
        list[Path], argument("RESULTS", "Files of results, and folders that hold them."), READS
    ]
    plan: Annotated[Path, option("DIR", "Folder that hashmatch shard plan wrote."), READS]


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeCustodySettings:
    """What to keep of a merge."""

    PANEL: ClassVar[str] = "State and custody"

    cases: Annotated[
        str | None,
        option("PLACE", "Case store: a file, or postgresql+psycopg://USER@HOST/DATABASE."),
    ] = None
    audit: opt.Audit = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeSettings:
    """The options of hashmatch shard merge."""

    source: MergeSourceSettings
    lists: ListSettings
    matching: opt.MatchSettings
    objects: opt.ObjectSettings
    workers: opt.WorkerSettings
    results: opt.ResultSettings
    custody: MergeCustodySettings


@app.command("merge")
@takes_settings
def merge_command(asked: MergeSettings) -> int:
    """Match the results of all shards of a plan, and write the records of the scan.

    Records and exit codes are the same as for scan. Every shard must have results, and each file
    exactly one. Opens only files whose preview may be near an entry, to make sure.
    """
    # The pool loads its NumPy while this process loads its own, for run_shard
    with sandbox.make_pool(asked.workers.count(), asked.workers.limits()) as pool:
        return run_shard.merge(asked, pool)
