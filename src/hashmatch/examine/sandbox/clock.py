"""The time by which workers are late."""

from __future__ import annotations

import time
from collections.abc import Callable

STEP = 1.0
"""The most seconds that count between two looks at the workers."""


class Clock:
    """The time that this process had to look at its workers.

    While this process is stopped, or waits for the reader of its results, workers cannot report to
    it, and may be stopped as well. That time is not charged to them.

    Args:
        read: gives seconds that only go forward.

    Attributes:
        now: seconds, at the last look.
    """

    def __init__(self, read: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._seen = read()
        self.now = 0.0

    def look(self) -> float:
        """Go on by the time since the last look, but by no more than a step."""
        now = self._read()
        self.now += min(now - self._seen, STEP)
        self._seen = now
        return self.now
