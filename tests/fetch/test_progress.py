"""The pure part: whatever happens between pages, a fetch that ends has each page once."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.fetch.dialect import DAY, HOUR, Dialect, Page, Position, Request, Turn
from hashmatch.fetch.faults import PageError
from hashmatch.fetch.progress import (
    MOST_SKEW,
    FetchProgress,
    Kept,
    begin,
    check_clocks,
    check_page,
    may_resume,
    page_event,
    why_full,
)
from hashmatch.hashlist.contents import Paging

DIALECT = Dialect(
    ask=lambda _source, _at: Request(""),
    read=lambda _source, _at, _page: Turn(),
    list_format="tat",
    cursor_life=2 * HOUR,
    checkpoint_life=30 * DAY,
)
NOW = 1_790_000_000


def page_of(number: int, pages: int, records: int) -> tuple[Page, Turn]:
    """A page, and what it means."""
    paging = Paging(records=records, digest=f"digest {number}")
    cursor = f"cursor {number}" if number < pages else ""
    return Page({}, paging=paging), Turn(cursor, f"{NOW + number}", None, frozenset([records]))


@given(
    sizes=st.lists(st.integers(0, 5), min_size=1, max_size=12),
    happenings=st.lists(
        st.sampled_from(["kill", "repeat", "count", "wait", "expire"]), max_size=30
    ),
    data=st.data(),
)
def test_every_page_arrives_once(
    sizes: list[int], happenings: list[str], data: st.DataObject
) -> None:
    """Killed, repeated, miscounted or expired: in the end, each page is there once."""
    journal: list[str] = []
    at, now, staged = FetchProgress(), NOW, []

    def commit(event: dict[str, object]) -> FetchProgress:
        journal.append(json.dumps(event))
        return at.after(json.loads(journal[-1]))

    while not at.complete:
        if not may_resume(at, "here", now, DIALECT, full=False):
            journal.clear()
            staged = []
            at = commit(begin("here", Kept(), now, full=True))
        number = at.pages + 1
        page, turn = page_of(number, len(sizes), sizes[number - 1])
        happening = happenings.pop() if happenings and data.draw(st.booleans()) else ""
        if happening == "kill":
            at = FetchProgress()
            for line in journal:
                at = at.after(json.loads(line))
            continue
        if happening in ("wait", "expire"):
            now += HOUR if happening == "wait" else 3 * HOUR
            continue
        if happening == "repeat" and number > 1 and sizes[number - 2]:
            page, turn = page_of(number - 1, len(sizes), sizes[number - 2])
        if happening == "count":
            turn = Turn(turn.cursor, turn.checkpoint, None, frozenset([page.paging.records + 1]))
        event = page_event(Request("", file="f"), page, turn, 10, now)
        try:
            check_page(at, event, turn, now)
        except PageError:
            assert happening in ("repeat", "count")
            continue
        assert happening != "count"
        at = commit(event)
        staged.append(number)
    assert staged == list(range(1, len(sizes) + 1))
    assert (at.records, dict(at.files)) == (sum(sizes), {"f": 10 * len(sizes)})
    assert at.position().checkpoint == f"{NOW + len(sizes)}"


@given(since=st.integers(0, 2 * NOW), moment=st.integers(0, 2 * NOW), now=st.integers(NOW, NOW + 9))
def test_checkpoints_never_skip_changes(since: int, moment: int, now: int) -> None:
    """A checkpoint in the future or before the last one is refused; any other is taken."""
    at = FetchProgress(source="here", since=str(since))
    turn = Turn("", str(moment), moment)
    event = page_event(Request(""), Page({}), turn, 0, now)
    if since <= moment <= now + MOST_SKEW:
        check_page(at, event, turn, now)
    else:
        with pytest.raises(PageError):
            check_page(at, event, turn, now)


@given(skew=st.floats(-10 * DAY, 10 * DAY))
def test_clocks_that_differ_are_refused(skew: float) -> None:
    """A server's clock may be a few minutes off, and no more; it may also say nothing."""
    check_clocks(None, NOW)
    if abs(skew) <= MOST_SKEW - 1:
        check_clocks(NOW + skew, NOW)
    elif abs(skew) >= MOST_SKEW + 1:
        with pytest.raises(PageError, match="set the clock"):
            check_clocks(NOW + skew, NOW)


@given(age=st.integers(-40 * DAY, 40 * DAY))
def test_only_a_fresh_checkpoint_is_used(age: int) -> None:
    """A checkpoint that is too old, or is from the future, causes a full fetch."""
    kept = Kept(source="here", checkpoint="1", began=NOW, digest="d")
    fresh = -MOST_SKEW <= age <= 30 * DAY
    assert (why_full(kept, "here", "d", NOW + age, DIALECT) == "") is fresh
    assert why_full(kept, "elsewhere", "d", NOW, DIALECT)
    assert why_full(kept, "here", "other", NOW, DIALECT)
    assert why_full(kept, "here", None, NOW, DIALECT)


def test_the_range_is_that_of_the_begin() -> None:
    """The time range of all pages ends before the fetch began, however long it takes."""
    at = FetchProgress().after(begin("here", Kept(checkpoint="5"), NOW, full=False))
    assert at.position() == Position("5", NOW - MOST_SKEW)
    page, turn = page_of(1, 2, 3)
    at = at.after(page_event(Request("", file="f"), page, turn, 10, NOW + HOUR))
    assert at.position() == Position("5", NOW - MOST_SKEW, "cursor 1", f"{NOW + 1}", 3)
    assert not may_resume(at, "here", NOW + HOUR, DIALECT, full=True)
    assert may_resume(at, "here", NOW + HOUR, DIALECT, full=False)
