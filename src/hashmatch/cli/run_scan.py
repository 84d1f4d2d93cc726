"""What ``hashmatch scan`` does with its settings."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from itertools import chain

from hashmatch.cli.case_store import CaseStore, open_store
from hashmatch.cli.custody import open_custody
from hashmatch.cli.load_lists import load_lists, skipped_lines
from hashmatch.cli.results import (
    open_results,
    say_summary,
    say_thresholds,
    settings_record,
    shows,
)
from hashmatch.cli.scan import ScanSettings
from hashmatch.cli.streams import say
from hashmatch.cli.to_scan import to_scan
from hashmatch.examine.sandbox import AnyPool
from hashmatch.hashlist import HashList
from hashmatch.match.matcher import Matcher
from hashmatch.report import Record, Run
from hashmatch.scan import History, State, WalkCounts, scan_sources


def run_scan(asked: ScanSettings, pool: AnyPool) -> int:
    """Scan, write the results, and return the exit code."""
    shown = shows(asked.results.show, asked.results.output_format)
    with ExitStack() as stack:
        walk, counts = asked.walk.options(), WalkCounts()
        stores = stack.enter_context(asked.objects.stores())
        sources = to_scan(asked.walk, stack, stores, counts, walk)
        hash_lists = load_lists(asked.lists, quiet=asked.results.quiet)
        store = open_store(asked.custody.cases, asked.custody.state, stack)
        matcher = _build_matcher(asked, hash_lists, store)
        history = None
        if asked.custody.state is not None:
            state = stack.enter_context(State(asked.custody.state))
            history = History(state, matcher.options, rehash=asked.custody.rehash)
        # This creates files, so it comes after everything that may be refused
        custody = open_custody(asked.custody, asked.walk.paths or (), stack, stores, store)
        if history is not None:
            history.moved = custody.moved()
        run = Run(
            asked.workers.count(),
            paths=asked.walk.paths or (),
            files_from=asked.walk.files_from,
            max_list_age=asked.lists.max_list_age,
            state=history.counts if history else None,
        )
        expected = history.state.runs.last_count() if history else None
        with open_results(asked.results, run, custody, expected) as writer:
            custody.begin(matcher.hash_lists, _settings(asked, matcher, store))
            moving = asked.custody.quarantine is not None
            results = scan_sources(
                sources,
                matcher,
                pool,
                history,
                digests=moving,
                waiting=writer.progress.examined,
            )
            writer.follow(results, shown)
            summary = writer.sum_up(matcher, counts, walk)
        # Only now are the results written, so that the run may be recorded as ended
        if history is not None:
            history.end(summary)
        custody.end(summary)
    # Also if quiet: a folder that is not mounted is empty, too
    if not summary["files"] and not summary["run"]["interrupted"]:
        say("found no file to scan")
    return say_summary(summary, asked.results)


def _settings(asked: ScanSettings, matcher: Matcher, store: CaseStore | None) -> Record:
    return settings_record(
        matcher,
        asked.lists,
        walk=asdict(asked.walk.options()),
        paths=list(asked.walk.paths or ()),
        files_from=asked.walk.files_from,
        state=asked.custody.state,
        cases=None if store is None else store.place,
        rehash=asked.custody.rehash,
        objects=asdict(asked.objects),
    )


def _build_matcher(
    asked: ScanSettings, hash_lists: list[HashList], store: CaseStore | None
) -> Matcher:
    matcher = Matcher(
        hash_lists,
        **asked.matching.arguments(),
        **asked.pictures.arguments(),
        **asked.archives.arguments(),
        isolate=False,  # the pool decodes
        reviews=store,
    )
    say_thresholds(asked.matching, matcher.expected_false())
    if asked.results.verbose:
        say(*chain.from_iterable(map(skipped_lines, matcher.hash_lists)), *matcher.explain())
    return matcher
