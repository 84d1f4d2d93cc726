"""How far a fetch has come: a pure state machine, without files, network or clock.

::

    nothing --begin--> fetching --page--> fetching
                          |                  |
                          +------ page that is the last -----> complete

Its events are kept in the journal of the staging folder. Replaying them puts a fetch back where it
was when it was killed, so starting and resuming are the same code.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

from hashmatch.fetch.dialect import DAY, Dialect, Page, Position, Request, Turn
from hashmatch.fetch.faults import PageError, wrong_page
from hashmatch.text import count

Event: TypeAlias = dict[str, Any]

MOST_SKEW = 300
"""Seconds by which two clocks may differ. A time range ends this long ago, so that it is over."""

_NEVER = "it was never fetched completely"


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of the last fetch that succeeded."""

    source: str = ""  # the fingerprint of the source's settings
    checkpoint: str = ""  # where the next fetch begins
    began: int = 0  # when it began, in seconds since 1970: its list is of that time. 0 for never
    ended: int = 0  # when it ended
    full: int = 0  # when the last full fetch began
    digest: str = ""  # of the compiled list
    entries: int = 0  # how many the list has
    withdrawn: int = 0  # how many have been withdrawn since the last full fetch


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """Where a fetch is."""

    source: str = ""  # the fingerprint of the source's settings; empty before it begins
    full: bool = True  # it fetches everything, not only what has changed
    since: str = ""  # the checkpoint that it begins at; empty if it is full
    began: int = 0  # when, in seconds since 1970
    pages: int = 0  # how many are staged or unchanged
    unchanged: int = 0  # how many files the server says that we have already
    records: int = 0  # how many the pages have
    cursor: str = ""  # of the next page
    checkpoint: str = ""  # the last page's
    asked: int = 0  # when the last page came
    complete: bool = False  # the last page is there
    # the staged files that make the list, with the length of each
    files: tuple[tuple[str, int], ...] = ()
    seen: frozenset[str] = frozenset()  # digests of pages and cursors, none of which may come again

    def position(self) -> Position:
        """Where to ask for the next page."""
        until = self.began - MOST_SKEW
        return Position(self.since, until, self.cursor, self.checkpoint, self.records)

    def after(self, event: Event) -> FetchProgress:
        """Where the fetch is after an event."""
        if event["type"] == "begin":
            fields = {key: event[key] for key in ("source", "full", "since", "began")}
            return FetchProgress(**fields, asked=event["began"])
        lengths = dict(self.files)
        if event["file"] and not event["unchanged"]:
            lengths[event["file"]] = lengths.get(event["file"], 0) + event["bytes"]
        return replace(
            self,
            pages=self.pages + 1,
            unchanged=self.unchanged + event["unchanged"],
            records=self.records + event["records"],
            cursor=event["cursor"],
            checkpoint=event["checkpoint"],
            asked=event["asked"],
            complete=not event["cursor"],
            files=tuple(lengths.items()),
            seen=self.seen | ({event["digest"], _cursor_mark(event["cursor"])} - {""}),
        )


def begin(source: str, kept: Kept, now: int, *, full: bool) -> Event:
    """The event with which a fetch begins."""
    since = "" if full else kept.checkpoint
    return {"type": "begin", "source": source, "full": full, "since": since, "began": now}


def page_event(request: Request, page: Page, turn: Turn, length: int, now: int) -> Event:
    """The event of a page that has come."""
    paging = page.paging
    return {
        "type": "page",
        "file": request.file if request.holds_list else "",
        "bytes": length,
        "unchanged": page.unchanged,
        "records": paging.records,
        "digest": paging.digest if paging.records else "",
        "asked": now,
        **{key: value for key, value in asdict(turn).items() if key in ("cursor", "checkpoint")},
    }


def check_page(at: FetchProgress, event: Event, turn: Turn, now: int) -> None:
    """Refuse a page that does not fit with those before it.

    Raises ``PageError`` if its number of records is not the one it announces, it repeats an earlier
    page, or its checkpoint is before the last one or in the future.
    """
    records = event["records"]
    if turn.announced and records not in turn.announced:
        said = count(min(turn.announced), "record")
        raise wrong_page(f"it says that it has {said}, and has {records:,}")
    if event["digest"] in at.seen or _cursor_mark(turn.cursor) in at.seen:
        raise wrong_page("it repeats an earlier page")
    if turn.moment is not None:
        since = at.since.partition(",")[0]
        if turn.moment > now + MOST_SKEW:
            raise wrong_page(
                "its checkpoint is in the future, which would skip all changes until then"
            )
        if since.isdecimal() and turn.moment < int(since):
            raise wrong_page("its checkpoint is earlier than the last one")


def check_clocks(theirs: float | None, ours: float) -> None:
    """Refuse an answer if the clocks differ: a time range would end in the server's future.

    Raises ``PageError`` if they differ by more than ``MOST_SKEW``.
    """
    if theirs is not None and abs(theirs - ours) > MOST_SKEW:
        minutes = count(round(abs(theirs - ours) / 60), "minute")
        ahead = "ahead of" if theirs > ours else "behind"
        raise PageError(f"the server's clock is {minutes} {ahead} this machine's: set the clock")


def why_full(kept: Kept, source: str, digest: str | None, now: int, dialect: Dialect) -> str:
    """Why everything must be fetched, and not only what has changed; empty if it need not.

    ``source`` is the fingerprint of the source's settings; ``digest`` is that of the compiled list,
    None if there is no list; ``now`` is in seconds since 1970.
    """
    if not kept.began or digest is None:
        return _NEVER
    if kept.source != source:
        return "its settings have changed"
    if kept.digest != digest:
        return "its list is not the one that was written last"
    age, life = now - kept.began, dialect.checkpoint_life
    if life is not None and not -MOST_SKEW <= age <= life:
        return f"its checkpoint is {count(age // DAY, 'day')} old (limit {life // DAY})"
    return ""


def may_resume(at: FetchProgress, source: str, now: int, dialect: Dialect, *, full: bool) -> bool:
    """Whether a staged fetch can go on: its settings are the same, and its cursor is good."""
    fresh = at.complete or -MOST_SKEW <= now - at.asked <= dialect.cursor_life
    return at.source == source and fresh and (at.full or not full)


def _cursor_mark(cursor: str) -> str:
    return hashlib.sha256(f"cursor {cursor}".encode()).hexdigest() if cursor else ""
