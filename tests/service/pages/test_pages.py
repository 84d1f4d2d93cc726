"""The review page over HTTP: who gets in, who gets which case, and what is recorded."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from hashmatch.cases.values import Place
from hashmatch.model import Thumbnail
from hashmatch.service.keys import key_of
from hashmatch.service.pages.limits import RateLimit
from hashmatch.service.pages.png import to_png
from hashmatch.service.pages.sessions import Sessions
from hashmatch.service.pages.visits import read_form, read_network

from .desk import PICTURES, Desk, Reviewer, a_desk, finding, near

PAGES = ("/", "/case/1")
FORMS = (
    *("/next", "/undo", "/pause", "/logout", "/case/1/take", "/case/1/release"),
    *("/case/1/preview", "/case/1/decide", "/case/1/note"),
)


def events(desk: Desk) -> list[dict[str, Any]]:
    """What the audit trail has so far."""
    return [json.loads(line)["event"] for line in desk.audit.read_text().splitlines()]


def test_nobody_sees_anything_before_they_log_in(desk: Desk) -> None:
    """Every page and every form leads to the login, and nothing happens."""
    with Reviewer(desk) as stranger:
        answers = [stranger.get(path) for path in PAGES]
        answers += [stranger.post(path, data={"token": "x"}) for path in FORMS]
        for answer in answers:
            assert answer.status_code == 303
            assert answer.headers["location"] == "/review/login"
    assert desk.cases.get(1).lease is None


@pytest.mark.parametrize("key", ["", "wrong", "the key of an uploader"])
def test_a_key_without_the_scope_opens_nothing(desk: Desk, key: str) -> None:
    """An unknown key, and a key for uploads, are refused without a session."""
    with Reviewer(desk) as stranger:
        answer = stranger.post("/login", data={"key": key})
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
        assert stranger.get("/").status_code == 303


def test_a_session_is_a_cookie_that_no_script_and_no_other_site_has(desk: Desk) -> None:
    """The cookie is HttpOnly and SameSite=Strict, and holds nothing that is a key."""
    with Reviewer(desk) as ada:
        answer = ada.post("/login", data={"key": "the key of ada"})
        cookie = answer.headers["set-cookie"].lower()
        assert {"httponly", "samesite=strict", "path=/"} <= set(cookie.split("; "))
        assert "secure" not in cookie
        assert "ada" not in cookie
        assert ada.get("/login").headers["location"] == "/review/"


def test_a_session_ends_by_itself_and_on_request(desk: Desk) -> None:
    """After 30 minutes without use, after 10 hours in any case, and when its reviewer leaves."""
    with Reviewer(desk) as ada:
        ada.log_in()
        desk.clock.passes(minutes=31)
        assert ada.get("/").status_code == 303
        ada.log_in()
        for _ in range(24):
            desk.clock.passes(minutes=25)
            assert ada.get("/").status_code == 200
        desk.clock.passes(minutes=5)
        assert ada.get("/").status_code == 303
        kept = dict(ada.log_in().cookies)
        assert ada.submit("/logout").headers["location"] == "/review/login"
        with Reviewer(desk, cookies=kept) as thief:
            assert thief.get("/").status_code == 303


def test_logins_are_limited(desk: Desk) -> None:
    """From one address there are ten attempts a minute, right or wrong."""
    with Reviewer(desk) as ada:
        for _ in range(10):
            assert ada.post("/login", data={"key": "wrong"}).status_code == 403
        assert ada.post("/login", data={"key": "the key of ada"}).status_code == 429
        desk.clock.passes(minutes=1)
        ada.log_in()


def test_a_form_from_elsewhere_changes_nothing(desk: Desk) -> None:
    """Without the session's own token, or from another site, every form is refused."""
    with Reviewer(desk) as ada, Reviewer(desk, "ben") as ben:
        ada.log_in()
        foreign = ben.log_in().token
        own = ada.token
        for path in FORMS:
            for data in ({}, {"token": ""}, {"token": foreign}, {"token": "\u20ac"}):
                assert ada.post(path, data=data).status_code == 403
            other = {"sec-fetch-site": "cross-site"}
            assert ada.post(path, data={"token": own}, headers=other).status_code == 403
        assert ada.post("/login", headers={"sec-fetch-site": "cross-site"}).status_code == 403
        assert ada.post("/login", content=b"key=" + b"x" * 70_000).status_code == 413
        assert ada.get("/").status_code == 200
        assert ada.post("/next", content=b"token=" + b"x" * 70_000).status_code == 413
    assert desk.cases.get(1).lease is None


