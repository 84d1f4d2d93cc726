"""The clock that decides when a worker is late."""

from __future__ import annotations

import time
from collections.abc import Callable

STEP = 1.0
"""At most this many seconds count between two looks at the workers."""


class Clock:
    """Counts only the time in which this process was able to hear its workers.

    While this process is stopped, or waits for whoever reads its results, workers cannot report to
    it, and may be stopped as well. That time is not charged to them. ``read`` returns
    seconds that never go back, and ``now`` is the time at the last reading.
    """

    def __init__(self, read: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._seen = read()
        self.now = 0.0

    def look(self) -> float:
        """Advance by the time since the last look, but by no more than a step."""
        now = self._read()
        self.now += min(now - self._seen, STEP)
        self._seen = now
        return self.now
