"""How results say what a match is worth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commands import hashmatch_command
from hashmatch import HashKind
from hashmatch.match.cutoffs import Cutoffs, Group, MatchRule
from hashmatch.match.expected import ExpectedFalse
from hashmatch.match.rates import PHOTOGRAPHS
from hashmatch.report.chance import expectation, warnings
from hashmatch.report.numbers import one_in
from hashmatch.report.overview import read_results
from hashmatch.report.scan_page import to_html

from .html import results

PHASH, PLUGIN = HashKind("phash", 64), HashKind("plugin", 64)


def expected(entries: int, *kinds: HashKind) -> ExpectedFalse:
    """What is expected of a list with so many entries of each kind, at a threshold of 8."""
    groups = tuple(Group("list", (kind,), entries, 1) for kind in kinds)
    rule = MatchRule(8, "any", 1_000, mirrors=False, rates=PHOTOGRAPHS)
    cutoffs = Cutoffs(dict.fromkeys(kinds, 8), {(kind,): {kind: 8} for kind in kinds}, False)
    return ExpectedFalse(groups, cutoffs, rule)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1 / 6, "1 in 6"),
        (1 / 40_000_000, "1 in 40,000,000"),
        (1 / 8_617, "1 in 8,600"),
        (2.5, "2.5 per file"),
        (1 / 76_000_000_000, "under 1 in 1,000,000,000"),
        (0.0, "none"),
        (None, "not known"),
    ],
)
def test_chances_are_odds(number: float | None, words: str) -> None:
    """A chance is said as one in how many files, with two digits, or as what it is instead."""
    assert one_in(number) == words


@pytest.mark.parametrize(
    ("number", "words"), [(1.0, "expect 1 false match per"), (2.0, "expect 2 false matches per")]
)
def test_one_false_match_is_singular(number: float, words: str) -> None:
    """One false match per million files is a match, not matches."""
    assert expectation({"per_million_files": number, "bound": 3.0}).startswith(words)


def test_more_false_matches_than_files_are_said_per_file() -> None:
    """At thresholds that each file meets several times, the unit is a file, not a million."""
    record = {"per_million_files": 3.2e6, "bound": 3.4e6, "candidates_per_million_files": 2e6}
    assert expectation(record) == (
        "expect 3.2 false matches per file (95% bound: 3.4), and 2 candidates"
    )


def test_a_sum_with_an_unknown_kind_is_not_known() -> None:
    """A list with hashes of a plug-in has no number; the warning counts what is known."""
    found = expected(1_000_000, PHASH, PLUGIN)
    record = found.record()
    assert (record["per_million_files"], record["bound"]) == (None, None)
    assert expectation(record) == (
        "false matches to expect: not known (plugin-64 was never measured)"
    )
    assert found.too_many


def test_long_lists_are_warned_of_with_a_way_out() -> None:
    """Over 1 in 10,000 files, two lines say how many, and which threshold would do."""
    many, remedy = warnings(expected(20_000, PHASH))
    assert "thresholds, expect 2,321 false matches per million files (95%" in many
    assert "leave --threshold out" in remedy
    assert "--threshold phash-64=4 (extrapolated); or a list of 256-bit hashes; or --req" in remedy
    assert not list(warnings(expected(800, PHASH)))


def test_a_list_check_says_what_to_expect(tmp_path: Path) -> None:
    """``list check`` and ``list show`` say it for the default settings, with the candidates."""
    path = tmp_path / "hashes.txt"
    lines = (
        f"phash:{number * 0x9E3779B97F4A7C15 % 2**64:016x} e{number}" for number in range(1, 20_001)
    )
    path.write_text("\n".join(lines))
    path.chmod(0o600)
    for command in ("check", "show"):
        done = hashmatch_command("list", command, path)
        assert b"with the default settings, expect 863 false matches per million" in done.stdout
        assert b", and 1,460 candidates" in done.stdout
    shown = json.loads(hashmatch_command("list", "show", path, "--json").stdout)
    assert shown["expected_false"]["per_million_files"] == 863


def test_a_report_shows_odds_and_the_sum(tmp_path: Path) -> None:
    """The page has the odds of each match, and what to expect of the lists."""
    record = results.file("a.jpg", "match", matches=[results.match(expected_false=1 / 6)])
    summary = results.summary([record], expected_false=expected(1_000, PHASH).record())
    path = tmp_path / "results.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in (record, summary)))
    page = to_html(read_results(path))
    assert "1 in 6</td>" in page
    assert "expect 116 false matches per million files (95% bound: 135)" in page
