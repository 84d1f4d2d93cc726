"""From outcomes to results: the loop that scan and rematch share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from hashmatch.cli.custody import Custody
from hashmatch.cli.list_options import ListSettings
from hashmatch.cli.options import MatchSettings, ResultSettings
from hashmatch.cli.progress import Progress
from hashmatch.cli.stopping import stop_code
from hashmatch.cli.streams import say
from hashmatch.errors import SettingsError
from hashmatch.hashlist import HashList
from hashmatch.match.expected import ExpectedFalse, expect_by_default
from hashmatch.match.matcher import Matcher
from hashmatch.model import Verdict
from hashmatch.report import Record, Renderer, Run, Tally, file_record, summary_lines
from hashmatch.report.chance import expectation, warnings
from hashmatch.scan import FileResult

_SHOWN = {
    "all": frozenset(Verdict),
    "match": frozenset({Verdict.MATCH}),
    "review": frozenset({Verdict.MATCH, Verdict.CANDIDATE}),
    "unscanned": frozenset({Verdict.UNSCANNED}),
}


def shows(show: str, output_format: str) -> Callable[[Record], bool]:
    """Which records to write.

    Raises:
        SettingsError: ``--show`` would drop records that programs and reports rely on.
    """
    if show != "all" and output_format == "jsonl":
        raise SettingsError(
            "--show does not apply to jsonl, which holds every file: filter by verdict instead"
        )
    wanted = _SHOWN[show]
    return lambda record: record["verdict"] in wanted


def follow(
    results: Iterable[FileResult],
    tally: Tally,
    run: Run,
    custody: Custody,
    renderer: Renderer,
    progress: Progress,
    shown: Callable[[Record], bool] = lambda _: True,
) -> None:
    """Count each result, put it on record, and write it; Ctrl-C ends the run early."""
    try:
        for result in results:
            tally.add(result.outcome)
            record = file_record(result)
            custody.follow(result, record)
            if shown(record):
                renderer.file(record)
            progress.update(tally)
    except KeyboardInterrupt:
        run.interrupted, run.stop_code = True, stop_code()
    finally:
        renderer.flush()


def settings_record(matcher: Matcher, lists: ListSettings, **others: Any) -> Record:
    """The settings of a command, for the audit trail."""
    return {**matcher.settings(), **lists.record(), **others}


def say_thresholds(asked: MatchSettings, expected: ExpectedFalse) -> None:
    """Warn of thresholds without effect, and of those that make too many false matches.

    Args:
        asked: the matching options, ``--threshold`` among them.
        expected: the false matches to expect from the lists in use.
    """
    given = asked.thresholds()
    kinds = expected.cutoffs.near
    known = {str(kind) for kind in kinds} | {kind.algorithm for kind in kinds}
    for name in given if isinstance(given, dict) else ():
        if name not in known:
            say(f"--threshold {name}: no list has a {name} hash")
    say(*warnings(expected))


def expectation_by_default(hash_list: HashList) -> Iterator[str]:
    """Say what to expect from a list that can match, and warn on stderr."""
    if len(hash_list):
        found = expect_by_default(hash_list)
        say(*warnings(found))
        yield f"with the default settings, {expectation(found.record())}"


def say_summary(summary: Record, asked: ResultSettings) -> int:
    """Name former matches that are gone, and return the exit code.

    Also print the summary, if the results do not show it.
    """
    if not asked.quiet:
        for path in (summary["run"]["state"] or {}).get("gone_matches", ()):
            say(f"{path}: gone; it matched in an earlier scan")
        if asked.output or asked.output_format == "csv":
            say(*summary_lines(summary))
    return int(summary["exit_code"])
