"""``hashmatch hash``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer

from hashmatch.cli import options as opt
from hashmatch.cli.command import takes_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class HashOutputSettings:
    """What to compute, and how to write it."""

    PANEL: ClassVar[str] = "Output"

    algorithm: Annotated[
        opt.Names,
        typer.Option(
            metavar="ALGORITHM",
            help="phash or dhash, or with its width: phash-256. Repeatable. Default: phash.",
        ),
    ] = None
    output_format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="text|jsonl",
            help="Write a hash list of the stored views (text), or every view (jsonl).",
        ),
    ] = "text"
    mirrors: Annotated[
        bool, typer.Option("--mirrors", help="With jsonl: also mirror images and quarter turns.")
    ] = False
    output: opt.Output = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HashSettings:
    """The options of hashmatch hash."""

    paths: opt.Paths
    hashes: HashOutputSettings
    pictures: opt.PictureSettings
    workers: opt.WorkerSettings


@takes_settings
def hash_command(asked: HashSettings) -> int:
    """Compute the hashes of pictures, as a list or as records.

    The output holds hashes: protect it as you protect your hash lists. Exit codes: 0 every file was
    examined, 2 some were not (stderr names them), otherwise as for scan.
    """
    from hashmatch.cli.run_hash import run_hash  # noqa: PLC0415 # it takes NumPy

    return run_hash(asked)
