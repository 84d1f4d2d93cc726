"""``hashmatch rematch``."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer

from hashmatch.cli import options as opt
from hashmatch.cli.command import single, takes_settings
from hashmatch.cli.custody import open_custody
from hashmatch.cli.files import READS
from hashmatch.cli.list_options import ListSettings
from hashmatch.cli.load_lists import load_lists
from hashmatch.cli.progress import Progress
from hashmatch.cli.results import follow, say_summary, say_thresholds
from hashmatch.cli.scan import CustodySettings
from hashmatch.cli.streams import say
from hashmatch.hashlist import HashList
from hashmatch.match.matcher import Matcher
from hashmatch.report import (
    Record,
    Run,
    Tally,
    list_record,
    make_renderer,
    open_output,
    summary_record,
)
from hashmatch.scan import (
    Replay,
    State,
    WalkCounts,
    WalkOptions,
    make_pool,
    new_entries,
    rematch,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSettings:
    """Which stored hashes to match, and what to keep of the run."""

    PANEL: ClassVar[str] = "State and custody"

    state: opt.StateFile
    only_new_entries_since: Annotated[
        str | None,
        typer.Option(metavar="OLD_LIST", help="Match only entries that this older list lacks."),
        READS,
    ] = None
    include_gone: Annotated[
        bool, typer.Option("--include-gone", help="Also match files that no longer exist.")
    ] = False
    audit: opt.Audit = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RematchSettings:
    """The options of a rematch."""

    lists: ListSettings
    matching: opt.MatchSettings
    workers: opt.WorkerSettings
    results: opt.ResultSettings
    stored: StoredSettings


@takes_settings
def rematch_command(asked: RematchSettings) -> int:
    """Match stored hashes against another list, or at another threshold, without opening files.

    Only files whose stored preview may be near an entry are opened, to make sure. If such a file is
    gone or has changed, its matches say "confirmed": false. Files are named by their absolute
    paths. Records and exit codes are those of scan.
    """
    with ExitStack() as stack:
        state = stack.enter_context(State(asked.stored.state, create=False))
        pool = make_pool(asked.workers.count(), asked.workers.limits())
        stack.callback(pool.close)
        known = load_lists(asked.lists, quiet=asked.results.quiet)
        hash_lists = _new_alone(known, asked)
        matcher = _build_matcher(asked.matching, hash_lists or known, state)
        replay = None
        if hash_lists:
            replay = Replay(state, matcher.options, include_gone=asked.stored.include_gone)
        else:
            say("the lists have no new entry: there is nothing to match again")
        custody = open_custody(CustodySettings(audit=asked.stored.audit), (), stack)
        tally = Tally()
        run = Run(
            asked.workers.count(),
            max_list_age=asked.lists.max_list_age,
            state=replay.counts if replay else None,
        )
        # Also if there is nothing, or earlier results would pass for today's
        with (
            open_output(asked.results.output) as stream,
            Progress(quiet=asked.results.quiet) as progress,
        ):
            renderer = make_renderer(asked.results.output_format, stream)
            custody.begin(hash_lists, _settings_record(asked, matcher), command="rematch")
            results = rematch(matcher, pool, replay) if replay else ()
            follow(results, tally, run, custody, renderer, progress)
            summary = summary_record(tally, WalkCounts(), WalkOptions(), matcher, run)
            summary["lists"] = [list_record(hash_list) for hash_list in hash_lists]
            renderer.summary(summary)
        # Only now are the results in place, and the run may be recorded as ended
        if replay is not None:
            replay.end(summary)
        custody.end(summary)
    return say_summary(summary, asked.results)


def _build_matcher(asked: opt.MatchSettings, hash_lists: list[HashList], state: State) -> Matcher:
    matcher = Matcher(
        hash_lists,
        **asked.arguments(),
        isolate=False,  # the pool decodes, if anything must be decoded
        **state.runs.latest_settings().options(),
    )
    say_thresholds(asked, matcher.expected_false())
    return matcher


def _settings_record(asked: RematchSettings, matcher: Matcher) -> Record:
    """The settings, for the audit trail."""
    return {
        **matcher.settings(),
        **asked.lists.record(),
        "state": asked.stored.state,
        "only_new_entries_since": asked.stored.only_new_entries_since,
        "include_gone": asked.stored.include_gone,
    }


def _new_alone(hash_lists: list[HashList], asked: RematchSettings) -> list[HashList]:
    """The lists, or with ``--only-new-entries-since`` their new entries, where there are any."""
    since = asked.stored.only_new_entries_since
    if since is None:
        return hash_lists
    # By the same policy: an entry that was left out before, and may match now, is new
    old = HashList.load(since, algorithm=asked.lists.algorithm, policy=asked.lists.policy())
    new = [new_entries(hash_list, old) for hash_list in hash_lists]
    for hash_list in () if asked.results.quiet else new:
        entries = "entry" if len(hash_list) == 1 else "entries"
        say(f"{hash_list.name}: {len(hash_list)} new {entries}")
    return [hash_list for hash_list in new if len(hash_list)]


app = single("rematch", rematch_command)
