"""Check records that are read back: anyone may have edited them, and a report shows them.

A wrong value raises one of ``UNUSABLE``, which the reader reports as the number of a line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import floor, isfinite
from typing import Any, TypeVar

from hashmatch.model import Reason, Verdict
from hashmatch.report.records import INTERRUPTED

Record = Mapping[str, Any]
Kind = TypeVar("Kind")

UNUSABLE = (KeyError, TypeError, ValueError, AttributeError, RecursionError)

MAX_COUNT = (1 << 63) - 1
"""The most files or entries: 64 bits, so that a sum of many can still be written out."""

MAX_BITS = (1 << 16) - 1
"""The widest hash: distances have 16 bits."""

MAX_QUALITY = 100

_ALL_BITS = 15
"""The exit code of a scan with every bit set."""

# The summary of a scan is four levels deep
_MAX_DEPTH = 16
_MAX_NAMES = 500


def parse(line: str) -> Any:
    """Read a record, but no ``NaN`` or ``Infinity``, which Python takes and JSON does not have."""
    return _DECODER.decode(line)


def expect(kind: type[Kind], value: object) -> Kind:
    """The value, if it has that type."""
    if not isinstance(value, kind):
        raise TypeError(kind.__name__)
    return value


def text(value: object) -> str:
    """The text; null is shown as an empty one."""
    return "" if value is None else expect(str, value)


def whole(value: object, most: int = MAX_COUNT) -> int:
    """A whole number from 0 to ``most``; ``True``, an ``int`` to Python, is refused."""
    number = expect(int, value)
    if isinstance(value, bool) or not 0 <= number <= most:
        raise ValueError("out of bounds")
    return number


def not_negative(value: object) -> float | None:
    """A number that is not negative, or null."""
    if value is None:
        return None
    if not isinstance(value, bool) and isinstance(value, int | float) and value >= 0:
        return float(value)
    raise ValueError("out of bounds")


def check_summary(summary: Record) -> None:
    """Check all that a report shows of a summary; other keys may hold anything."""
    _check_nesting(summary)
    whole(summary["files"])
    code = whole(summary["exit_code"], INTERRUPTED)
    if _ALL_BITS < code < INTERRUPTED:
        raise ValueError("exit_code")
    for names, field in ((Verdict, "verdicts"), (Reason, "reasons")):
        for name, count in expect(dict, summary[field]).items():
            names(name)
            whole(count)
    for each in expect(list, summary["lists"]):
        expect(str, each["name"])
        whole(each.get("entries", 0))
        if each.get("age_days") is not None:
            whole(abs(expect(int, each["age_days"])))
        for field in ("version", "created", "digest"):
            text(each.get(field))
    for group in (summary["settings"], summary.get("walk", {}), summary.get("versions", {})):
        expect(dict, group)
    for field in ("kinds", "unsupported", "quarantine"):
        for name, number in expect(dict, summary.get(field, {})).items():
            expect(str, name)
            whole(number)
    _check_expected(expect(dict, summary.get("expected_false", {})))
    _check_run(expect(dict, summary["run"]))


def _check_expected(expected: Record) -> None:
    value, bound = (not_negative(expected.get(field)) for field in ("per_million_files", "bound"))
    if (value is None) != (bound is None):
        raise ValueError("a number without a bound")
    not_negative(expected.get("candidates_per_million_files"))
    for name in expect(list, expected.get("unknown_kinds", [])):
        expect(str, name)
    expect(bool, expected.get("extrapolated", False))


def _check_run(run: Record) -> None:
    text(run.get("started"))
    expect(bool, run.get("interrupted", False))
    seconds = run.get("seconds", 0)
    whole(floor(seconds) if isinstance(seconds, float) else seconds)


def _finite(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise ValueError("not finite")
    return number


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_finite)


def _check_nesting(value: object, depth: int = _MAX_DEPTH, room: int = _MAX_NAMES) -> None:
    """Limit depth and names, since a nested setting is shown with the names of all around it."""
    if depth < 0 or room < 0:
        raise ValueError("nested too deeply")
    if isinstance(value, dict):
        for name, inner in value.items():
            _check_nesting(inner, depth - 1, room - len(name))
    elif isinstance(value, list):
        for inner in value:
            _check_nesting(inner, depth - 1, room)
