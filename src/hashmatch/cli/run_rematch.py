"""What ``hashmatch rematch`` does with its settings."""

from __future__ import annotations

from contextlib import ExitStack

from hashmatch.cli.case_store import CaseStore, open_store
from hashmatch.cli.custody import open_custody
from hashmatch.cli.load_lists import load_lists
from hashmatch.cli.options import MatchSettings
from hashmatch.cli.rematch import RematchSettings
from hashmatch.cli.results import open_results, say_summary, say_thresholds, settings_record
from hashmatch.cli.scan import CustodySettings
from hashmatch.cli.streams import say
from hashmatch.hashlist import HashList
from hashmatch.match.matcher import Matcher
from hashmatch.report import Record, Run, list_record
from hashmatch.scan import (
    Replay,
    State,
    WalkCounts,
    WalkOptions,
    make_pool,
    new_entries,
    rematch,
)
from hashmatch.text import count


def run_rematch(asked: RematchSettings) -> int:
    """Match stored hashes again, write the results, and return the exit code."""
    with ExitStack() as stack:
        state = stack.enter_context(State(asked.stored.state, create=False))
        pool = make_pool(asked.workers.count(), asked.workers.limits())
        stack.callback(pool.close)
        known = load_lists(asked.lists, quiet=asked.results.quiet)
        hash_lists = _new_alone(known, asked)
        store = open_store(asked.stored.cases, asked.stored.state, stack)
        matcher = _build_matcher(asked.matching, hash_lists or known, state, store)
        replay = None
        if hash_lists:
            stores = stack.enter_context(asked.objects.stores())
            replay = Replay(
                state,
                matcher.options,
                include_gone=asked.stored.include_gone,
                objects=stores.item,
            )
        else:
            say("the lists have no new entries: there is nothing to rematch")
        custody = open_custody(CustodySettings(audit=asked.stored.audit), (), stack, cases=store)
        run = Run(
            asked.workers.count(),
            max_list_age=asked.lists.max_list_age,
            state=replay.counts if replay else None,
        )
        # Even if there is nothing to do: earlier results must not pass for today's
        with open_results(asked.results, run, custody) as writer:
            custody.begin(hash_lists, _settings(asked, matcher, store), command="rematch")
            writer.follow(rematch(matcher, pool, replay) if replay else ())
            lists = [list_record(hash_list) for hash_list in hash_lists]
            summary = writer.sum_up(matcher, WalkCounts(), WalkOptions(), lists=lists)
        # Only now are the results written, so that the run may be recorded as ended
        if replay is not None:
            replay.end(summary)
        custody.end(summary)
    return say_summary(summary, asked.results)


def _settings(asked: RematchSettings, matcher: Matcher, store: CaseStore | None) -> Record:
    return settings_record(
        matcher,
        asked.lists,
        state=asked.stored.state,
        cases=None if store is None else store.place,
        only_new_entries_since=asked.stored.only_new_entries_since,
        include_gone=asked.stored.include_gone,
    )


def _build_matcher(
    asked: MatchSettings, hash_lists: list[HashList], state: State, store: CaseStore | None
) -> Matcher:
    matcher = Matcher(
        hash_lists,
        **asked.arguments(),
        isolate=False,  # the pool decodes, if anything must be decoded
        reviews=store,
        **state.runs.latest_settings().options(),
    )
    say_thresholds(asked, matcher.expected_false())
    return matcher


def _new_alone(hash_lists: list[HashList], asked: RematchSettings) -> list[HashList]:
    """The lists, or with ``--only-new-entries-since`` their new entries, where there are any."""
    since = asked.stored.only_new_entries_since
    if since is None:
        return hash_lists
    # With the same policy: an entry that was left out before, and may match now, is new
    old = HashList.load(since, algorithm=asked.lists.algorithm, policy=asked.lists.policy())
    new = [new_entries(hash_list, old) for hash_list in hash_lists]
    for hash_list in () if asked.results.quiet else new:
        say(f"{hash_list.name}: {count(len(hash_list), 'new entry', 'new entries')}")
    return [hash_list for hash_list in new if len(hash_list)]
