"""What ``hashmatch rematch`` does, once its options are understood."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from hashmatch.cli.custody import Custody, CustodySettings, open_custody
from hashmatch.cli.list_options import ListSettings
from hashmatch.cli.load_lists import load_lists
from hashmatch.cli.options import say
from hashmatch.cli.progress import make_progress
from hashmatch.cli.stopping import stop_code
from hashmatch.examine.sandbox import AnyPool, WorkerLimits
from hashmatch.hashlist import HashList
from hashmatch.match.lookup import Threshold
from hashmatch.match.matcher import Matcher
from hashmatch.report import (
    Record,
    Renderer,
    Run,
    Tally,
    file_record,
    list_record,
    make_renderer,
    open_output,
    summary_line,
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


@dataclass(frozen=True, slots=True)
class RematchSettings:
    """The options of one re-match, as plain values."""

    state: str
    lists: ListSettings
    since: str | None
    include_gone: bool
    threshold: Threshold
    require: str
    max_matches: int
    output_format: str
    output: Path | None
    jobs: int
    workers: WorkerLimits
    audit: Path | None
    quiet: bool

    def record(self, of_matcher: Record) -> Record:
        """What was asked for, as the audit trail tells it."""
        return {
            **of_matcher,
            **self.lists.record(),
            "state": self.state,
            "only_new_entries_since": self.since,
            "include_gone": self.include_gone,
        }


def run_rematch(settings: RematchSettings) -> int:
    """Match what is stored, write the results, and return the exit code."""
    with ExitStack() as stack:
        state = stack.enter_context(State(settings.state, create=False))
        pool = make_pool(settings.jobs, settings.workers)
        stack.callback(pool.close)
        known = load_lists(settings.lists, quiet=settings.quiet)
        hash_lists = _new_alone(known, settings)
        matcher = Matcher(
            hash_lists or known,
            threshold=settings.threshold,
            require=settings.require,
            max_matches=settings.max_matches,
            **state.runs.latest_settings().options(),
        )
        replay = None
        if hash_lists:
            replay = Replay(state, matcher.options, include_gone=settings.include_gone)
        else:
            say("the lists have no new entry: there is nothing to match again")
        custody = open_custody(CustodySettings(settings.audit), (), stack)
        # Also of nothing, or results of before would pass for those of now
        with open_output(settings.output) as stream:
            renderer = make_renderer(settings.output_format, stream)
            asked = settings.record(matcher.settings())
            custody.begin(hash_lists, asked, command="rematch")
            summary = _rematch(matcher, pool, replay, settings, renderer, custody)
            summary["lists"] = [list_record(hash_list) for hash_list in hash_lists]
            renderer.summary(summary)
        # Only now are the results in place, and may the run be said to have ended
        if replay is not None:
            replay.end(summary)
        custody.end(summary)
    if not settings.quiet and (settings.output or settings.output_format == "csv"):
        say(summary_line(summary))
    return int(summary["exit_code"])


def _new_alone(hash_lists: list[HashList], settings: RematchSettings) -> list[HashList]:
    """The lists, or with ``--only-new-entries-since`` what is new of them, if anything is."""
    if settings.since is None:
        return hash_lists
    # By the same policy: what did not match then, and may now, is new
    policy = settings.lists.policy()
    old = HashList.load(settings.since, algorithm=settings.lists.algorithm, policy=policy)
    new = [new_entries(hash_list, old) for hash_list in hash_lists]
    for hash_list in () if settings.quiet else new:
        say(f"{hash_list.name}: {len(hash_list)} new entries")
    return [hash_list for hash_list in new if len(hash_list)]


def _rematch(
    matcher: Matcher,
    pool: AnyPool,
    replay: Replay | None,
    settings: RematchSettings,
    renderer: Renderer,
    custody: Custody,
) -> Record:
    """Render each file's record, and return the summary, also where Ctrl-C ends it early."""
    tally, run = Tally(), Run(settings.jobs, state=replay.counts if replay else None)
    with make_progress(quiet=settings.quiet) as progress:
        try:
            for result in rematch(matcher, pool, replay) if replay else ():
                tally.add(result.outcome)
                record = file_record(result)
                custody.follow(result, record)
                renderer.file(record)
                progress.update(tally)
        except KeyboardInterrupt:
            run.interrupted, run.stop_code = True, stop_code()
    return summary_record(tally, WalkCounts(), WalkOptions(), matcher, run)
