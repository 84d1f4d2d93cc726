"""Whatever goes wrong on the way, the old list stays, and the message names the page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hashmatch.errors import HashmatchError, OutputError, SettingsError
from hashmatch.fetch import FetchError, settings
from hashmatch.fetch.home import Home

from .body import NOW, PATHS, Change
from .conftest import Desk

NAMES = tuple(PATHS)
OLD = [Change(number, NOW - 90_000 + number) for number in range(3)]
NEW = [Change(10 + number, NOW - 2_000 + number) for number in range(8)]
PAGE = {"tat": 3}
"""Where the server finds the second page of the second fetch; elsewhere it is page 2."""

CONTENT = {
    "malformed": "",
    "repeat": "it repeats an earlier page",
    "hash": "3 records are wrong, first record 1: the hash is neither hex nor base64",
    "truncated": "the connection failed",
    "500": "the server answered 500",
    "429": "the server answered 429, and asks to wait 7 s",
    "skew": "the server's clock is 60 minutes ahead of this machine's: set the clock",
    "expired": "the server refused the secrets (401)",
    "redirect": "the server redirects (302): give the new URL in the sources file",
}
SPECIAL = [
    *(("count", name, "it says that it has") for name in ("ncmec", "stopncii")),
    ("range", "ncmec", "its link to the next page is for another time range"),
    *(
        ("future", name, "its checkpoint is in the future")
        for name in ("stopncii", "threatexchange")
    ),
    ("past", "stopncii", "its checkpoint is earlier than the last one"),
]


def with_old_list(desk: Desk, name: str) -> bytes:
    """Fetch a first list, and prepare a second fetch of three pages."""
    desk.body.changes = list(OLD)
    desk.fetch(name)
    desk.body.changes = [*OLD, *NEW]
    desk.body.now += 100
    return (desk.folder / f"{name}.hml").read_bytes()


def check(desk: Desk, name: str, message: str, page: int = 2) -> HashmatchError:
    """A fetch fails with this message; the next, with nothing wrong, has the whole list."""
    before = with_old_list(desk, name)
    with pytest.raises(FetchError) as caught:
        desk.fetch(name, attempts=2)
    assert str(caught.value).startswith(f"{name}: page {page}: {message}")
    assert (desk.folder / f"{name}.hml").read_bytes() == before
    desk.body.faults = {}
    desk.fetch(name)
    assert desk.hashes(name) == {each.hash for each in desk.body.changes}
    return caught.value


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fault", CONTENT)
def test_faults_of_any_body(desk: Desk, name: str, fault: str) -> None:
    """A page that is refused, late, cut, wrong, repeated or of another time changes nothing."""
    desk.body.faults = {PAGE.get(name, 2): [fault]}
    check(desk, name, CONTENT[fault])


@pytest.mark.parametrize(("fault", "name", "message"), SPECIAL)
def test_faults_of_one_body(desk: Desk, name: str, fault: str, message: str) -> None:
    """Wrong counts, links and checkpoints change nothing."""
    desk.body.faults = {2: [fault]}
    check(desk, name, message)


def test_another_host_is_never_asked(desk: Desk) -> None:
    """A link to the next page that leads to another host is not followed."""
    desk.body.faults = {2: ["host"]}
    check(desk, "ncmec", "it links to a host other than the source's", page=3)


@pytest.mark.parametrize(
    ("fault", "message", "page"),
    [
        ("link", "it has a link or a number that cannot be read", 2),
        ("control", "it links to something that is not a URL", 3),
    ],
)
def test_a_link_that_is_no_url_changes_nothing(
    desk: Desk, fault: str, message: str, page: int
) -> None:
    """A link to the next page that cannot be read is a wrong page, not an internal error."""
    desk.body.faults = {2: [fault]}
    check(desk, "ncmec", message, page)


def test_a_secret_of_two_lines_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that no header can hold is a wrong setting, not a lost connection."""
    monkeypatch.setenv("TWO_LINES", "planted\nsecret")
    with pytest.raises(SettingsError, match="line break") as caught:
        desk.fetch("threatexchange", secrets={"token": "env:TWO_LINES"})
    assert "planted" not in str(caught.value)


def test_a_wrong_total(desk: Desk) -> None:
    """A total that does not fit shows on the last page."""
    desk.body.faults = {4: ["count"]}
    check(desk, "tat", "it says that it has", page=3)


@pytest.mark.parametrize("fault", ["500", "503", "429", "truncated", "malformed", "hash", "repeat"])
def test_a_passing_fault_is_waited_out(desk: Desk, fault: str) -> None:
    """A fault that is over at the next attempt is no failure; and the wait grows."""
    desk.body.changes = list(NEW)
    desk.body.faults = {2: [fault, fault, ""]}
    assert desk.fetch("stopncii").kept.entries == len(NEW)
    assert desk.slept == {"429": [7, 7], "503": [9, 9]}.get(fault, [1, 2])


