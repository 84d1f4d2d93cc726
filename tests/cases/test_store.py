"""The case store, over SQLite and over a real PostgreSQL server."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cases.findings import START, Clock, content, finding, match_of
from counts import examples
from hashmatch import Entry, PerceptualHash, SettingsError
from hashmatch.cases import Case, Cases, Filters, Order, Place, events_of
from hashmatch.errors import CaseError, InputError, MissingExtraError, OutputError
from hashmatch.model import Cause


class Store:
    """A store, its clock, and what it adds to the trail."""

    def __init__(self, place: str) -> None:
        self.clock = Clock()
        self.trail: list[dict[str, Any]] = []
        self.cases = Cases(place, clock=self.clock, chain=self.trail.append)


@pytest.fixture
def store(place: str) -> Iterator[Store]:
    """An empty store."""
    made = Store(place)
    yield made
    made.cases.close()


def numbers(store: Store, *arguments: Any, **options: Any) -> list[int]:
    """The cases of a queue."""
    return [row.id for row in store.cases.queue(*arguments, **options).rows]


def taken(store: Store, reviewer: str) -> Case:
    """The case that a reviewer gets."""
    found = store.cases.lease(reviewer)
    assert found is not None
    return found


def test_parts_near_the_same_entry_are_one_match(store: Store) -> None:
    """An archive with several pictures near an entry has it once, at the least distance."""
    parts = [match_of(3, distance=distance) for distance in (6, 2, 5)]
    store.cases.record([finding(1, *parts)])
    assert [match.distance for match in store.cases.get(1).matches] == [2]


def test_equal_content_is_one_case(store: Store) -> None:
    """Copies from several doors are places of one case, with all that the doors were told."""
    store.cases.record([finding(1), finding(2), finding(1, path=b"/copy\xff.jpg")])
    store.clock.forward(hours=1)
    upload = {"client": "shop", "request": "r1", "number": "ABCD", "address": "192.0.2.7"}
    store.cases.record([finding(1, match_of(1), match_of(5), door="http", **upload)])
    page = store.cases.queue()
    assert [(row.copies, row.near) for row in page.rows] == [(3, 2), (1, 1)]
    case = store.cases.get(page.rows[0].id)
    assert case.content == content(1)
    assert case.sha256 == f"{1:064x}"
    assert case.places[0].place == Place("http", None, **upload)
    assert {each.place.path for each in case.places[1:]} == {b"/files/1.jpg", b"/copy\xff.jpg"}
    assert (case.first_seen, case.last_seen) == (START, START + timedelta(hours=1))
    assert [match.distance for match in case.matches] == [1, 5]
    assert case.matches[0].list_version is None
    assert (case.format, case.width, case.height) == ("JPEG", 640, 480)


def test_a_place_that_is_met_again_is_the_same_place(store: Store) -> None:
    """A second scan changes times and what it finds different, and adds no row."""
    store.cases.record([finding(1)])
    store.clock.forward(days=1)
    store.cases.record(
        [finding(1, match_of(1, distance=3, confirmed=False), quarantine="/q", item=4)]
    )
    (row,) = store.cases.queue().rows
    case = store.cases.get(row.id)
    assert (case.copies, len(case.matches)) == (1, 1)
    assert (case.matches[0].distance, case.matches[0].exact) == (3, False)
    assert (case.places[0].place.quarantine, case.places[0].place.item) == ("/q", 4)
    assert case.places[0].first_seen == START
    assert case.matches[0].last_seen == START + timedelta(days=1)
    store.cases.record([finding(1)])
    assert store.cases.get(row.id).places[0].place.item == 4


def test_an_item_of_a_bucket_has_a_large_number(store: Store) -> None:
    """Objects in quarantine are numbered by 48 bits, more than PostgreSQL's INTEGER holds."""
    number = (1 << 48) - 1
    store.cases.record([finding(1, quarantine="s3://held/", item=number)])
    [seen] = store.cases.get(1).places
    assert seen.place.item == number


@pytest.mark.parametrize("number", [1 << 63, -(1 << 70), 0])
def test_a_number_that_no_row_has_is_no_case(store: Store, number: int) -> None:
    """A number too large for the database is refused like any wrong one, and the store is whole."""
    store.cases.record([finding(1)])
    cases = store.cases
    for call in (
        lambda: cases.get(number),
        lambda: cases.decide(number, "ann", "confirmed"),
        lambda: cases.note(number, "ann", "x"),
        lambda: cases.lease("ann", case=number),
    ):
        with pytest.raises(CaseError, match="no case has the number"):
            call()
    with pytest.raises(SettingsError, match="not a place"):
        cases.queue(after=f"1:{number or -1}")


