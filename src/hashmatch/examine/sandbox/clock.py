"""The time by which workers are late."""

from __future__ import annotations

import time

STEP = 1.0
"""Seconds between two looks at the workers that count at the most."""


class Clock:
    """The time that this process had to look at its workers.

    While it was stopped, or waited for whoever reads its results, workers could not tell it that
    they were done, and may have been stopped as well: that time is not theirs.
    """

    def __init__(self) -> None:
        self._seen = time.monotonic()
        self.now = 0.0

    def look(self) -> float:
        """Go on by the time since the last look, but no more than a step."""
        now = time.monotonic()
        self.now += min(now - self._seen, STEP)
        self._seen = now
        return self.now
