"""``hashmatch scan``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hashmatch.cli import options as opt
from hashmatch.cli.files import WRITES
from hashmatch.cli.list_options import ListSettings, takes_lists
from hashmatch.model import ArchiveLimits, Limits


@takes_lists
def scan_command(
    paths: opt.MaybePaths = None,
    *,
    lists: ListSettings,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            metavar="BITS",
            help="The largest distance that counts as near, for all algorithms (8) or for one"
            " (phash=8, phash-256=32); may be given several times."
            " Default: phash 8 and dhash 4 of 64 bits, phash 32 and dhash 16 of 256.",
        ),
    ] = None,
    quality_floor: Annotated[
        int,
        typer.Option(
            metavar="0-100",
            help="Below this quality, near entries are candidates for a human and no match.",
        ),
    ] = 50,
    mirrors: Annotated[
        bool, typer.Option("--mirrors", help="Also look up flips and quarter turns.")
    ] = False,
    require: Annotated[
        str,
        typer.Option(
            metavar="any|all",
            help="Whether any near hash of an entry is a match, or all that its list gives for it"
            " must be near.",
        ),
    ] = "any",
    decode: Annotated[
        str,
        typer.Option(
            metavar="fast|exact",
            help="fast decodes in full only what may be near to an entry, with the same results.",
        ),
    ] = "fast",
    max_matches: Annotated[
        int, typer.Option(metavar="N", help="How many of the nearest entries to name for a file.")
    ] = 10,
    index: Annotated[
        str, typer.Option(metavar="auto|linear|bktree|multi", help="How to look hashes up.")
    ] = "auto",
    output_format: Annotated[
        str, typer.Option("--format", metavar="table|jsonl|csv", help="How to write the results.")
    ] = "table",
    output: opt.Output = None,
    jobs: opt.Jobs = None,
    files_from: opt.FilesFrom = None,
    null: opt.Null = False,
    include: opt.Include = None,
    exclude: opt.Exclude = None,
    follow_symlinks: opt.FollowSymlinks = False,
    one_file_system: opt.OneFileSystem = False,
    max_depth: opt.MaxDepth = None,
    allow_format: opt.AllowFormat = None,
    max_pixels: opt.MaxPixels = opt.DEFAULT_LIMITS.max_pixels,
    max_bytes: opt.MaxBytes = opt.DEFAULT_LIMITS.max_bytes,
    max_frames: opt.MaxFrames = opt.DEFAULT_LIMITS.max_frames,
    max_members: opt.MaxMembers = opt.DEFAULT_ARCHIVES.max_members,
    max_unpacked: opt.MaxUnpacked = opt.DEFAULT_ARCHIVES.max_total_bytes,
    max_ratio: opt.MaxRatio = opt.DEFAULT_ARCHIVES.max_ratio,
    max_nesting: opt.MaxNesting = opt.DEFAULT_ARCHIVES.max_depth,
    max_memory: opt.MaxMemory = opt.DEFAULT_MEMORY_MIB,
    timeout: opt.Timeout = opt.DEFAULT_SECONDS,
    state: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Keep what was found out there, and examine only what is new or changed since.",
        ),
        WRITES,
    ] = None,
    rehash: Annotated[
        bool,
        typer.Option(
            "--rehash", help="With --state, read every file again, whatever its times say."
        ),
    ] = False,
    quarantine: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Move files that match there; see hashmatch quarantine."),
    ] = None,
    quarantine_archives: Annotated[
        bool,
        typer.Option("--quarantine-archives", help="Also move archives of which a member matches."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what --quarantine would move.")
    ] = False,
    audit: opt.Audit = None,
    quiet: opt.Quiet = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            "-v",
            help="Say on stderr which indexes are used, and why, and which lines are skipped.",
        ),
    ] = False,
) -> int:
    """Find the files that match a hash list.

    Exit codes, a bit mask: 0 every file examined and no match, 1 a match, 2 a file unscanned, 3
    both, +4 a picture with little detail has a candidate for a human. A match that --quarantine
    could not move adds 2 as well. 64 wrong usage, 65 bad list,
    66 no such input, 70 internal error, 130 interrupted, 128 + N stopped by signal N.
    """
    from hashmatch.examine.sandbox import WorkerLimits, make_pool  # noqa: PLC0415 # as below

    workers = opt.resolve_jobs(jobs)
    with make_pool(workers, WorkerLimits(max_memory << 20, timeout)) as pool:
        # These take NumPy, and so their time, in which the pool loads its own
        from hashmatch.cli.custody import CustodySettings  # noqa: PLC0415
        from hashmatch.cli.run_scan import ScanSettings, run_scan  # noqa: PLC0415
        from hashmatch.scan import WalkOptions  # noqa: PLC0415

        return run_scan(
            ScanSettings(
                paths=tuple(paths or ()),
                files_from=files_from,
                null=null,
                lists=lists,
                threshold=opt.parse_thresholds(threshold or []),
                quality_floor=quality_floor,
                mirrors=mirrors,
                require=require,
                decode=decode,
                max_matches=max_matches,
                index=index,
                output_format=output_format,
                output=output,
                jobs=workers,
                formats=opt.resolve_formats(allow_format or []),
                limits=Limits(max_pixels, max_bytes, max_frames),
                archives=ArchiveLimits(max_members, max_unpacked, max_ratio, max_nesting),
                walk=WalkOptions(
                    include=tuple(include or ()),
                    exclude=tuple(exclude or ()),
                    follow_symlinks=follow_symlinks,
                    one_file_system=one_file_system,
                    max_depth=max_depth,
                ),
                state=state,
                rehash=rehash,
                custody=CustodySettings(audit, quarantine, quarantine_archives, dry_run),
                quiet=quiet,
                verbose=verbose,
            ),
            pool,
        )
