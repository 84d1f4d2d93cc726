"""``hashmatch evaluate``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from hashmatch.cli import options as opt
from hashmatch.cli.command import takes_settings
from hashmatch.cli.files import READS, WRITES
from hashmatch.cli.list_options import NO_LISTS, ListSettings
from hashmatch.cli.sizes import parse_count


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateSettings:
    """The options of an evaluation."""

    PANEL: ClassVar[str] = "Evaluation"

    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH...",
            help="Files and folders of ordinary pictures that are on no list.",
            show_default=False,
        ),
        READS,
    ] = None
    algorithm: Annotated[
        opt.Names,
        typer.Option(
            metavar="ALGORITHM",
            help="phash, dhash, phash-256 or dhash-256. Repeatable. Default: phash and dhash.",
        ),
    ] = None
    list_size: Annotated[
        int | None,
        typer.Option(
            metavar="COUNT",
            parser=parse_count,
            help="Entries to count false matches for. Default: those of --list, else 100K.",
        ),
    ] = None
    files_per_day: Annotated[
        int, typer.Option(metavar="COUNT", parser=parse_count, help="Files you look up a day.")
    ] = 10_000
    max_false_per_day: Annotated[
        float, typer.Option(metavar="N", help="False matches a day that you accept.")
    ] = 10.0
    transforms: Annotated[
        opt.Names,
        typer.Option(
            metavar="NAME",
            help="Everyday change to imitate, by name or group. Repeatable. Default: all.",
        ),
    ] = None
    list_transforms: Annotated[
        bool, typer.Option("--list-transforms", help="Show the everyday changes and exit.")
    ] = False
    pairs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Use pairs that you have looked at: two paths, and 'same' or 'different'.",
        ),
        READS,
    ] = None
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Compare with an earlier evaluation.json."),
        READS,
    ] = None
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep measurements in FILE, to resume a stopped run. It holds hashes of your"
            " pictures.",
        ),
        WRITES,
    ] = None
    seed: opt.Seed = 1
    quality_floor: opt.QualityFloor = 50
    mirrors: opt.Mirrors = False
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Write evaluation.json, evaluation.csv and evaluation.html to FOLDER.",
        ),
        WRITES,
    ] = None
    lists: ListSettings = NO_LISTS
    pictures: opt.PictureSettings
    workers: opt.WorkerSettings


@takes_settings
def evaluate_command(asked: EvaluateSettings) -> int:
    """Find the thresholds that suit your pictures, your list and your volume.

    Take ordinary pictures, imitate what everyday use does to them, and count which thresholds still
    find them and which match different pictures. Exit codes: 0 evaluated, 64 wrong usage, 65 bad
    list, 66 no such input or too few pictures, 70 internal error, 130 interrupted, 128 + N stopped
    by signal N.
    """
    from hashmatch.cli.run_evaluate import run_evaluate, show_transforms  # noqa: PLC0415 # NumPy

    return show_transforms() if asked.list_transforms else run_evaluate(asked)
