"""``hashmatch hash``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer

from hashmatch.cli import options as opt
from hashmatch.cli.command import single, takes_settings
from hashmatch.cli.streams import say
from hashmatch.hashing import parse_kind
from hashmatch.model import Reason
from hashmatch.options import ExamineOptions
from hashmatch.report import make_hash_writer, open_output
from hashmatch.scan import below, check_paths, examine_all, make_pool

UNSCANNED = 2
_SOUND = (None, Reason.FRAME_LIMIT)
"""With these, the views that there are show whole pictures."""


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

    The output holds hashes: protect it as you protect your hash lists. A picture that cannot be
    decoded completely is left out. Exit codes: 0 every file was
    examined, 2 some were not (stderr names them), otherwise as for scan.
    """
    kinds = tuple(dict.fromkeys(map(parse_kind, asked.hashes.algorithm or ["phash"])))
    paths = check_paths(asked.paths)
    options = ExamineOptions(
        kinds=kinds,
        limits=asked.pictures.limits(),
        formats=asked.pictures.formats(),
        mirrors=asked.hashes.mirrors,
        digests=("sha256",),
    )
    exit_code = written = 0
    with (
        make_pool(asked.workers.count(), asked.workers.limits()) as pool,
        open_output(asked.hashes.output) as stream,
    ):
        writer = make_hash_writer(asked.hashes.output_format, stream, kinds)
        for path, examination in examine_all(paths, options, pool):
            # The hash of a picture that was decoded in part finds no whole copy of it
            if examination.views and examination.reason in _SOUND:
                writer.write(below(path, paths), examination)
                written += 1
            if examination.reason is not None:
                exit_code = UNSCANNED
                say(f"{os.fsdecode(path)}: {examination.reason}: {examination.detail}")
    if not written and not exit_code:
        say("there is no picture in the paths")
    return exit_code


app = single("hash", hash_command)
