"""From outcomes to results: the loop that scan and rematch share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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
from hashmatch.report import (
    FORMATS,
    Record,
    Renderer,
    Run,
    Tally,
    file_record,
    open_output,
    summary_lines,
    summary_record,
)
from hashmatch.report.chance import expectation, warnings
from hashmatch.scan import FileResult, WalkCounts, WalkOptions

_SHOWN = {
    "all": frozenset(Verdict),
    "match": frozenset({Verdict.MATCH}),
    "review": frozenset({Verdict.MATCH, Verdict.CANDIDATE}),
    "unscanned": frozenset({Verdict.UNSCANNED}),
}


def shows(show: str, output_format: str) -> Callable[[Record], bool]:
    """Which records to write.

    Raises ``SettingsError`` if ``--show`` would drop what programs and reports rely on.
    """
    if show != "all" and output_format == "jsonl":
        raise SettingsError(
            "--show does not apply to jsonl, which holds every file: filter by verdict instead"
        )
    wanted = _SHOWN[show]
    return lambda record: record["verdict"] in wanted


@dataclass(frozen=True, slots=True)
class ResultWriter:
    """Counts the results of a command, puts them on record, and writes them."""

    run: Run
    custody: Custody  # what records a result and may move its file
    renderer: Renderer
    progress: Progress
    tally: Tally = field(default_factory=Tally)

    def follow(
        self, results: Iterable[FileResult], shown: Callable[[Record], bool] = lambda _: True
    ) -> None:
        """Take each result; Ctrl-C ends the run early."""
        try:
            for result in results:
                self.tally.add(result.outcome)
                record = file_record(result)
                self.custody.follow(result, record)
                if shown(record):
                    self.renderer.file(record)
                self.progress.update(self.tally)
        except KeyboardInterrupt:
            self.run.interrupted, self.run.stop_code = True, stop_code()
        finally:
            self.renderer.flush()

    def sum_up(
        self, matcher: Matcher, counts: WalkCounts, walk: WalkOptions, **others: Any
    ) -> Record:
        """Write the summary, and return it."""
        summary = summary_record(self.tally, counts, walk, matcher, self.run) | others
        self.custody.sum_up(summary)
        self.renderer.summary(summary)
        return summary


@contextmanager
def open_results(
    asked: ResultSettings, run: Run, custody: Custody, expected: int | None = None
) -> Iterator[ResultWriter]:
    """Open where results go, or raise ``OutputError``.

    ``expected`` is how many files there may be, for the status line.
    """
    with (
        open_output(asked.output) as stream,
        Progress(quiet=asked.quiet, expected=expected) as progress,
    ):
        yield ResultWriter(run, custody, FORMATS[asked.output_format](stream), progress)


def settings_record(matcher: Matcher, lists: ListSettings, **others: Any) -> Record:
    """The settings of a command, for the audit trail."""
    return {**matcher.settings(), **lists.record(), **others}


def say_thresholds(asked: MatchSettings, expected: ExpectedFalse) -> None:
    """Warn of thresholds without effect, and of those that make too many false matches."""
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
