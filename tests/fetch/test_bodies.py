"""Lists of the four APIs: everything, changes, withdrawals, and what other clients got wrong."""

from __future__ import annotations

import os
import stat
from urllib.parse import parse_qs, urlsplit

import pytest

from hashmatch import HashList, Matcher, Verdict
from pictures import encode, photo

from .body import NOW, PATHS, Change
from .conftest import Desk

DAY = 86_400
NAMES = tuple(PATHS)
SOME = [Change(number, NOW - 10_000 + number) for number in range(11)]
PICTURE = encode(photo(7, 64, 48), "PNG")


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """Each of the APIs."""
    return str(request.param)


def asked_for(desk: Desk, key: str) -> list[str]:
    """The values of a parameter in all requests."""
    queries = [parse_qs(urlsplit(path).query) for path in desk.body.asked]
    return [query[key][0] for query in queries if key in query]


def test_everything_then_only_changes(desk: Desk, name: str) -> None:
    """The first fetch takes all pages; the next adds what is new and asks for nothing else."""
    desk.body.changes = list(SOME)
    first = desk.fetch(name)
    assert first.why_full
    assert (first.pages, first.records, first.kept.entries) == (4, 11, 11)
    assert desk.hashes(name) == {each.hash for each in SOME}
    desk.body.now += DAY
    desk.body.changes.append(Change(100, NOW + 5_000))
    second = desk.fetch(name)
    assert not second.why_full
    assert second.records < 3
    assert (second.before, second.kept.entries) == (11, 12)
    assert desk.load(name).name == name
    if os.name == "posix":
        assert stat.S_IMODE((desk.folder / f"{name}.hml").stat().st_mode) == 0o600


def test_withdrawals_stop_matching(desk: Desk, name: str) -> None:
    """An entry that matches a picture no longer does once its body has withdrawn it."""
    listed = Change(50, NOW - 9_000, content=PICTURE)
    desk.body.changes = [*SOME, listed]
    desk.fetch(name)
    path = desk.folder / f"{name}.hml"
    with Matcher(desk.load(name), isolate=False) as matcher:
        assert matcher.match(PICTURE).verdict is Verdict.MATCH
    desk.body.changes.append(Change(50, NOW + 9_000, gone=True, content=PICTURE))
    desk.body.now += DAY
    found = desk.fetch(name)
    assert (found.kept.entries, found.kept.withdrawn) == (11, 1)
    with Matcher(desk.load(name), isolate=False) as matcher:
        assert matcher.match(PICTURE).verdict is Verdict.CLEAR
    assert path.exists()


@pytest.mark.parametrize("again", [False, True], ids=["one fetch", "two fetches"])
def test_an_older_record_resurrects_nothing(desk: Desk, name: str, again: bool) -> None:
    """An entry stays withdrawn if an older record of it comes later, in this fetch or the next."""
    gone, late = Change(3, NOW - 5_000, gone=True), Change(3, NOW - 5_500)
    desk.body.changes = [*SOME, gone]
    if again:
        desk.fetch(name)
        desk.body.now += 60
        assert late.hash not in desk.hashes(name)
        desk.body.changes = [*desk.body.changes, Change(900, NOW - 4_000)]
    desk.body.changes = [*desk.body.changes, late, Change(901, NOW - 3_900)]
    desk.fetch(name, full=not again)
    assert late.hash not in desk.hashes(name)
    assert SOME[2].hash in desk.hashes(name)


def test_nothing_new_keeps_the_checkpoint(desk: Desk, name: str) -> None:
    """After a fetch without news, the next one still asks only for changes."""
    desk.body.changes = list(SOME)
    first = desk.fetch(name)
    for _ in range(2):
        desk.body.now += DAY
        desk.body.asked.clear()
        found = desk.fetch(name)
        assert not found.why_full
        assert found.kept.entries == 11
        assert found.records <= 1
    if name != "ncmec":
        assert found.kept.checkpoint == first.kept.checkpoint
    assert desk.load(name).created == "2026-09-23T14:13:20Z"


@pytest.mark.parametrize(("name", "days"), [("stopncii", 30), ("threatexchange", 86)])
def test_a_stale_checkpoint_causes_a_full_fetch(desk: Desk, name: str, days: int) -> None:
    """Once a body may have dropped deletions, everything is fetched, and what is gone is gone."""
    desk.body.changes = list(SOME)
    desk.fetch(name)
    desk.body.changes = SOME[:-1]
    desk.body.now += days * DAY
    found = desk.fetch(name, shrink=True)
    assert found.why_full == f"its checkpoint is {days} days old (limit {days - 1})"
    assert desk.hashes(name) == {each.hash for each in SOME[:-1]}


