"""What ``hashmatch scan`` does, once its options are understood."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from hashmatch.cli.custody import Custody, CustodySettings, open_custody
from hashmatch.cli.list_options import ListSettings
from hashmatch.cli.load_lists import load_lists, skipped_lines
from hashmatch.cli.options import say
from hashmatch.cli.progress import Progress, make_progress
from hashmatch.cli.stopping import stop_code
from hashmatch.errors import InputError, SettingsError
from hashmatch.examine.decode import load_decoders
from hashmatch.examine.sandbox import AnyPool
from hashmatch.match.lookup import Threshold
from hashmatch.match.matcher import Matcher
from hashmatch.model import OPTIONAL_FORMATS, ArchiveLimits, Limits
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
from hashmatch.scan import (
    History,
    State,
    WalkCounts,
    WalkOptions,
    check_paths,
    read_paths,
    scan,
)


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """The options of one scan, as plain values."""

    paths: tuple[str, ...]
    files_from: str | None
    null: bool
    lists: ListSettings
    threshold: Threshold
    quality_floor: int
    mirrors: bool
    require: str
    decode: str
    max_matches: int
    index: str
    output_format: str
    output: Path | None
    jobs: int
    formats: frozenset[str]
    limits: Limits
    archives: ArchiveLimits
    walk: WalkOptions
    state: str | None
    rehash: bool
    custody: CustodySettings
    quiet: bool
    verbose: bool

    def record(self, matcher: Matcher) -> Record:
        """What was asked for, as the audit trail tells it."""
        return {
            **matcher.settings(),
            **self.lists.record(),
            "walk": asdict(self.walk),
            "paths": list(self.paths),
            "files_from": self.files_from,
            "state": self.state,
            "rehash": self.rehash,
        }


def run_scan(settings: ScanSettings, pool: AnyPool) -> int:
    """Scan, write the results, and return the exit code."""
    load_decoders(settings.formats & OPTIONAL_FORMATS)  # to say at once what is not installed
    with ExitStack() as stack:
        paths = _paths(settings, stack)
        matcher = _build_matcher(settings)
        memory = _memory(settings, matcher, stack)
        # Makes files where there are none: after all that may be refused without a trace
        custody = open_custody(settings.custody, settings.paths, stack)
        expected = memory.state.runs.last_count() if memory else None
        with (
            open_output(settings.output) as stream,
            make_progress(quiet=settings.quiet, expected=expected) as progress,
        ):
            renderer = make_renderer(settings.output_format, stream)
            summary = _scan(paths, matcher, pool, settings, renderer, progress, memory, custody)
            renderer.summary(summary)
        # Only now are the results in place, and may the run be said to have ended
        if memory is not None:
            memory.end(summary)
        custody.end(summary)
    if not settings.quiet and not summary["files"] and not summary["run"]["interrupted"]:
        say("there was no file to scan")
    if not settings.quiet and (settings.output or settings.output_format == "csv"):
        say(summary_line(summary))
    return int(summary["exit_code"])


def _paths(settings: ScanSettings, stack: ExitStack) -> Iterable[bytes]:
    """The paths given, all of which must be there, and those that stand in ``--files-from``."""
    if not settings.paths and settings.files_from is None:
        raise SettingsError("say what to scan: give a PATH, or --files-from")
    if settings.null and settings.files_from is None:
        raise SettingsError("--null needs the --files-from whose paths end so")
    given = check_paths(settings.paths)
    if settings.files_from is None:
        return given
    if settings.files_from == "-":
        file: BinaryIO = sys.stdin.buffer
    else:
        try:
            file = open(settings.files_from, "rb")  # noqa: SIM115 # the stack closes it
        except OSError as error:
            why = os.strerror(error.errno or 0)
            raise InputError(f"cannot read it: {why}", path=settings.files_from) from error
        stack.enter_context(file)
    return chain(given, read_paths(file, b"\0" if settings.null else b"\n"))


def _scan(
    paths: Iterable[bytes],
    matcher: Matcher,
    pool: AnyPool,
    settings: ScanSettings,
    renderer: Renderer,
    progress: Progress,
    memory: History | None,
    custody: Custody,
) -> Record:
    """Render each file's record, and return the summary, also where Ctrl-C ends it early."""
    tally, counts = Tally(), WalkCounts()
    run = Run(settings.jobs, state=memory.counts if memory else None)
    custody.begin(matcher.hash_lists, settings.record(matcher))
    moving = settings.custody.quarantine is not None
    try:
        for result in scan(paths, matcher, pool, counts, settings.walk, memory, digests=moving):
            tally.add(result.outcome)
            record = file_record(result)
            custody.follow(result, record)
            renderer.file(record)
            progress.update(tally)
    except KeyboardInterrupt:
        run.interrupted, run.stop_code = True, stop_code()
    summary = summary_record(tally, counts, settings.walk, matcher, run)
    custody.sum_up(summary)
    return summary


def _memory(settings: ScanSettings, matcher: Matcher, stack: ExitStack) -> History | None:
    """What earlier scans found out, with ``--state``."""
    if settings.state is None:
        if settings.rehash:
            raise SettingsError("--rehash needs a --state whose times it is to distrust")
        return None
    state = stack.enter_context(State(settings.state))
    return History(state, matcher.options, rehash=settings.rehash)


def _build_matcher(settings: ScanSettings) -> Matcher:
    matcher = Matcher(
        load_lists(settings.lists, quiet=settings.quiet),
        threshold=settings.threshold,
        index=settings.index,
        quality_floor=settings.quality_floor,
        limits=settings.limits,
        archives=settings.archives,
        formats=settings.formats,
        mirrors=settings.mirrors,
        require=settings.require,
        decode=settings.decode,
        max_matches=settings.max_matches,
    )
    if settings.verbose:
        say(*chain.from_iterable(map(skipped_lines, matcher.hash_lists)), *matcher.explain())
    return matcher
