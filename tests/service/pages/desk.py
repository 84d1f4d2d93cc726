"""A review page with cases about the example pictures, served from a thread."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import httpx
import uvicorn

from hashmatch import Entry, Match, PerceptualHash
from hashmatch.cases.store import Cases
from hashmatch.cases.values import Finding, Place
from hashmatch.custody.audit import AuditLog
from hashmatch.errors import OutputError
from hashmatch.examine.sandbox import WorkerLimits
from hashmatch.model import Cause
from hashmatch.service.keys import Key, Scope, key_of
from hashmatch.service.pages import ReviewPages, ReviewRules
from hashmatch.service.pages.evidence import Evidence
from hashmatch.service.trail import Trail

PICTURES = Path(__file__).resolve().parents[3] / "fixtures" / "benign_images" / "originals"
BEGAN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TOKENS = {"ada": "the key of ada", "ben": "the key of ben", "cleo": "the key of cleo"}


class Clock:
    """A time of day that a test moves."""

    def __init__(self) -> None:
        self.now = BEGAN

    def __call__(self) -> datetime:
        """The time of day."""
        return self.now

    def seconds(self) -> float:
        """The same in seconds."""
        return self.now.timestamp()

    def passes(self, **much: float) -> None:
        """Let time pass."""
        self.now += timedelta(**much)


def keys() -> tuple[Key, ...]:
    """Those of three reviewers, and one that is for uploads alone."""
    found = [key_of(name, token, Scope.REVIEW) for name, token in TOKENS.items()]
    return (*found, key_of("uploader", "the key of an uploader", Scope.MATCH))


def near(number: int, **changes: Any) -> Match:
    """A match of one entry of a made-up list."""
    values: dict[str, Any] = {
        "list": "regional",
        "entry": Entry(
            f"R-{number:04}",
            PerceptualHash("phash", 64, (number,)),
            label=f"series {number % 3 + 1}",
            category="AB"[number % 2],
        ),
        "algorithm": "phash",
        "bits": 64,
        "distance": number % 9,
        "threshold": 8,
        "view": "stored",
        "quality": 92 - number % 30,
        "expected_false": 2.5e-8 * 9 ** (number % 9),
    }
    return Match(**values | changes)


def finding(path: Path, number: int, **changes: Any) -> Finding:
    """A scan found this file near an entry."""
    values: dict[str, Any] = {
        "content": "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest(),
        "matches": (near(number),),
        "place": Place("scan", path=bytes(path)),
        "size": path.stat().st_size,
        "format": "JPEG",
        "width": 640,
        "height": 480,
    }
    return Finding(**values | changes)


def examples() -> list[Finding]:
    """Some cases about the example pictures, by several doors."""
    names = ("harbour.jpg", "canyon.jpg", "lagoon.jpg", "meadow.jpg", "ember.jpg", "dune.jpg")
    found = [finding(PICTURES / name, number) for number, name in enumerate(names, 3)]
    found[1] = finding(
        PICTURES / names[1],
        4,
        matches=(near(4), near(12, list="partners", distance=6, cause=Cause.CHANCE)),
    )
    found[3] = finding(PICTURES / names[3], 6, matches=(near(6, distance=0, view="trimmed"),))
    return found


class Reviewer(httpx.Client):
    """Somebody with a browser of their own, at a desk.

    Attributes:
        token: of their session, as its pages have it.
    """

    def __init__(self, desk: Desk, name: str = "ada", **options: Any) -> None:
        super().__init__(base_url=f"{desk.url}/review", trust_env=False, timeout=30, **options)
        self.name = name
        self.token = ""

    def log_in(self) -> Self:
        """Begin a session."""
        answer = self.post("/login", data={"key": TOKENS[self.name]})
        assert answer.status_code == 303, answer.text
        found = re.search(r'name="token" value="([^"]+)"', self.get("/").text)
        assert found is not None
        self.token = found[1]
        return self

    def submit(self, path: str, **form: str) -> httpx.Response:
        """Send a form of the page."""
        return self.post(path, data={"token": self.token, **form})

    def next_case(self) -> int | None:
        """Ask for the next case, and return its number."""
        where = self.submit("/next").headers["location"]
        return int(where.rpartition("/")[2]) if "/case/" in where else None

    def undo(self, page: str) -> httpx.Response:
        """Undo what a page offers to undo; nothing if it offers nothing."""
        fields = re.findall(r'type="hidden" name="(case|decision)" value="(\d+)"', page)
        return self.submit("/undo", **dict(fields))

    def decide(self, case: int, decision: str, reason: str = "a reason") -> httpx.Response:
        """Decide about a case."""
        return self.submit(f"/case/{case}/decide", decision=decision, reason=reason)


class Desk:
    """A running review page.

    Attributes:
        url: where it is.
        cases: its store.
        clock: its time.
        audit: its audit trail.
    """

    def __init__(self, folder: Path, rules: ReviewRules) -> None:
        self.clock = Clock()
        self.audit = folder / "audit.log"
        self._log = AuditLog.open(self.audit)
        self._log.start(command="review serve", settings={})
        self._trail, self._is_full = Trail(self._log), False
        self.cases = Cases(
            folder / "cases.db",
            chain=self._chain,
            clock=self.clock,
        )
        self.evidence = Evidence(1, WorkerLimits())
        self.pages = ReviewPages(self.cases, self.evidence, rules, self.clock.seconds, self.clock)
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(self.pages.app(), log_config=None, lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, daemon=True
        )
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def break_trail(self) -> None:
        """From now on, the audit trail cannot be written."""
        self._is_full = True

    def _chain(self, event: dict[str, Any]) -> None:
        if self._is_full:
            raise OutputError("the disk is full", path=str(self.audit))
        self._trail.chain(event)

    def close(self) -> None:
        """End it."""
        self._server.should_exit = True
        self._thread.join(10)
        self.evidence.close()
        self.cases.close()
        self._log.close()


@contextmanager
def a_desk(folder: Path, **rules: Any) -> Iterator[Desk]:
    """Serve a review page from a folder."""
    desk = Desk(folder, ReviewRules(**{"keys": keys()} | rules))
    try:
        yield desk
    finally:
        desk.close()
