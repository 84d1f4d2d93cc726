"""What doors find, made up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hashmatch import Entry, PerceptualHash
from hashmatch.cases import Finding, Place
from hashmatch.model import Match

START = datetime(2026, 3, 1, 9, tzinfo=UTC)


class Clock:
    """A time of day that tests move."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        """The time."""
        return self.now

    def forward(self, **how: float) -> None:
        """Let time pass."""
        self.now += timedelta(**how)


def match_of(number: int, **changes: Any) -> Match:
    """A match whose distance, list and algorithm depend on a number."""
    value = PerceptualHash("phash", 64, (0xFEDCBA9876543210,))
    fields = {
        "list": f"list-{number % 2}",
        "entry": Entry(f"entry-{number % 3}", value, f"label {number}", "category A"),
        "algorithm": "phash" if number % 4 else "dhash",
        "bits": 64,
        "distance": number % 9,
        "threshold": 8,
        "view": "stored",
        "quality": 90,
    }
    return Match(**fields | changes)


def content(number: int) -> str:
    """A content, by number."""
    return f"sha256:{number:064x}"


def finding(number: int, /, *matches: Match, door: str = "scan", **place: Any) -> Finding:
    """A content that is near entries: those given, or one that depends on its number."""
    where = {"path": b"/files/%d.jpg" % number} if door == "scan" else {}
    return Finding(
        content(number),
        matches or (match_of(number),),
        Place(door, **where | place),
        list_versions={"list-0": "2026-02-28"},
        format="JPEG",
        width=640,
        height=480,
    )