@pytest.mark.parametrize("change", ["settings", "list", "clock", "revisions", "--full"])
def test_a_checkpoint_is_used_only_for_its_own_list(desk: Desk, change: str) -> None:
    """Other settings, another list, a clock set back or lost revisions cause a full fetch."""
    name = "threatexchange"
    desk.body.changes = list(SOME)
    desk.fetch(name)
    settings = {}
    if change == "settings":
        settings = {"options": {"group": "4243", "page_size": "500"}}
    elif change == "list":
        (desk.folder / f"{name}.hml").unlink()
    elif change == "clock":
        desk.body.now -= 2 * DAY
        desk.body.changes = [Change(each.id, each.time - 3 * DAY) for each in SOME]
    elif change == "revisions":
        (desk.folder / ".fetch" / name / "revisions.npz").write_bytes(b"no")
    found = desk.fetch(name, full=change == "--full", **settings)
    assert found.why_full
    assert desk.hashes(name) == {each.hash for each in SOME}


def test_ncmec_asks_for_whole_time_ranges(desk: Desk) -> None:
    """The range ends before now, is the same on all pages, and the next begins inside it."""
    desk.body.changes = list(SOME)
    desk.fetch("ncmec")
    assert set(asked_for(desk, "to")) == {"2026-09-21T14:08:20Z"}  # five minutes ago
    assert set(asked_for(desk, "from")) == {"1970-01-01T00:00:00Z"}
    desk.body.asked.clear()
    desk.body.now += DAY
    desk.fetch("ncmec")
    assert asked_for(desk, "from") == ["2026-09-21T13:08:20Z"]  # an hour before the last end


def test_ncmec_seconds_may_be_over_full(desk: Desk) -> None:
    """Many pages of entries of one second, in no order of time, all arrive."""
    desk.body.changes = [Change(number, NOW - 400) for number in range(20)]
    desk.body.changes[7:7] = [Change(77, NOW - 90_000)]
    assert desk.fetch("ncmec").kept.entries == 21
    desk.body.now += DAY
    assert desk.fetch("ncmec").kept.entries == 21


def test_threatexchange_goes_on_at_the_latest_change(desk: Desk) -> None:
    """The checkpoint is the latest time of a change that was seen, not the time of asking."""
    desk.body.changes = list(SOME)
    desk.fetch("threatexchange")
    desk.body.asked.clear()
    desk.body.now += DAY
    desk.fetch("threatexchange")
    assert asked_for(desk, "start_time") == [str(SOME[-1].time)]


def test_tokens_are_renewed(desk: Desk) -> None:
    """A token that expires between two pages is renewed, and the fetch goes on."""
    desk.body.changes = list(SOME)
    desk.body.faults = {2: ["expired", ""]}
    assert desk.fetch("tat").kept.entries == 11
    assert desk.body.token == 3


def test_an_empty_list_is_a_list(desk: Desk, name: str) -> None:
    """A body that has nothing yet gives an empty list, and its first entry comes with the next."""
    assert desk.fetch(name).kept.entries == 0
    desk.body.now += DAY
    desk.body.changes = [Change(1, NOW + 50_000)]
    assert desk.fetch(name).kept.entries == 1


def test_what_is_not_harmful_does_not_match() -> None:
    """ThreatExchange's status for signals that are not harmful is a category that never matches."""
    record = '{"id": "1", "indicator": "%s", "type": "HASH_MD5", "status": "NON_MALICIOUS"'
    text = '{"data": [' + record % SOME[0].hash + ', "should_delete": false}]}'
    assert not len(HashList.loads(text))
    assert len(HashList.loads(text, policy=None)) == 1


def test_a_list_may_not_shrink_unasked(desk: Desk, name: str) -> None:
    """A list that would lose over a tenth stays as it is, until the operator permits it."""
    desk.body.changes = list(SOME)
    desk.fetch(name)
    before = (desk.folder / f"{name}.hml").read_bytes()
    desk.body.changes += [Change(number, NOW + 100, gone=True) for number in (1, 2)]
    desk.body.now += DAY
    with pytest.raises(Exception, match=r"would shrink from 11 entries to 9.*--allow-shrink"):
        desk.fetch(name)
    assert (desk.folder / f"{name}.hml").read_bytes() == before
    assert desk.fetch(name, shrink=True).kept.entries == 9
