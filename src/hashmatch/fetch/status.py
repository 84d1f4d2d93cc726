"""The status of each source's list, from what its fetches left behind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hashmatch.fetch.home import Home
from hashmatch.fetch.progress import MOST_SKEW, Kept
from hashmatch.fetch.settings import FetchSource
from hashmatch.fetch.staging import Staging

_SKEW = timedelta(seconds=MOST_SKEW)


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """The status of one source's list."""

    name: str
    # how old the list is: how long ago its last fetch began; None if there was none
    age: timedelta | None
    over_age: bool  # it is older than the source permits, or there is none
    entries: int
    last_success: datetime | None  # when its last fetch ended
    next_fetch: datetime | None  # when the next one is due; None for at once
    withdrawn: int  # how many entries have been withdrawn since the last full fetch
    staged: int  # how many pages of a fetch that is not complete are staged

    def record(self) -> dict[str, Any]:
        """The same for JSON: times as ISO 8601, the age in seconds."""
        return {
            "source": self.name,
            "age_seconds": None if self.age is None else int(self.age.total_seconds()),
            "over_age": self.over_age,
            "entries": self.entries,
            "last_success": None if self.last_success is None else self.last_success.isoformat(),
            "next_fetch": None if self.next_fetch is None else self.next_fetch.isoformat(),
            "withdrawn": self.withdrawn,
            "staged_pages": self.staged,
        }


def status_of(source: FetchSource, lists: Path, now: datetime) -> SourceStatus:
    """The status of a source's list at a time, which has a zone."""
    home = Home(lists, source.name)
    kept = home.kept() if home.list_path.exists() else Kept()
    age = now - datetime.fromtimestamp(kept.began, UTC) if kept.began else None
    ended = datetime.fromtimestamp(kept.ended, UTC) if kept.began else None
    return SourceStatus(
        name=source.name,
        age=age,
        # A list from the future, by a clock that was wrong, would be fresh for years
        over_age=age is None or not -_SKEW <= age <= source.max_age,
        entries=kept.entries,
        last_success=ended,
        next_fetch=None if ended is None else ended + source.every,
        withdrawn=kept.withdrawn,
        staged=Staging(home.staged).progress.pages,
    )