def test_every_answer_is_private_and_lets_nothing_in(desk: Desk) -> None:
    """Pages, refusals and redirects are not kept, and allow nothing of other sites."""
    with Reviewer(desk) as ada:
        answers = [ada.get("/login"), ada.get("/"), ada.log_in().get("/"), ada.get("/case/1")]
        answers += [ada.get("/case/99"), ada.post("/next"), ada.get("/static/0/review.css")]
        answers += [ada.get("/nothing"), ada.delete("/")]
        answers.append(httpx.get(desk.url, trust_env=False))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(desk.cases, "choices", lambda: 1 / 0)
            answers.append(ada.get("/", params={"list": ""}))
        assert [answer.status_code for answer in answers[-4:]] == [404, 405, 303, 500]
        for answer in answers:
            policy = answer.headers["content-security-policy"].split("; ")
            assert "default-src 'none'" in policy
            assert "script-src 'self'" in policy
            assert "img-src data:" in policy
            assert "frame-ancestors 'none'" in policy
            assert "form-action 'self'" in policy
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"
        files = re.findall(r'(?:href|src)="(/review/static/[^"]+)"', ada.get("/").text)
        assert len(files) == 2
        for file in files:
            answer = ada.get(file.removeprefix("/review"))
            assert answer.status_code == 200
            assert "immutable" in answer.headers["cache-control"]


def test_two_reviewers_never_have_the_same_case(desk: Desk) -> None:
    """A case is one reviewer's until they decide, put it back, or let the lease run out."""
    with Reviewer(desk) as ada, Reviewer(desk, "ben") as ben:
        assert ada.log_in().next_case() == 1
        assert ben.log_in().next_case() == 2
        assert ada.next_case() == 1
        assert "with ada" in ben.get("/").text
        assert ben.decide(1, "confirmed").status_code == 409
        assert ben.submit("/case/1/take").status_code == 409
        assert ben.submit("/case/1/preview", show="blurred").status_code == 409
        desk.clock.passes(minutes=16)
        assert ben.submit("/case/1/take").headers["location"] == "/review/case/1"
        assert ada.decide(1, "confirmed").status_code == 409
        assert ben.submit("/case/1/release").headers["location"] == "/review/"
        assert ada.next_case() == 1
    assert desk.cases.get(1).status == "open"


def test_a_decision_has_a_reason_and_can_be_undone_for_a_minute(desk: Desk) -> None:
    """It goes on to the next case, offers to undo, and no longer does so after a minute."""
    with Reviewer(desk) as ada:
        ada.log_in().next_case()
        for form in ({}, {"decision": "confirmed"}, {"decision": "gone", "reason": "x"}):
            assert ada.submit("/case/1/decide", **form).status_code == 422
        long = ada.submit("/case/1/decide", decision="unsure", reason="x" * 1001)
        assert long.status_code == 422
        assert 'value="unsure" required' in long.text
        assert ada.decide(1, "false_positive").headers["location"] == "/review/case/2"
        assert desk.cases.get(1).status == "false_positive"
        page = ada.get("/case/2").text
        assert "Case 1: false positive. You can undo" in page
        assert ada.undo(page).headers["location"] == "/review/case/1"
        assert desk.cases.get(1).status == "open"
        assert ada.undo(page).status_code == 409
        assert ada.undo("").status_code == 409
        ada.decide(1, "confirmed")
        page = ada.get("/").text
        desk.clock.passes(seconds=61)
        assert "You can undo" not in ada.get("/").text
        assert ada.undo(page).status_code == 409
        assert "Decide it again" in ada.get("/case/1").text
        ada.submit("/case/1/take")
        ada.decide(1, "unsure")
    assert desk.cases.get(1).status == "unsure"
    made = [event["decision"] for event in events(desk) if event["type"] == "decision"]
    assert made == ["false_positive", "undo", "confirmed", "unsure"]


def test_each_tab_undoes_what_it_shows(desk: Desk) -> None:
    """A tab that offers to undo a decision undoes that one, though another tab decided since."""
    with Reviewer(desk) as ada:
        ada.log_in().next_case()
        ada.decide(1, "confirmed")
        first = ada.get("/case/2").text
        ada.decide(2, "unsure")
        assert ada.undo(first).headers["location"] == "/review/case/1"
        assert [desk.cases.get(number).status for number in (1, 2)] == ["open", "unsure"]
        assert "Case 2: unsure. You can undo" in ada.get("/").text