def test_filters_find_cases_by_any_match_and_any_door(store: Store) -> None:
    """A case passes if one of its matches or places has what is asked for."""
    store.cases.record([finding(number) for number in range(6)])
    store.clock.forward(days=2)
    other = Entry("x", match_of(0).entry.hash, None, "category B")
    store.cases.record(
        [finding(0, match_of(1, entry=other, distance=8)), finding(7, door="icap", request="r")]
    )
    assert numbers(store) == [1, 2, 3, 4, 5, 6, 7]
    assert numbers(store, Filters(list="list-0")) == [1, 3, 5]
    assert numbers(store, Filters(list="list-1", category="category B")) == [1]
    assert numbers(store, Filters(band="edge")) == [1, 7]
    assert numbers(store, Filters(door="icap")) == [7]
    assert numbers(store, Filters(min_age=timedelta(days=1))) == [1, 2, 3, 4, 5, 6]
    assert numbers(store, Filters(max_age=timedelta(days=1), list="list-1")) == [7]
    assert numbers(store, Filters(list="no such list")) == []
    assert store.cases.choices() == {
        "list": ["list-0", "list-1"],
        "category": ["category A", "category B"],
        "band": ["close", "edge", "equal", "far"],
        "door": ["icap", "scan"],
    }


@pytest.mark.parametrize("order", Order)
def test_pages_join_up(store: Store, order: Order) -> None:
    """Page by page, every case comes once, in the order of the whole."""
    for number in range(7):
        store.cases.record([finding(number)])
        store.clock.forward(seconds=number % 2)
    whole = numbers(store, order=order)
    assert sorted(whole) == list(range(1, 8))
    found: list[int] = []
    after = None
    while True:
        page = store.cases.queue(order=order, after=after, size=3)
        found += [row.id for row in page.rows]
        after = page.next
        if after is None:
            break
    assert found == whole
    assert (page.count, page.more) == (7, False)
    for wrong in ("", "x:1", "1", "1:x", f"{10**30}:1"):
        with pytest.raises(SettingsError):
            store.cases.queue(order=Order.OLDEST, after=wrong)
    with pytest.raises(SettingsError, match="at least 1"):
        store.cases.queue(size=0)


def test_likely_mistakes_come_first_or_last(store: Store) -> None:
    """Candidates are most doubtful, then inexact distances, then what chance makes most often."""
    found = [
        match_of(1, expected_false=1e-9),
        match_of(1, expected_false=0.2),
        match_of(1, expected_false=1e-9, distance=8),
        match_of(1, cause=Cause.LOW_INFORMATION, expected_false=1e-9),
        match_of(1, confirmed=False, expected_false=1e-9),
        match_of(1, expected_false=None),
    ]
    store.cases.record([finding(number, match) for number, match in enumerate(found)])
    assert numbers(store, order=Order.DOUBTFUL) == [4, 5, 6, 2, 3, 1]
    assert numbers(store, order=Order.CERTAIN) == [1, 3, 2, 6, 5, 4]


