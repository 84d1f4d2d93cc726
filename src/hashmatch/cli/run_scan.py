"""What ``hashmatch scan`` does, once its options are understood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hashmatch.cli.options import say
from hashmatch.decode import load_decoders
from hashmatch.hashlist import HashList
from hashmatch.matcher import Matcher, Threshold
from hashmatch.model import OPTIONAL_FORMATS, Limits
from hashmatch.report import (
    Record,
    Renderer,
    Run,
    Tally,
    file_record,
    make_renderer,
    open_output,
    summary_line,
    summary_record,
)
from hashmatch.scan import AnyPool, WalkCounts, check_paths, make_pool, scan


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """The options of one scan, as plain values."""

    paths: tuple[Path, ...]
    lists: tuple[Path, ...]
    algorithm: str | None
    threshold: Threshold
    quality_floor: int
    mirrors: bool
    decode: str
    max_matches: int
    skip_bad_entries: bool
    index: str
    output_format: str
    output: Path | None
    jobs: int
    formats: frozenset[str]
    limits: Limits
    verbose: bool


def run_scan(settings: ScanSettings) -> int:
    """Scan, write the results, and return the exit code."""
    paths = check_paths(settings.paths)
    load_decoders(settings.formats & OPTIONAL_FORMATS)  # to say at once what is not installed
    with make_pool(settings.jobs) as pool:
        matcher = _build_matcher(settings)
        with open_output(settings.output) as stream:
            renderer = make_renderer(settings.output_format, stream)
            summary = _scan(paths, matcher, pool, renderer, Run(settings.jobs))
            renderer.summary(summary)
    if settings.output is not None or settings.output_format == "csv":
        say(summary_line(summary))
    return int(summary["exit_code"])


def _scan(
    paths: Sequence[bytes], matcher: Matcher, pool: AnyPool, renderer: Renderer, run: Run
) -> Record:
    """Render each file's record, and return the summary, also where Ctrl-C ends it early."""
    tally, counts = Tally(), WalkCounts()
    try:
        for result in scan(paths, matcher, pool, counts):
            tally.add(result.outcome)
            renderer.file(file_record(result))
    except KeyboardInterrupt:
        run.interrupted = True
    return summary_record(tally, counts, matcher, run)


def _build_matcher(settings: ScanSettings) -> Matcher:
    hash_lists = [
        HashList.load(
            path, algorithm=settings.algorithm, skip_bad_entries=settings.skip_bad_entries
        )
        for path in settings.lists
    ]
    for hash_list in hash_lists:
        for notice in hash_list.notices:
            say(f"{hash_list.name}: {notice}")
    matcher = Matcher(
        hash_lists,
        threshold=settings.threshold,
        index=settings.index,
        quality_floor=settings.quality_floor,
        limits=settings.limits,
        formats=settings.formats,
        mirrors=settings.mirrors,
        decode=settings.decode,
        max_matches=settings.max_matches,
    )
    if settings.verbose:
        say(*matcher.explain())
    return matcher
