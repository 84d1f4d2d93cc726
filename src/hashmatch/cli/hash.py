"""``hashmatch hash``."""

from __future__ import annotations

from typing import Annotated

import typer

from hashmatch.cli import options as opt
from hashmatch.model import Limits


def hash_command(
    paths: opt.Paths,
    algorithm: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ALGORITHM",
            help="phash or dhash, or with its width, such as phash-256; may be given several"
            " times. Default: phash.",
        ),
    ] = None,
    output_format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="text|jsonl",
            help="text is a hash list of the stored views; jsonl has every view.",
        ),
    ] = "text",
    output: opt.Output = None,
    jobs: opt.Jobs = None,
    mirrors: Annotated[
        bool, typer.Option("--mirrors", help="With jsonl: also flips and quarter turns.")
    ] = False,
    allow_format: opt.AllowFormat = None,
    max_pixels: opt.MaxPixels = opt.DEFAULT_LIMITS.max_pixels,
    max_bytes: opt.MaxBytes = opt.DEFAULT_LIMITS.max_bytes,
    max_frames: opt.MaxFrames = opt.DEFAULT_LIMITS.max_frames,
) -> int:
    """Compute the hashes of pictures, as a list or as records.

    The output holds hashes, so treat it as you treat your hash lists. Exit codes: 0 every file was
    examined, 2 some were not (they are named on stderr), and as for scan otherwise.
    """
    from hashmatch.cli.run_hash import HashSettings, run_hash  # noqa: PLC0415 # it takes NumPy

    return run_hash(
        HashSettings(
            paths=tuple(paths),
            algorithms=tuple(algorithm or ["phash"]),
            output_format=output_format,
            output=output,
            jobs=opt.resolve_jobs(jobs),
            mirrors=mirrors,
            formats=opt.resolve_formats(allow_format or []),
            limits=Limits(max_pixels, max_bytes, max_frames),
        )
    )
