"""How far a command has come, on stderr, for whoever watches a terminal.

``Progress`` shows one status line; elsewhere, and with ``--quiet``, it shows nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import Self

from hashmatch.cli.streams import status
from hashmatch.model import Verdict
from hashmatch.report import Tally
from hashmatch.text import count, printable

INTERVAL = 0.2
"""Seconds between two changes of the line."""

_PATIENCE = 1.0
"""Seconds after which somebody who watches wants to know what is going on."""


def is_watched() -> bool:
    """Whether stderr is a terminal; there is no stderr where it is closed."""
    return sys.stderr is not None and sys.stderr.isatty()


@contextmanager
def working(what: str, *, quiet: bool = False) -> Iterator[None]:
    """Say on a terminal what is going on, should it take longer than a second."""
    if quiet or not is_watched():
        yield
        return
    from rich.console import Console  # noqa: PLC0415 # only a terminal needs it
    from rich.status import Status  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    shown = Status(Text(printable(what)), console=Console(stderr=True))
    timer = Timer(_PATIENCE, shown.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        shown.stop()


def time_left(seconds: float) -> str:
    """Such as ``2 h 5 min``, ``7 min`` or ``40 s``."""
    hours, minutes = divmod(round(seconds) // 60, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{round(seconds)} s"


class Progress:
    """The status line of a command, from its beginning to its end.

    Args:
        quiet: show nothing, even on a terminal.
        expected: about how many files there will be, to tell the time left; None if unknown.
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

    def advance(self, done: int, total: int) -> None:
        """Show how many pictures of how many are measured."""
        self._expected = total
        if rate := self._rate(done, always=done == total):
            left = self._left(done, rate) or ", now comparing them"
            status.show(f"{done:,} of {count(total, 'picture')}{left}")

    def _rate(self, done: int, *, always: bool = False) -> float:
        """Things done a second; 0 if it is not time to change the line."""
        now = time.monotonic()
        if not self._watched or (now - self._shown < INTERVAL and not always):
            return 0.0
        self._shown = now
        return done / max(now - self._began, INTERVAL)

    def _left(self, done: int, rate: float) -> str:
        if done >= self._expected or not rate:
            return ""
        return f", about {time_left((self._expected - done) / rate)} left"