def test_what_a_reviewer_did_not_see_stays_open(desk: Desk) -> None:
    """A match found while the page was open is not decided with the others."""
    with Reviewer(desk) as ada:
        ada.log_in().next_case()
        through = re.search(r'name="through" value="(\d+)"', ada.get("/case/1").text)
        assert through is not None
        desk.cases.record([finding(PICTURES / "harbour.jpg", 40)])
        ada.submit("/case/1/decide", decision="confirmed", reason="x", through=through[1])
    case = desk.cases.get(1)
    assert case.status == "open"
    assert sorted(match.decision or "" for match in case.matches) == ["", "confirmed"]


def test_a_page_says_that_a_decision_is_about_more_than_the_preview_shows(desk: Desk) -> None:
    """One frame may be a false positive, and another one, which nobody looked at, may not."""
    said = "near 2 different views of the file, and the preview shows one"
    with Reviewer(desk) as ada:
        assert ada.log_in().next_case() == 1
        assert said not in ada.get("/case/1").text
        desk.cases.record(
            [finding(PICTURES / "harbour.jpg", 9, matches=(near(9, view="frame:7"),))]
        )
        assert said in ada.get("/case/1").text


def test_an_old_page_undoes_no_decision_of_somebody_else(desk: Desk) -> None:
    """A form that was open while another reviewer decided is refused, and the decision stays."""
    with Reviewer(desk) as ada, Reviewer(desk, "ben") as ben:
        assert ada.log_in().next_case() == 1
        shown = ada.get("/case/1").text
        form = dict(re.findall(r'type="hidden" name="(through|last)" value="(\d+)"', shown))
        desk.clock.passes(minutes=16)
        ben.log_in().submit("/case/1/take")
        ben.decide(1, "confirmed")
        ada.log_in()
        answer = ada.submit("/case/1/decide", decision="false_positive", reason="x", **form)
        assert answer.status_code == 409
        assert "was decided meanwhile" in answer.text
    assert desk.cases.get(1).status == "confirmed"


def test_two_reviewers_decide_where_the_operator_asks_for_it(tmp_path: Path) -> None:
    """Two equal decisions settle a case; if two differ, a third one does."""
    with a_desk(tmp_path, second=True) as desk:
        desk.cases.record([finding(PICTURES / "dune.jpg", 5)])
        desk.cases.record([finding(PICTURES / "mist.png", 6)])
        people = [Reviewer(desk, name).log_in() for name in ("ada", "ben", "cleo")]
        ada, ben, cleo = people
        assert ada.next_case() == 1
        assert "Two reviewers must decide" in ada.get("/case/1").text
        ada.decide(1, "confirmed")
        assert "a second reviewer has to agree" in ada.get("/").text
        ada.decide(2, "confirmed")
        assert ada.next_case() is None
        assert "waits for a second reviewer" in ben.get("/").text
        assert ben.next_case() == 1
        ben.decide(1, "confirmed")
        ben.decide(2, "false_positive")
        assert [desk.cases.get(case).status for case in (1, 2)] == ["confirmed", "open"]
        assert cleo.next_case() == 2
        cleo.decide(2, "unsure")
        assert desk.cases.get(2).status == "unsure"
        for each in people:
            each.close()


def test_there_is_no_picture_until_one_is_asked_for(desk: Desk) -> None:
    """Then a small one is within the page; the store and the audit trail have each viewing."""
    with Reviewer(desk) as ada:
        ada.log_in().next_case()
        assert "<img" not in ada.get("/case/1").text
        for how, mode in (("blurred", "L"), ("grey", "L"), ("colour", "RGB")):
            answer = ada.submit("/case/1/preview", show=how)
            found = re.search(r'src="data:image/png;base64,([^"]+)"', answer.text)
            assert found is not None
            with Image.open(io.BytesIO(base64.b64decode(found[1]))) as picture:
                assert picture.mode == mode
                assert max(picture.size) == 320
            assert answer.headers["cache-control"] == "no-store"
        assert "3 pictures seen" in ada.get("/").text
        assert "<img" not in ada.get("/case/1").text
        assert ada.submit("/case/1/preview", show="whole").status_code == 400
    shown = [(seen.reviewer, seen.what) for seen in desk.cases.get(1).viewings]
    assert shown == [("ada", "blurred"), ("ada", "grey"), ("ada", "colour")]
    trail = [event for event in events(desk) if event["type"] == "viewing"]
    assert [(event["case"], event["reviewer"], event["what"]) for event in trail] == [
        (1, "ada", "blurred"),
        (1, "ada", "grey"),
        (1, "ada", "colour"),
    ]


