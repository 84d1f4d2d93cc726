"""What ``hashmatch hash`` does, once its options are understood."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from hashmatch.cli.options import say
from hashmatch.examine.decode import load_decoders
from hashmatch.hashing import parse_kind
from hashmatch.model import OPTIONAL_FORMATS, ExamineOptions, Limits
from hashmatch.report import make_hash_writer, open_output
from hashmatch.scan import below, check_paths, examine_all, make_pool

UNSCANNED = 2


@dataclass(frozen=True, slots=True)
class HashSettings:
    """The options of one run, as plain values."""

    paths: tuple[str, ...]
    algorithms: tuple[str, ...]
    output_format: str
    output: Path | None
    jobs: int
    mirrors: bool
    formats: frozenset[str]
    limits: Limits


def run_hash(settings: HashSettings) -> int:
    """Hash, write the hashes, and return the exit code."""
    kinds = tuple(dict.fromkeys(parse_kind(name) for name in settings.algorithms))
    paths = check_paths(settings.paths)
    load_decoders(settings.formats & OPTIONAL_FORMATS)  # to say at once what is not installed
    options = ExamineOptions(
        kinds=kinds,
        limits=settings.limits,
        formats=settings.formats,
        mirrors=settings.mirrors,
        digests=("sha256",),
    )
    exit_code = 0
    with make_pool(settings.jobs) as pool, open_output(settings.output) as stream:
        writer = make_hash_writer(settings.output_format, stream, kinds)
        for path, examination in examine_all(paths, options, pool):
            if examination.views:
                writer.write(below(path, paths), examination)
            if examination.reason is not None:
                exit_code = UNSCANNED
                say(f"{os.fsdecode(path)}: {examination.reason}: {examination.detail}")
    return exit_code