def test_no_two_people_get_one_case(store: Store) -> None:
    """Threads that ask at once get different cases; after expiry, others may have them."""
    store.cases.record([finding(number) for number in range(6)])
    got: dict[str, int] = {}

    def ask(reviewer: str) -> None:
        got[reviewer] = taken(store, reviewer).id

    threads = [threading.Thread(target=ask, args=(f"r{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(got.values()) == [1, 2, 3, 4, 5, 6]
    assert store.cases.lease("late") is None
    assert taken(store, "r0").id == got["r0"]
    store.clock.forward(minutes=16)
    assert taken(store, "late").id == 1


def test_a_reviewer_has_one_case_at_a_time(store: Store) -> None:
    """The same case comes again until it is decided or given back, or another one is taken."""
    store.cases.record([finding(number) for number in range(4)])
    assert taken(store, "ann").id == taken(store, "ann").id == 1
    other = store.cases.lease("ann", case=2)
    assert other is not None
    assert other.id == 2
    assert taken(store, "bob").id == 1
    chosen = store.cases.lease("ann", case=4)
    assert chosen is not None
    assert chosen.lease is not None
    assert (chosen.id, chosen.lease.reviewer) == (4, "ann")
    assert taken(store, "cat").id == 2
    with pytest.raises(CaseError, match="case 1 is with bob until"):
        store.cases.lease("ann", case=1)
    with pytest.raises(CaseError, match="no case has the number 99"):
        store.cases.lease("ann", case=99)
    store.cases.release(1, "bob")
    assert taken(store, "dan").id == 1


def test_a_decision_closes_a_case_until_something_new_matches(store: Store) -> None:
    """A decided case leaves the queue; another entry near it brings it back, undecided."""
    store.cases.record([finding(1), finding(2)])
    done = store.cases.decide(1, "ann", "false_positive", "a logo")
    assert done.status == "false_positive"
    assert numbers(store) == [2]
    assert numbers(store, Filters(status="false_positive")) == [1]
    store.clock.forward(days=1)
    store.cases.record([finding(1)])
    assert numbers(store) == [2]
    store.cases.record([finding(1, match_of(2))])
    assert numbers(store) == [1, 2]
    (row,) = (row for row in store.cases.queue().rows if row.id == 1)
    assert row.best.entry == "entry-2"
    rejected = store.cases.rejected([content(1), content(2), content(9)])
    ((named, why),) = rejected[content(1)].items()
    assert rejected.keys() == {content(1)}
    assert (named, why.by, why.at) == (store.cases.name(match_of(1)), "ann", START)
    store.cases.decide(1, "bob", "confirmed")
    assert store.cases.rejected([content(1)]) == {}


def test_what_the_reviewer_did_not_see_stays_open(store: Store) -> None:
    """A match that came after the case was shown is not decided, and a late decision is refused."""
    store.cases.record([finding(1)])
    shown = store.cases.get(1)
    store.cases.record([finding(1, match_of(2))])
    done = store.cases.decide(
        1, "ann", "false_positive", through=shown.through, last=shown.last_decision
    )
    assert done.status == "open"
    assert [match.decision for match in store.cases.get(1).matches] == ["false_positive", None]
    with pytest.raises(CaseError, match="decided meanwhile"):
        store.cases.decide(1, "bob", "confirmed", last=shown.last_decision)


def test_two_equal_decisions_or_a_third(store: Store) -> None:
    """With a second reviewer, one voice settles nothing, two equal ones do, and a third always."""
    store.cases.record([finding(1), finding(2)])
    first = store.cases.decide(1, "ann", "false_positive", second=True)
    assert first.status == "open"
    assert store.cases.rejected([content(1)]) == {}
    assert store.cases.decide(1, "ann", "false_positive", second=True).status == "open"
    assert store.cases.queue().rows[0].votes == 1  # the same voice again
    assert taken(store, "ann").id == 2
    assert taken(store, "bob").id == 1
    assert store.cases.decide(1, "bob", "false_positive", second=True).status == "false_positive"
    for reviewer, word, status in (
        ("ann", "confirmed", "open"),
        ("bob", "unsure", "open"),
        ("cat", "confirmed", "confirmed"),
    ):
        store.cases.lease(reviewer, case=2)
        assert store.cases.decide(2, reviewer, word, second=True).status == status
        store.clock.forward(minutes=20)
    assert store.cases.queue(Filters(status="confirmed")).rows[0].votes == 0


def test_undo_within_a_minute(store: Store) -> None:
    """The last decision about a case may be taken back by who made it, for a minute."""
    store.cases.record([finding(1)])
    first = store.cases.decide(1, "ann", "confirmed")
    store.clock.forward(seconds=59)
    with pytest.raises(CaseError, match="not yours"):
        store.cases.undo(first.id, "bob")
    assert store.cases.undo(first.id, "ann") == "open"
    assert numbers(store) == [1]
    with pytest.raises(CaseError, match="not the last"):
        store.cases.undo(first.id, "ann")
    second = store.cases.decide(1, "ann", "unsure")
    assert second.undo_until == store.clock.now + timedelta(minutes=1)
    store.clock.forward(seconds=61)
    with pytest.raises(CaseError, match="more than a minute"):
        store.cases.undo(second.id, "ann")
    with pytest.raises(CaseError, match="no decision 99"):
        store.cases.undo(99, "ann")
    assert [each.decision for each in store.cases.decisions()] == ["confirmed", "undo", "unsure"]


def test_everything_that_happened_is_told(store: Store) -> None:
    """A case's history has places, matches, decisions, notes and viewings, by time."""
    store.cases.record([finding(1)])
    store.cases.record([finding(1, door="http", request="r1", number="N1")])
    store.clock.forward(minutes=1)
    store.cases.note(1, "ann", "looks like a logo\0")
    store.clock.forward(minutes=1)
    store.cases.viewed(1, "ann", "blurred")
    store.clock.forward(minutes=1)
    done = store.cases.decide(1, "ann", "unsure", "too small", second=True)
    store.cases.undo(done.id, "ann")
    told = [(event.kind, event.who, event.text) for event in events_of(store.cases.get(1))]
    assert told[:3] == [
        ("found", "http", "upload N1 r1"),
        ("found", "scan", "/files/1.jpg"),
        ("match", "list-1", "entry entry-1 at 1 of 8 bits"),
    ]
    assert told[3:] == [
        ("note", "ann", "looks like a logo\\x00"),
        ("viewing", "ann", "looked at the preview (blurred)"),
        ("decision", "ann", "unsure, waits for a second reviewer: too small"),
        ("undo", "ann", "undid decision 1"),
    ]
    assert store.cases.viewed_since("ann", START) == 1
    assert store.cases.viewed_since("ann", START + timedelta(hours=1)) == 0
    assert store.cases.decided_since("ann", START) == 1
    assert [event["type"] for event in store.trail] == ["viewing", "decision", "decision"]


def test_nothing_is_decided_without_the_trail(store: Store) -> None:
    """If the trail cannot be written, neither the decision nor the viewing is made."""
    store.cases.record([finding(1)])

    def fail(_: object) -> None:
        raise OutputError("the disk is full")

    store.cases._chain = fail
    with pytest.raises(OutputError, match="the disk is full"):
        store.cases.decide(1, "ann", "confirmed")
    with pytest.raises(OutputError, match="the disk is full"):
        store.cases.viewed(1, "ann", "blurred")
    case = store.cases.get(1)
    assert (case.status, case.decisions, case.viewings) == ("open", (), ())
    store.cases._chain = store.trail.append
    assert store.cases.decide(1, "ann", "confirmed").id == 1


@pytest.mark.parametrize(
    ("case", "reviewer", "decision", "fault"),
    [
        (1, "ann", "yes", "unknown decision 'yes'; choose from confirmed,"),
        (1, "  ", "confirmed", "needs the name of a reviewer"),
        (9, "ann", "confirmed", "no case has the number 9"),
    ],
)
def test_wrong_decisions_are_refused(
    store: Store, case: int, reviewer: str, decision: str, fault: str
) -> None:
    """An unknown word, case or reviewer is refused."""
    store.cases.record([finding(1)])
    with pytest.raises((SettingsError, CaseError), match=fault):
        store.cases.decide(case, reviewer, decision)
    assert store.cases.decisions() == []


@settings(examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(st.characters(), max_size=300), min_size=6, max_size=6))
def test_any_text_is_kept(store: Store, texts: list[str]) -> None:
    """Names from strangers, with NUL, surrogates or any length, break neither database."""
    listed, entry, label, category, note, client = texts
    value = PerceptualHash("phash", 64, (1,))
    odd = match_of(1, list=listed, entry=Entry(entry, value, label, category))
    store.cases.record([finding(1, odd, door="http", client=client, path=os.fsencode("\udcff"))])
    store.cases.note(1, "ann", note)
    store.cases.decide(1, f"ann {client}", "false_positive", note)
    assert store.cases.name(odd) in store.cases.rejected([content(1)])[content(1)]
    shown = Filters(status="false_positive", list=listed, category=category)
    assert numbers(store, shown) == [1]


def test_a_store_that_is_reopened_is_the_same(place: str) -> None:
    """The token, the cases and what identifies contents and entries outlast the process."""
    one = Store(place)
    one.cases.record([finding(1)])
    hashes = [str(match_of(1).entry.hash)]
    known = one.cases.token, one.cases.content(hashes), one.cases.name(match_of(1))
    assert "fedcba" not in str(known)
    one.cases.close()
    two = Store(place)
    assert (two.cases.token, two.cases.content(hashes), two.cases.name(match_of(1))) == known
    assert numbers(two) == [1]
    two.cases.close()


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    """A missing file, another kind of file and a wrong address each say what is wrong."""
    with pytest.raises(InputError, match="No such file"):
        Cases(tmp_path / "none.db", create=False)
    (tmp_path / "text.db").write_bytes(b"not a database, but long enough to look like one")
    with pytest.raises(InputError, match="damaged"):
        Cases(tmp_path / "text.db")
    with pytest.raises(OutputError, match="No such file"):
        Cases(tmp_path / "folder" / "cases.db")
    with pytest.raises(SettingsError, match="a file or postgresql"):
        Cases("mysql://host/cases")
    with pytest.raises(OutputError, match="cannot use the cases") as caught:
        Cases("postgresql://someone:s3cret@127.0.0.1:1/cases")
    assert "s3cret" not in str(caught.value)
    assert (tmp_path / "text.db").stat().st_size == 48


def test_only_the_owner_may_read_a_store(tmp_path: Path) -> None:
    """The file is created with mode 0600."""
    Cases(tmp_path / "cases.db").close()
    assert (tmp_path / "cases.db").stat().st_mode & 0o777 == 0o600


def test_a_password_is_in_no_message() -> None:
    """Wherever the address has it, messages and records show the address without it."""
    for address in ("u:s3cret@127.0.0.1:1/cases", "u@127.0.0.1:1/cases?password=s3cret"):
        with pytest.raises(OutputError) as caught:
            Cases(f"postgresql+psycopg://{address}")
        assert "127.0.0.1:1/cases" in str(caught.value)
        assert "s3cret" not in str(caught.value)


def test_the_driver_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without psycopg, the error says what to install."""
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'hashmatch\[postgres\]'"):
        Cases("postgresql+psycopg://host/cases")
