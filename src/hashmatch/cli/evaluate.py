"""``hashmatch evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hashmatch.cli import options as opt
from hashmatch.cli.files import READS, WRITES
from hashmatch.cli.list_options import NO_LISTS, ListSettings, takes_lists


@takes_lists
def evaluate_command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH...",
            help="Files and folders of ordinary pictures that are on no list.",
            show_default=False,
        ),
        READS,
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Write evaluation.json, evaluation.csv and evaluation.html there.",
        ),
        WRITES,
    ] = None,
    algorithm: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ALGORITHM",
            help="What to evaluate: phash, dhash, phash-256 or dhash-256; may be given several"
            " times. Default: phash and dhash.",
        ),
    ] = None,
    list_size: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Entries of the list to count false matches for. Default: those of --list, else"
            " 100000.",
        ),
    ] = None,
    files_per_day: Annotated[
        int, typer.Option(metavar="N", help="Files that are looked up in a day.")
    ] = 10_000,
    max_false_per_day: Annotated[
        float, typer.Option(metavar="N", help="False matches a day that are acceptable.")
    ] = 10.0,
    transforms: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Everyday changes to imitate, by name or group; may be given several times."
            " Default: all.",
        ),
    ] = None,
    list_transforms: Annotated[
        bool, typer.Option("--list-transforms", help="Show the everyday changes and exit.")
    ] = False,
    lists: ListSettings = NO_LISTS,
    pairs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A CSV file of pairs that you have looked at: two paths, and 'same' or"
            " 'different'.",
        ),
        READS,
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="An earlier evaluation.json: show what changed since."),
        READS,
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep what was measured there, so that a stopped run can be taken up again. It"
            " holds hashes of your pictures.",
        ),
        WRITES,
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Of the split in halves and of all that is random.")
    ] = 1,
    quality_floor: Annotated[
        int, typer.Option(metavar="0-100", help="As in scan: below this quality nothing matches.")
    ] = 50,
    mirrors: Annotated[
        bool, typer.Option("--mirrors", help="As in scan: also look up flips and quarter turns.")
    ] = False,
    jobs: opt.Jobs = None,
    allow_format: opt.AllowFormat = None,
    max_pixels: opt.MaxPixels = opt.DEFAULT_LIMITS.max_pixels,
    max_bytes: opt.MaxBytes = opt.DEFAULT_LIMITS.max_bytes,
    max_frames: opt.MaxFrames = opt.DEFAULT_LIMITS.max_frames,
) -> int:
    """Find the thresholds that suit your pictures, your list and your volume.

    Takes ordinary pictures, imitates what everyday use does to them, and counts which thresholds
    still find them and which match different pictures. Exit codes: 0 evaluated, 64 wrong usage,
    65 bad list, 66 no such input or too few pictures, 70 internal error, 130 interrupted,
    128 + N stopped by signal N.
    """
    from hashmatch.cli.run_evaluate import (  # noqa: PLC0415 # it takes NumPy
        EvaluateSettings,
        run_evaluate,
        show_transforms,
    )

    if list_transforms:
        return show_transforms()
    return run_evaluate(
        EvaluateSettings(
            paths=tuple(paths or ()),
            output=output,
            algorithms=tuple(algorithm or ("phash", "dhash")),
            list_size=list_size,
            files_per_day=files_per_day,
            max_false_per_day=max_false_per_day,
            transforms=tuple(transforms or ()),
            lists=lists,
            pairs=pairs,
            baseline=baseline,
            cache=cache,
            seed=seed,
            quality_floor=quality_floor,
            mirrors=mirrors,
            jobs=opt.resolve_jobs(jobs),
            formats=opt.resolve_formats(allow_format or []),
            limits=opt.resolve_limits(max_pixels, max_bytes, max_frames),
        )
    )
