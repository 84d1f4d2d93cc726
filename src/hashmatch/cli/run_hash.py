"""What ``hashmatch hash`` does with its settings."""

from __future__ import annotations

import os

from hashmatch.cli.hash import HashSettings
from hashmatch.cli.streams import say
from hashmatch.hashing import parse_kind
from hashmatch.options import ExamineOptions
from hashmatch.report import make_hash_writer, open_output
from hashmatch.scan import below, check_paths, examine_all, make_pool

UNSCANNED = 2


def run_hash(asked: HashSettings) -> int:
    """Hash, write the hashes, and return the exit code."""
    kinds = tuple(dict.fromkeys(map(parse_kind, asked.hashes.algorithm or ["phash"])))
    paths = check_paths(asked.paths)
    options = ExamineOptions(
        kinds=kinds,
        limits=asked.pictures.limits(),
        formats=asked.pictures.formats(),
        mirrors=asked.hashes.mirrors,
        digests=("sha256",),
    )
    exit_code = 0
    with (
        make_pool(asked.workers.count(), asked.workers.limits()) as pool,
        open_output(asked.hashes.output) as stream,
    ):
        writer = make_hash_writer(asked.hashes.output_format, stream, kinds)
        for path, examination in examine_all(paths, options, pool):
            if examination.views:
                writer.write(below(path, paths), examination)
            if examination.reason is not None:
                exit_code = UNSCANNED
                say(f"{os.fsdecode(path)}: {examination.reason}: {examination.detail}")
    return exit_code