def test_what_cannot_be_recorded_is_not_shown(desk: Desk) -> None:
    """If the audit trail fails, there is no picture and no decision, and the page says so."""
    with Reviewer(desk) as ada:
        ada.log_in().next_case()
        desk.break_trail()
        answer = ada.submit("/case/1/preview", show="blurred")
        assert answer.status_code == 503
        assert "<img" not in answer.text
        assert ada.decide(1, "confirmed").status_code == 503
    assert desk.cases.get(1).viewings == ()
    assert desk.cases.get(1).status == "open"


def test_looking_is_limited_counted_and_interrupted(tmp_path: Path) -> None:
    """30 pictures a minute; after as many as the operator says, the page suggests a break."""
    with a_desk(tmp_path, pause_after=2) as desk, Reviewer(desk) as ada:
        path = tmp_path / "a.jpg"
        path.write_bytes((PICTURES / "dune.jpg").read_bytes())
        desk.cases.record([finding(path, 5)])
        ada.log_in().next_case()
        first, second = (ada.submit("/case/1/preview", show="blurred").text for _ in range(2))
        assert "since your last break" not in first
        assert "You have looked at 2 pictures since your last break" in second
        path.unlink()
        answers = [ada.submit("/case/1/preview", show="blurred") for _ in range(29)]
        assert [answer.status_code for answer in answers] == [200] * 28 + [429]
        assert "No preview: the file is gone" in answers[0].text
        desk.clock.passes(minutes=1)
        assert ada.submit("/case/1/preview", show="blurred").status_code == 200
        ada.submit("/pause")
        assert "since your last break" not in ada.get("/").text
        desk.clock.passes(hours=25)
        assert "0 pictures seen" in ada.log_in().get("/").text


def test_notes_and_everything_else_are_in_the_history(desk: Desk) -> None:
    """A note is on the page with its author, and so is what was decided and looked at."""
    with Reviewer(desk) as ada, Reviewer(desk, "ben") as ben:
        ada.log_in().next_case()
        ada.submit("/case/1/note", text="  ask the\r\n partners  ")
        ada.submit("/case/1/note", text="  ")
        ada.submit("/case/1/preview", show="blurred")
        ada.decide(1, "unsure", "too dark")
        page = ben.log_in().get("/case/1").text
    for words in ("ask the partners", "too dark", "blurred", "scan", "regional"):
        assert words in page
    assert len(desk.cases.get(1).notes) == 1


def test_the_queue_is_filtered_ordered_and_paged(desk: Desk) -> None:
    """Filters and order hold for the next case too, and a link leads to what follows."""
    with Reviewer(desk) as ada:
        ada.log_in()
        assert "1 case waiting" in ada.get("/", params={"list": "partners"}).text
        assert ada.next_case() == 2
        assert "1 case waiting" in ada.get("/", params={"band": "equal"}).text
        assert "0 cases waiting" in ada.get("/", params={"door": "icap"}).text
        assert ada.next_case() is None
        assert "Case 6" in ada.get("/", params={"order": "newest", "age": "day"}).text
        ada.submit("/case/2/release")
        assert ada.next_case() == 6
        assert "0 cases waiting" in ada.get("/", params={"age": "older"}).text
        assert ada.get("/", params={"status": "x", "order": "y", "age": "z"}).status_code == 200
        assert ada.get("/", params={"after": "nowhere"}).status_code == 303
        for number in range(30):
            content = f"sha256:{number:064x}"
            desk.cases.record([finding(PICTURES / "dune.jpg", 9, content=content)])
        first = ada.get("/", params={"list": "regional"}).text
        more = re.search(r'href="(/review/\?[^"]+)" rel="next"', first)
        assert more is not None
        second = ada.get(more[1].removeprefix("/review").replace("&amp;", "&")).text
        numbers = [re.findall(r"/review/case/(\d+)", page) for page in (first, second)]
        assert sorted(map(int, [*numbers[0], *numbers[1]])) == list(range(1, 37))
        ada.submit("/case/6/take")
        ada.decide(6, "confirmed")
        assert "1 case: confirmed" in ada.get("/", params={"status": "confirmed"}).text
        assert ada.get("/case/99").status_code == 404
        assert ada.get(f"/case/{2**70}").status_code == 404


