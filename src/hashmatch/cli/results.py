"""From outcomes to results: the loop that scan and rematch share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import comb

from hashmatch.cli.custody import Custody
from hashmatch.cli.options import MatchSettings, ResultSettings
from hashmatch.cli.progress import Progress
from hashmatch.cli.stopping import stop_code
from hashmatch.cli.streams import say
from hashmatch.errors import SettingsError
from hashmatch.model import Verdict
from hashmatch.report import Record, Renderer, Run, Tally, file_record, summary_line
from hashmatch.scan import FileResult

_CHANCE = 1e-5
"""Chance that unrelated hashes match, above which to warn; the default thresholds have 1e-9."""

_SHOWN = {
    "all": frozenset(Verdict),
    "match": frozenset({Verdict.MATCH}),
    "review": frozenset({Verdict.MATCH, Verdict.LOW_INFORMATION}),
    "unscanned": frozenset({Verdict.UNSCANNED}),
}


def shows(show: str, output_format: str) -> Callable[[Record], bool]:
    """Which records to write.

    Raises:
        SettingsError: ``--show`` has an unknown value, or would leave out records that programs and
            reports rely on.
    """
    if show not in _SHOWN:
        raise SettingsError(f"--show takes one of: {', '.join(_SHOWN)}")
    if show != "all" and output_format == "jsonl":
        raise SettingsError("--format jsonl holds every file; select its records by their verdict")
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


def say_thresholds(asked: MatchSettings, thresholds: Mapping[str, int]) -> None:
    """Warn of thresholds that are surely not what was meant.

    Args:
        asked: what ``--threshold`` says, among others.
        thresholds: those in force, in bits, by kind of hash, such as ``phash-64``.
    """
    given = asked.thresholds()
    if given is None:
        return
    for name in given if isinstance(given, dict) else ():
        if not any(kind == name or kind.rpartition("-")[0] == name for kind in thresholds):
            say(f"--threshold {name}: no list has a {name} hash")
    for kind, threshold in thresholds.items():
        bits = int(kind.rpartition("-")[2])
        # Unrelated hashes differ in half of their bits, give or take
        chance = sum(comb(bits, distance) for distance in range(threshold + 1)) / 2**bits
        if chance > _CHANCE:
            say(
                f"--threshold {threshold} for {kind}: about 1 in {1 / chance:,.0f} unrelated"
                " pictures is within this distance of any one entry"
            )


def say_summary(summary: Record, asked: ResultSettings) -> int:
    """Say what came of it where the results do not, and return the exit code."""
    if not asked.quiet and (asked.output or asked.output_format == "csv"):
        say(summary_line(summary))
    return int(summary["exit_code"])
