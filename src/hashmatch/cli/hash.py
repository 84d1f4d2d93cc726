"""``hashmatch hash``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from hashmatch.cli import options as opt
from hashmatch.cli import suggestions
from hashmatch.cli.command import option, single, switch, takes_settings
from hashmatch.cli.deferred import deferred
from hashmatch.cli.streams import say
from hashmatch.model import Reason
from hashmatch.options import ExamineOptions
from hashmatch.text import count

if TYPE_CHECKING:
    from hashmatch import hashing, report, scan
    from hashmatch.report import hashes
else:
    hashing, report, scan, hashes = map(
        deferred,
        ("hashmatch.hashing", "hashmatch.report", "hashmatch.scan", "hashmatch.report.hashes"),
    )

UNSCANNED = 2
DEFAULT = ("phash-256", "dhash")
_SOUND = (None, Reason.FRAME_LIMIT)
"""With these, every view shows a whole picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HashOutputSettings:
    """What to compute, and how to write it."""

    PANEL: ClassVar[str] = "Output"

    algorithm: Annotated[
        opt.Names,
        option(
            "ALGORITHM",
            "phash or dhash, with a width if you like: phash-256. Repeatable. Default: phash-256"
            " and dhash, which together suit lists of any length.",
            completes=suggestions.picture_hashes,
        ),
    ] = None
    output_format: Annotated[
        str,
        option(
            "text|jsonl",
            "Write a hash list of the stored views (text), or a record per view (jsonl).",
            "--format",
        ),
    ] = "text"
    mirrors: Annotated[
        bool, switch("--mirrors", "With jsonl, also hash mirror images and quarter turns.")
    ] = False
    crops: Annotated[
        str,
        option(
            "0|1|5",
            "Also list crops of 90%: 1 the centre, 5 the corners too. They find uploads that were"
            " cropped by as much, but each adds its own false matches.",
        ),
    ] = "0"
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

    The output holds hashes: protect it as you protect your hash lists. Pictures that cannot be
    decoded completely are left out; those that viewers turn upright are listed both ways. Exit
    codes: 0 every file was examined, 2 some were not (stderr names them), otherwise as for scan.
    """
    kinds = tuple(dict.fromkeys(map(hashing.parse_kind, asked.hashes.algorithm or DEFAULT)))
    paths = scan.check_paths(asked.paths)
    options = ExamineOptions(
        kinds=kinds,
        **asked.pictures.arguments(),
        mirrors=asked.hashes.mirrors,
        crops=int(asked.hashes.crops),
        digests=("sha256",),
    )
    exit_code = written = 0
    with (
        scan.make_pool(asked.workers.count(), asked.workers.limits()) as pool,
        report.open_output(asked.hashes.output) as stream,
    ):
        writer = hashes.WRITERS[asked.hashes.output_format](stream, kinds)
        for path, examination in scan.examine_all(paths, options, pool):
            # The hash of a partly decoded picture would not find complete copies of it
            if examination.views and examination.reason in _SOUND:
                writer.write(scan.below(path, paths), examination)
                written += 1
            if examination.reason is not None:
                exit_code = UNSCANNED
                say(f"{os.fsdecode(path)}: {examination.reason}: {examination.detail}")
    if not written and not exit_code:
        say("found no picture")
    elif asked.hashes.output is not None:
        say(f"wrote the hashes of {count(written, 'picture')} to {asked.hashes.output}")
    return exit_code


app = single("hash", hash_command)
