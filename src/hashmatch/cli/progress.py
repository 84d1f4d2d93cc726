"""How far a scan has come, on stderr, for whoever watches a terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Protocol, Self

from hashmatch.model import Verdict
from hashmatch.report import Tally

_INTERVAL = 0.2


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


def make_progress(*, quiet: bool) -> Progress:
    """A display on a terminal, and silence elsewhere."""
    # There is no stderr where it is closed
    watched = sys.stderr is not None and sys.stderr.isatty()
    return _Line() if watched and not quiet else _Silence()


class _Silence:
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, tally: Tally) -> None:
        pass


class _Line:
    """One line that is written over, by Rich, which knows terminals."""

    def __enter__(self) -> Self:
        from rich.console import Console  # noqa: PLC0415 # only a terminal needs it
        from rich.status import Status  # noqa: PLC0415

        self._began = self._shown = time.monotonic()
        self._status = Status("starting", console=Console(stderr=True))
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def update(self, tally: Tally) -> None:
        """Show the counts, a few times a second."""
        now = time.monotonic()
        if now - self._shown < _INTERVAL:
            return
        self._shown = now
        rate = tally.files / max(now - self._began, _INTERVAL)
        verdicts = tally.verdicts
        self._status.update(
            f"{tally.files:,} files, {rate:,.0f} a second, {verdicts[Verdict.MATCH]:,} match,"
            f" {verdicts[Verdict.UNSCANNED]:,} unscanned"
        )
