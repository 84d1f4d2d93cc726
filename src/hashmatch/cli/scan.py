"""``hashmatch scan``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hashmatch.cli import options as opt


def scan_command(
    paths: opt.Paths,
    lists: Annotated[
        list[Path],
        typer.Option("--list", metavar="FILE", help="A hash list; may be given several times."),
    ],
    algorithm: Annotated[
        str | None,
        typer.Option(
            metavar="ALGORITHM", help="What lists that name no algorithm hold: phash or dhash."
        ),
    ] = None,
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
    skip_bad_entries: Annotated[
        bool,
        typer.Option("--skip-bad-entries", help="Use the rest of a list that has wrong lines."),
    ] = False,
    index: Annotated[
        str, typer.Option(metavar="auto|linear|bktree", help="How to look hashes up.")
    ] = "auto",
    output_format: Annotated[
        str, typer.Option("--format", metavar="table|jsonl|csv", help="How to write the results.")
    ] = "table",
    output: opt.Output = None,
    jobs: opt.Jobs = None,
    allow_format: opt.AllowFormat = None,
    max_pixels: opt.MaxPixels = opt.DEFAULT_LIMITS.max_pixels,
    max_bytes: opt.MaxBytes = opt.DEFAULT_LIMITS.max_bytes,
    max_frames: opt.MaxFrames = opt.DEFAULT_LIMITS.max_frames,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say on stderr which indexes are used, and why.")
    ] = False,
) -> int:
    """Find the files that match a hash list.

    Exit codes, a bit mask: 0 every file examined and no match, 1 a match, 2 a file unscanned, 3
    both, +4 a picture with little detail has a candidate for a human. 64 wrong usage, 65 bad list,
    66 no such input, 70 internal error, 130 interrupted.
    """
    from hashmatch.cli.run_scan import ScanSettings, run_scan  # noqa: PLC0415 # it takes NumPy

    return run_scan(
        ScanSettings(
            paths=tuple(paths),
            lists=tuple(lists),
            algorithm=algorithm,
            threshold=opt.parse_thresholds(threshold or []),
            quality_floor=quality_floor,
            mirrors=mirrors,
            decode=decode,
            max_matches=max_matches,
            skip_bad_entries=skip_bad_entries,
            index=index,
            output_format=output_format,
            output=output,
            jobs=opt.resolve_jobs(jobs),
            formats=opt.resolve_formats(allow_format or []),
            limits=opt.resolve_limits(max_pixels, max_bytes, max_frames),
            verbose=verbose,
        )
    )
