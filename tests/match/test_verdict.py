"""The verdict rule, row by row."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from hashmatch.match.verdict import decide
from hashmatch.model import Cause, Reason, Verdict


@dataclass(frozen=True)
class _Entry:
    cause: Cause | None


SURE, FAINT = _Entry(None), _Entry(Cause.CHANCE)
MARRED = Reason.TRUNCATED


@pytest.mark.parametrize(
    ("nearest", "count", "reason", "is_picture", "verdict"),
    [
        ((SURE, FAINT), 2, None, True, Verdict.MATCH),
        ((SURE,), 1, MARRED, True, Verdict.MATCH),
        ((SURE,), 1, None, False, Verdict.MATCH),
        ((), 1, None, True, Verdict.MATCH),
        ((), 1, MARRED, False, Verdict.MATCH),
        ((FAINT,), 1, MARRED, True, Verdict.UNSCANNED),
        ((), 0, MARRED, True, Verdict.UNSCANNED),
        ((), 0, MARRED, False, Verdict.UNSCANNED),
        ((FAINT,), 1, None, True, Verdict.CANDIDATE),
        ((FAINT,), 12, None, True, Verdict.CANDIDATE),
        ((), 0, None, True, Verdict.CLEAR),
        ((), 0, None, False, Verdict.NOT_IMAGE),
    ],
)
def test_each_row_of_the_rule(
    nearest: tuple[_Entry, ...],
    count: int,
    reason: Reason | None,
    is_picture: bool,
    verdict: Verdict,
) -> None:
    """A part gets the verdict of the first row of the table that fits."""
    assert decide(nearest, count=count, reason=reason, is_picture=is_picture) is verdict
