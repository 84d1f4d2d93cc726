"""How far a scan has come, on stderr, for whoever watches a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from types import TracebackType
from typing import Protocol, Self

from hashmatch.cli.streams import status
from hashmatch.model import Verdict
from hashmatch.report import Tally
from hashmatch.text import printable

INTERVAL = 0.2
"""Seconds between two looks at the same line."""

_PATIENCE = 1.0
"""Seconds after which somebody who watches wants to know what is going on."""


class Progress(Protocol):
    """Something to tell the counts to, again and again."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def update(self, tally: Tally) -> None:
        """Show the counts, if it is time to."""


def make_progress(*, quiet: bool, expected: int | None = None) -> Progress:
    """A display on a terminal, and silence elsewhere.

    Args:
        quiet: silence there too.
        expected: about how many files there will be, to tell the time left; None if nobody knows.
    """
    return _Line(expected) if is_watched() and not quiet else _Silence()


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


class _Silence:
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, tally: Tally) -> None:
        pass


class _Line:
    """The status line, from the beginning to the end."""

    def __init__(self, expected: int | None) -> None:
        self._expected = expected or 0

    def __enter__(self) -> Self:
        self._began = self._shown = time.monotonic()
        status.show("starting")
        return self

    def __exit__(self, *_: object) -> None:
        status.wipe()

    def update(self, tally: Tally) -> None:
        """Show the counts, a few times a second."""
        now = time.monotonic()
        if now - self._shown < INTERVAL:
            return
        self._shown = now
        rate = tally.files / max(now - self._began, INTERVAL)
        verdicts = tally.verdicts
        status.show(
            f"{tally.files:,} files, {rate:,.0f} a second, {verdicts[Verdict.MATCH]:,} match,"
            f" {verdicts[Verdict.UNSCANNED]:,} unscanned{self._left(tally.files, rate)}"
        )

    def _left(self, files: int, rate: float) -> str:
        if files >= self._expected or not rate:
            return ""
        return f", about {time_left((self._expected - files) / rate)} left"