def test_a_page_offers_no_hash_no_file_and_no_bulk(desk: Desk) -> None:
    """There is no digest or hash on it, nothing to download, and one decision at a time."""
    with Reviewer(desk) as ada:
        ada.log_in().next_case()
        pages = [ada.get("/").text, ada.get("/case/1").text]
    for page in pages:
        assert not re.search(r"[0-9a-f]{17,}", re.sub(r'value="[^"]*"|static/\w+', "", page))
        assert not re.search(r"download|prefetch|preload|<a [^>]*href=\"(?!/review)(?!#)", page)
        assert 'type="checkbox"' not in page
        assert "delete" not in page.lower()


def test_the_name_that_a_trusted_proxy_sends_is_the_reviewer(tmp_path: Path) -> None:
    """It is believed from the proxy's address alone, once, and begins a session that is secure."""
    named = {"x-forwarded-user": "cleo", "x-forwarded-proto": "https"}
    here, elsewhere = read_network("127.0.0.0/8"), read_network("10.0.0.0/8")
    with a_desk(tmp_path, keys=None, proxies=(here,)) as desk:
        desk.cases.record([finding(PICTURES / "dune.jpg", 5)])
        with Reviewer(desk) as browser:
            assert "your organisation" in browser.get("/login").text
            page = browser.get("/", headers=named)
            assert "cleo" in page.text
            assert "Log out" not in page.text
            cookie = page.headers["set-cookie"]
            assert cookie.startswith("__Host-hashmatch-review=")
            assert "; secure" in cookie.lower()
            other = browser.get("/", headers=named | {"x-forwarded-user": "ben"})
            assert "ben" in other.text
            for bad in ("", "a" * 65):
                answer = browser.get("/", headers={"x-forwarded-user": bad})
                assert answer.status_code == 303
            twice = [("x-forwarded-user", "ada"), ("x-forwarded-user", "ben")]
            assert browser.get("/", headers=twice).status_code == 303
            assert browser.post("/login", data={"key": "the key of ada"}).status_code == 403
    (tmp_path / "b").mkdir()
    with a_desk(tmp_path / "b", proxies=(elsewhere,)) as desk, Reviewer(desk) as browser:
        assert browser.get("/", headers=named).status_code == 303


def test_a_picture_of_any_size_is_a_png_that_others_read() -> None:
    """Pillow reads the same pixels, grey and in colour, to the last row."""
    for width, height, colour in ((1, 1, False), (320, 7, True), (3, 320, False)):
        shape = (height, width, 3) if colour else (height, width)
        pixels = np.arange(np.prod(shape)).astype(np.uint8).reshape(shape)
        data = to_png(Thumbnail("stored", width, height, colour, pixels.tobytes()))
        with Image.open(io.BytesIO(data)) as picture:
            assert np.array_equal(np.asarray(picture), pixels)


def test_rates_and_sessions_are_bounded() -> None:
    """However many there are, the oldest make room, and what is said of one is not of another."""
    now = [0.0]
    limit = RateLimit(1, 10, lambda: now[0])
    assert limit.allows("a")
    assert not limit.allows("a")
    assert all(limit.allows(str(number)) for number in range(10_001))
    assert limit.allows("a")  # forgotten, since ten thousand others came
    now[0] = 10.0
    assert limit.allows("a")
    sessions = Sessions(lambda: now[0])
    first, _ = sessions.begin("ada")
    cookies = [sessions.begin("ben")[0] for _ in range(1000)]
    assert sessions.find(first) is None
    assert all(sessions.find(cookie) is not None for cookie in cookies)
    assert "token" not in repr(sessions.find(cookies[0])).replace("token=", "token")


def test_forms_are_read_or_empty() -> None:
    """What is no form has no fields."""
    assert read_form(b"a=1&b=%E2%82%AC&c=") == {"a": "1", "b": "\u20ac", "c": ""}
    assert read_form(b"\xff=1") == {}
    assert read_form(b"&".join(b"a=1" for _ in range(30))) == {}


def test_a_member_of_an_upload_that_was_not_kept_has_no_preview(desk: Desk) -> None:
    """The page says why there is nothing to show, and does not count a viewing."""
    place = Place("http", path=b"holiday.jpg", request="r", number="c-1", client="shop")
    other = finding(PICTURES / "quarry.png", 4, place=place, matches=(near(4),))
    desk.cases.record([other])
    with Reviewer(desk) as ada:
        ada.log_in().submit("/case/7/take")
        answer = ada.submit("/case/7/preview", show="blurred")
        assert "the upload was not kept" in answer.text
        assert "client shop" in answer.text
    assert desk.cases.get(7).viewings == ()
    assert key_of("a", "b").scopes == frozenset()
