"""Rate limits."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable

_MOST_KNOWN = 10_000


class RateLimit:
    """Allows each of many callers so many times within some seconds. Threads may share it."""

    def __init__(self, most: int, seconds: float, clock: Callable[[], float]) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def allows(self, who: str) -> bool:
        """Whether this one may do it now; if so, it counts."""
        now = self._clock()
        with self._lock:
            times = self._times.setdefault(who, deque())
            self._times.move_to_end(who)
            if len(self._times) > _MOST_KNOWN:
                self._times.popitem(last=False)
            while times and times[0] <= now - self._seconds:
                times.popleft()
            if len(times) >= self._most:
                return False
            times.append(now)
            return True
