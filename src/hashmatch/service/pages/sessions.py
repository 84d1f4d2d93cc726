"""Who is logged in. Sessions are in memory alone: a restart logs everybody out."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from hashmatch.cases import Decided

IDLE_SECONDS = 30 * 60.0
LONGEST_SECONDS = 10 * 60 * 60.0
_MOST = 1_000


class LastDecision(NamedTuple):
    """The last decision of a session, which its pages offer to undo."""

    case: int
    decision: str
    made: Decided


@dataclass(slots=True)
class Session:
    """One reviewer in one browser."""

    reviewer: str  # the name of the key, or what the proxy says
    began: float  # when it began, in seconds
    used: float  # when it was used last
    # what every form must repeat, so that no other site can send one
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    # those of the queue, as the page's address has them
    filters: dict[str, str] = field(default_factory=dict)
    last: LastDecision | None = None
    since_break: int = 0  # pictures seen since the last pause

    def has_token(self, given: str) -> bool:
        """Whether a form repeats the token."""
        return hmac.compare_digest(self.token.encode(), given.encode("utf-8", "replace"))


class Sessions:
    """The sessions of a process. Threads may share them.

    A session ends after 30 minutes without use, and after 10 hours at the latest.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._open: OrderedDict[bytes, Session] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, reviewer: str) -> tuple[str, Session]:
        """Begin a session, and return what its cookie holds. If there are too many, one ends."""
        now, cookie = self._clock(), secrets.token_urlsafe(32)
        session = Session(reviewer, now, now)
        with self._lock:
            while len(self._open) >= _MOST:
                self._open.popitem(last=False)
            self._open[_digest(cookie)] = session
        return cookie, session

    def find(self, cookie: str) -> Session | None:
        """The session of a cookie; None if there is none, or it has ended."""
        now, key = self._clock(), _digest(cookie)
        with self._lock:
            session = self._open.get(key)
            if session is None:
                return None
            if now - session.used > IDLE_SECONDS or now - session.began > LONGEST_SECONDS:
                del self._open[key]
                return None
            session.used = now
            self._open.move_to_end(key)
            return session

    def end(self, cookie: str) -> None:
        """End a session."""
        with self._lock:
            self._open.pop(_digest(cookie), None)


def _digest(cookie: str) -> bytes:
    """What sessions are kept under, so that looking one up takes no time that tells anything."""
    return hashlib.sha256(cookie.encode("utf-8", "surrogateescape")).digest()