def test_a_long_wait_is_left_to_the_next_run(desk: Desk) -> None:
    """A server that asks to wait for hours is not waited for."""
    desk.body.changes = list(NEW)
    desk.body.faults = {2: ["429"]}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("hashmatch.fetch.engine.MOST_WAIT", 5)
        with pytest.raises(FetchError, match="asks to wait 7 s"):
            desk.fetch("tat")
    assert desk.slept == []


def test_pages_that_were_delivered_are_not_asked_for_again(desk: Desk) -> None:
    """After an outage, the next run begins with the page that was missing."""
    desk.body.changes = list(NEW)
    desk.body.faults = {3: ["500"]}
    with pytest.raises(FetchError):
        desk.fetch("ncmec", attempts=1)
    desk.body.asked.clear()
    desk.body.faults = {}
    assert desk.fetch("ncmec").pages == 3
    assert len(desk.body.asked) == 1


def test_a_wrong_page_does_not_wedge(desk: Desk) -> None:
    """After a page with wrong content, the next run starts over: the pages before may be wrong."""
    desk.body.changes = list(NEW)
    desk.body.faults = {3: ["malformed"]}
    with pytest.raises(FetchError):
        desk.fetch("stopncii", attempts=1)
    desk.body.asked.clear()
    desk.body.faults = {}
    desk.fetch("stopncii")
    assert len(desk.body.asked) == 3


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", ["time", "server"])
def test_an_expired_cursor_begins_anew(desk: Desk, name: str, way: str) -> None:
    """Staged pages whose cursor is too old, or unknown to the server, are fetched again."""
    desk.body.changes = list(NEW)
    desk.body.faults = {3: ["500"]}
    with pytest.raises(FetchError):
        desk.fetch(name, attempts=1)
    desk.body.faults = {3: ["404", ""]} if way == "server" else {}
    desk.body.now += 13 * 3600 if way == "time" else 0
    desk.body.asked.clear()
    assert desk.fetch(name).kept.entries == len(NEW)
    assert len(desk.body.asked) == (4 if way == "server" else 3)


def test_bad_entries_are_skipped_on_request(desk: Desk) -> None:
    """A source may say that the rest of a list with wrong entries is used."""
    desk.body.changes = list(NEW)
    desk.body.faults = {2: ["hash"]}
    found = desk.fetch("tat", skip_bad_entries=True)
    assert found.kept.entries == len(NEW) - 3
    assert "skipped 3 faulty entries" in found.notices


def test_a_login_without_a_token(desk: Desk) -> None:
    """A login that gives no token is a fault of the page that needs it."""
    desk.body.faults = {0: ["no token"]}
    with pytest.raises(FetchError, match=r"tat: page 1: .* has no token"):
        desk.fetch("tat", attempts=2)


def test_an_endless_answer_is_cut(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that is longer than a page may be is given up."""
    short = replace(desk.sources["ncmec"].dialect, most_bytes=100)
    monkeypatch.setitem(settings.DIALECTS, "ncmec", short)
    with pytest.raises(FetchError, match="page 1: the answer is longer than 100 bytes"):
        desk.fetch("ncmec")


def test_one_fetch_at_a_time(desk: Desk) -> None:
    """A second fetch of a source is refused while the first runs."""
    with Home(desk.folder, "tat").locked(), pytest.raises(OutputError, match="another process"):
        desk.fetch("tat")


def test_a_certificate_of_another_authority_is_refused(desk: Desk) -> None:
    """Only the authorities that the operator trusts count."""
    desk.sources["tat"] = replace(desk.sources["tat"], ca=None)
    with pytest.raises(FetchError, match="page 1: its certificate is not trusted"):
        desk.fetch("tat")
    assert desk.slept == []


def test_damaged_staging_is_dropped(desk: Desk) -> None:
    """A staged file that has lost bytes is fetched again; a torn line of the journal is cut off."""
    desk.body.changes = list(NEW)
    desk.body.faults = {3: ["500"]}
    staged: Path = Home(desk.folder, "tat").staged
    for damage in ("pages", "journal", "nonsense"):
        with pytest.raises(FetchError):
            desk.fetch("tat", attempts=1)
        if damage == "pages":
            (staged / "pages.json").write_bytes(b"{")
        else:
            with (staged / ".journal.jsonl").open("ab") as journal:
                journal.write(b'{"type": "pa' + (b"\n" if damage == "nonsense" else b""))
        desk.body.asked.clear()
        with pytest.raises(FetchError):
            desk.fetch("tat", attempts=1)
        assert len(desk.body.asked) == (1 if damage == "journal" else 3)
    desk.body.faults = {}
    assert desk.fetch("tat").kept.entries == len(NEW)
    assert json.loads((desk.folder / ".fetch/tat/kept.json").read_text())["entries"] == len(NEW)
