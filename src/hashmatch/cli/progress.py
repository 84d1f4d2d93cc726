"""The progress of a command: a status line on stderr, if that is a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import TYPE_CHECKING, Self

from hashmatch.cli.streams import status
from hashmatch.model import Verdict
from hashmatch.text import count, printable

if TYPE_CHECKING:
    from hashmatch.report import Tally

INTERVAL = 0.2
"""Seconds between two updates of the line."""

_PATIENCE = 1.0
"""Seconds after which someone at a terminal wants to know what is going on."""


def is_watched() -> bool:
    """Whether stderr is open and a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()


@contextmanager
def working(what: str, *, quiet: bool = False) -> Iterator[None]:
    """Show on a terminal what is going on, if it takes longer than a second."""
    if quiet or not is_watched():
        yield
        return
    timer = Timer(_PATIENCE, status.show, [printable(what)])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        status.wipe()


def time_left(seconds: float) -> str:
    """Such as ``2 h 5 min``, ``7 min`` or ``40 s``."""
    hours, minutes = divmod(round(seconds) // 60, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{round(seconds)} s"


class Progress:
    """The status line of a command, unless it is quiet.

    ``expected`` is about how many files there will be, to estimate the time left; None if unknown.
    """

    def __init__(self, *, quiet: bool = False, expected: int | None = None) -> None:
        self._watched = is_watched() and not quiet
        self._expected = expected or 0

    def __enter__(self) -> Self:
        self._began = self._shown = time.monotonic()
        if self._watched:
            status.show("starting")
        return self

    def __exit__(self, *_: object) -> None:
        if self._watched:
            status.wipe()

    def update(self, tally: Tally) -> None:
        """Show the counts of a scan."""
        if rate := self._rate(tally.files):
            matches = count(tally.verdicts[Verdict.MATCH], "match", "matches")
            status.show(
                f"{count(tally.files, 'file')}, {rate:,.0f} a second, {matches},"
                f" {tally.verdicts[Verdict.UNSCANNED]:,} not fully examined"
                f"{self._left(tally.files, rate)}"
            )

    def examined(self, done: int) -> None:
        """Show how many files are examined, of a scan that checks them before it has results."""
        if rate := self._rate(done):
            left = self._left(done, rate)
            status.show(
                f"{count(done, 'file')} examined, {rate:,.0f} a second{left}; none checked yet"
            )

    def advance(self, done: int, total: int) -> None:
        """Show how many of all pictures are measured."""
        self._expected = total
        if rate := self._rate(done, always=done == total):
            left = self._left(done, rate) or ", now comparing them"
            status.show(f"{done:,} of {count(total, 'picture')}{left}")

    def _rate(self, done: int, *, always: bool = False) -> float:
        """Things done per second; 0 if it is not time to update the line."""
        now = time.monotonic()
        if not self._watched or (now - self._shown < INTERVAL and not always):
            return 0.0
        self._shown = now
        return done / max(now - self._began, INTERVAL)

    def _left(self, done: int, rate: float) -> str:
        if done >= self._expected or not rate:
            return ""
        return f", about {time_left((self._expected - done) / rate)} left"
