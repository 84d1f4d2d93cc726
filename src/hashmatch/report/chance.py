"""Say how many false matches to expect, and what to do if they are too many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hashmatch.match.cutoffs import MILLION
from hashmatch.match.expected import MOST_FALSE, ExpectedFalse
from hashmatch.match.rates import Chance
from hashmatch.report.numbers import amount
from hashmatch.text import printable

_WIDE = 256


def expectation(record: Mapping[str, Any]) -> str:
    """The sentence on ``expected_false`` of a summary, without a full stop."""
    value = record.get("per_million_files")
    if value is None:
        kinds = ", ".join(map(printable, record.get("unknown_kinds", ())))
        return f"false matches to expect: not known{f' ({kinds} was never measured)' * bool(kinds)}"
    if value == 0:
        return "expect no false matches: digests are exact"
    candidates = record.get("candidates_per_million_files") or 0.0
    chance = Chance(value, record["bound"], record.get("extrapolated", False))
    return _expected(chance, candidates)


def warnings(expected: ExpectedFalse) -> Iterator[str]:
    """Warn an operator who must expect too many false matches, in two lines."""
    if not expected.too_many:
        return
    total, limit = expected.per_file.times(MILLION), amount(MOST_FALSE * MILLION)
    yield (
        f"with these lists and thresholds, {_expected(total)}: too many to act on before a person"
        " has looked"
    )
    yield f"to expect at most {limit} per million: {'; or '.join(_remedies(expected))}"


def _expected(per_million: Chance, candidates: float = 0.0) -> str:
    """Say how many to expect: of a million files, or of each file if each has one or more."""
    files, of = (MILLION, "file") if per_million.rate >= MILLION else (1, "million files")
    false = _so_many(per_million.rate / files, "false match", "false matches")
    guess = ", extrapolated" if per_million.extrapolated else ""
    bound = f"95% bound: {amount(per_million.bound / files)}{guess}"
    more = f", and {_so_many(candidates / files, 'candidate')}" if candidates else ""
    return f"expect {false} per {of} ({bound}){more}"


def _so_many(number: float, one: str, many: str = "") -> str:
    shown = amount(number)
    return f"{shown} {one if shown == '1' else many or one + 's'}"


def _remedies(expected: ExpectedFalse) -> Iterator[str]:
    lower = expected.lower_thresholds()
    if lower is not None:
        options = " ".join(f"--threshold {kind}={bits}" for kind, bits in lower.items())
        guess = expected.at(lower).extrapolated
        yield options + " (extrapolated)" * guess
    if any(kind.bits < _WIDE for kind in expected.cutoffs.near):
        yield "a list of 256-bit hashes"
    if not expected.rule.all_must:
        yield "--require all, with a list that has both phash and dhash of each entry"
    if lower is None:
        yield "a shorter list: no threshold of these hashes is low enough"
    yield "leave --threshold out, which makes far entries candidates instead of matches"
