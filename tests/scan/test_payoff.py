"""Which files are digested before they are decoded."""

from __future__ import annotations

import pytest

from hashmatch.scan.duplicates import Payoff

SMALL, LARGE = 10_000, 1_000_000


def ask(payoff: Payoff, known: bool, times: int, size: int = SMALL) -> int:
    """Bring so many files with contents that are all known or all new; count those digested."""
    digested = 0
    for _ in range(times):
        if payoff.is_worth(size):
            payoff.note(known=known)
            digested += 1
    return digested


def test_small_files_are_digested_first_while_that_pays() -> None:
    """Once few small files have known contents, one in 16 is digested; if many have, all are."""
    payoff = Payoff()
    assert ask(payoff, known=True, times=100) == 100
    assert ask(payoff, known=False, times=1600) == pytest.approx(130, abs=15)
    assert ask(payoff, known=True, times=1000) > 900


def test_large_files_are_always_digested_first() -> None:
    """However few have known contents, a large file is not decoded before it was digested."""
    payoff = Payoff()
    assert ask(payoff, known=False, times=500, size=LARGE) == 500
    assert payoff.is_worth(LARGE)
