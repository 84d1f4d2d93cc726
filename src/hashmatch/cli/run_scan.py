"""What ``hashmatch scan`` does with its settings."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict
from itertools import chain
from typing import BinaryIO

from hashmatch.cli.custody import open_custody
from hashmatch.cli.load_lists import load_lists, skipped_lines
from hashmatch.cli.options import WalkSettings
from hashmatch.cli.progress import Progress
from hashmatch.cli.results import follow, say_summary, say_thresholds, settings_record, shows
from hashmatch.cli.scan import ScanSettings
from hashmatch.cli.streams import say
from hashmatch.errors import InputError, SettingsError
from hashmatch.examine.sandbox import AnyPool
from hashmatch.match.matcher import Matcher
from hashmatch.report import Record, Run, Tally, make_renderer, open_output, summary_record
from hashmatch.scan import History, State, WalkCounts, check_paths, read_paths, scan


def run_scan(asked: ScanSettings, pool: AnyPool) -> int:
    """Scan, write the results, and return the exit code."""
    shown = shows(asked.results.show, asked.results.output_format)
    with ExitStack() as stack:
        paths = paths_of(asked.walk, stack)
        matcher = _build_matcher(asked)
        history = None
        if asked.custody.state is not None:
            state = stack.enter_context(State(asked.custody.state))
            history = History(state, matcher.options, rehash=asked.custody.rehash)
        # This creates files, so it comes after everything that may be refused
        custody = open_custody(asked.custody, asked.walk.paths or (), stack)
        if history is not None:
            history.moved = custody.moved()
        walk, counts, tally = asked.walk.options(), WalkCounts(), Tally()
        run = Run(
            asked.workers.count(),
            paths=asked.walk.paths or (),
            files_from=asked.walk.files_from,
            max_list_age=asked.lists.max_list_age,
            state=history.counts if history else None,
        )
        with (
            open_output(asked.results.output) as stream,
            Progress(
                quiet=asked.results.quiet,
                expected=history.state.runs.last_count() if history else None,
            ) as progress,
        ):
            renderer = make_renderer(asked.results.output_format, stream)
            custody.begin(matcher.hash_lists, _settings(asked, matcher))
            moving = asked.custody.quarantine is not None
            results = scan(paths, matcher, pool, counts, walk, history, digests=moving)
            follow(results, tally, run, custody, renderer, progress, shown)
            summary = summary_record(tally, counts, walk, matcher, run)
            custody.sum_up(summary)
            renderer.summary(summary)
        # Only now are the results written, so that the run may be recorded as ended
        if history is not None:
            history.end(summary)
        custody.end(summary)
    # Also if quiet: a folder that is not mounted is empty, too
    if not summary["files"] and not summary["run"]["interrupted"]:
        say("found no file to scan")
    return say_summary(summary, asked.results)


def _settings(asked: ScanSettings, matcher: Matcher) -> Record:
    return settings_record(
        matcher,
        asked.lists,
        walk=asdict(asked.walk.options()),
        paths=list(asked.walk.paths or ()),
        files_from=asked.walk.files_from,
        state=asked.custody.state,
        rehash=asked.custody.rehash,
    )


def paths_of(asked: WalkSettings, stack: ExitStack) -> Iterable[bytes]:
    """The paths given, all of which must exist, and those in ``--files-from``."""
    if not asked.paths and asked.files_from is None:
        raise SettingsError("nothing to scan: give a PATH or --files-from")
    if asked.null and asked.files_from is None:
        raise SettingsError("--null needs --files-from")
    given = check_paths(asked.paths or ())
    if asked.files_from is None:
        return given
    if asked.files_from == "-":
        file: BinaryIO = sys.stdin.buffer
    else:
        try:
            file = open(asked.files_from, "rb")  # noqa: SIM115 # the stack closes it
        except OSError as error:
            why = os.strerror(error.errno or 0)
            raise InputError(f"cannot be read: {why}", path=asked.files_from) from error
        stack.enter_context(file)
    return chain(given, read_paths(file, b"\0" if asked.null else b"\n"))


def _build_matcher(asked: ScanSettings) -> Matcher:
    matcher = Matcher(
        load_lists(asked.lists, quiet=asked.results.quiet),
        **asked.matching.arguments(),
        limits=asked.pictures.limits(),
        archives=asked.archives.limits(),
        video=asked.archives.video(),
        formats=asked.pictures.formats(),
        isolate=False,  # the pool decodes
    )
    say_thresholds(asked.matching, matcher.expected_false())
    if asked.results.verbose:
        say(*chain.from_iterable(map(skipped_lines, matcher.hash_lists)), *matcher.explain())
    return matcher
