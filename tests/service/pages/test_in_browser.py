"""The review page in a real browser: keys, no script, small screens, and names that attack it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from browser import CHROMIUM, Browser, Page, a_browser
from commands import hashmatch_command
from films import FORMATS, film, scene
from hashmatch import Entry, PerceptualHash, phash
from hashmatch.cases.values import Place

from .desk import PICTURES, TOKENS, Desk, a_desk, finding, near

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")

ATTACKS = (
    '"><script>window.hit = 1</script>',
    "<img src=http://192.0.2.1/a onerror='window.hit = 1'>",
    "</textarea></select><svg onload=window.hit=1>",
    "{{ 7 * 7 }} {% raw %} javascript:window.hit=1",
    "\u202egpj.exe \x1b[2J\nnext",
)

# The colours of each text and of what is behind it, by WCAG 2.2: relative luminance and contrast
CONTRAST = """(() => {
  const rgb = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const behind = (node) => {
    for (let each = node; each; each = each.parentElement) {
      const found = rgb(getComputedStyle(each).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  const poor = [];
  let looked = 0;
  for (const node of document.querySelectorAll("body *")) {
    const style = getComputedStyle(node);
    const own = [...node.childNodes].some((c) => c.nodeType === 3 && c.data.trim());
    if (!node.checkVisibility() || node.closest("option, datalist, .hidden, .skip")) continue;
    const back = light(behind(node));
    if (own) {
      looked += 1;
      const found = ratio(light(rgb(style.color)), back);
      if (found < 4.5) poor.push([node.textContent.trim().slice(0, 30), "text", found]);
    }
    if (node.matches("input:not([type=radio]):not([type=hidden]), select, textarea")) {
      const edge = light(rgb(style.borderTopColor));
      const found = ratio(edge, light(behind(node.parentElement)));
      if (found < 3) poor.push([node.name, "edge", found]);
    }
  }
  return {looked, poor};
})()"""

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests, in which everybody has cookies of their own."""
    with a_browser() as running:
        yield running


def seated(browser: Browser, desk: Desk, name: str = "ada") -> Page:
    """The page of somebody who has logged in with the keyboard."""
    page = browser.new_page()
    page.look()
    page.open(f"{desk.url}/review/")
    page.type(TOKENS[name])
    with page.loading():
        page.press("Enter")
    return page


def heading(page: Page) -> str:
    """What the page is about."""
    return str(page.evaluate("document.querySelector('h1').firstChild.data")).strip()


def click(page: Page, text: str) -> None:
    """Click the button or link with this text, and wait for the next page."""
    buttons = "[...document.querySelectorAll('button, a, summary')]"
    with page.loading():
        page.evaluate(f"{buttons}.find((each) => each.textContent.trim() === {text!r}).click()")


def tab_to(page: Page, text: str) -> None:
    """Move the focus on with the tab key, until it is on the control with this text."""
    for _ in range(60):
        page.press("Tab")
        if text in str(page.evaluate("document.activeElement.textContent")):
            return
    pytest.fail(f"no way with the tab key to {text!r}")


def test_two_reviewers_work_at_once_with_the_keyboard_alone(browser: Browser, desk: Desk) -> None:
    """Each gets another case, looks, decides, undoes and goes on; a lease that ran out is free."""
    ada, ben = seated(browser, desk), seated(browser, desk, "ben")
    for page in (ada, ben):
        with page.loading():
            page.press("n")
    assert [heading(ada), heading(ben)] == ["Case 1", "Case 2"]
    for how in ("blurred", "grey"):
        with ada.loading():
            ada.press("p")
        assert f"case 1, {how}" in ada.evaluate("document.querySelector('img').alt")
    with ada.loading():
        ada.press("h")
    assert ada.evaluate("document.querySelector('img')") is None
    ada.press("f")
    ada.type("fu different picture")  # letters in a field are no keys
    with ada.loading():
        ada.press("Enter")
    assert heading(ada) == "Case 3"
    with ada.loading():
        ada.press("z")
    assert heading(ada) == "Case 1"
    assert desk.cases.get(1).status == "open"
    ada.press("c")
    ada.type("same picture")
    with ada.loading():
        ada.press("Enter")
    assert desk.cases.get(1).status == "confirmed"
    assert desk.cases.get(1).decisions[0].reason == "fu different picture"
    desk.clock.passes(minutes=16)
    with ada.loading():
        ada.press("u")
        ada.type("cannot tell")
        ada.press("Enter")
    assert heading(ada) == "Case 2"  # the oldest, which ben had
    assert desk.cases.get(3).status == "unsure"


def test_keys_can_be_turned_off_and_everything_is_reached_by_tab(
    browser: Browser, desk: Desk
) -> None:
    """The legend has a switch that is remembered, and no control needs a mouse."""
    page = seated(browser, desk)
    assert page.evaluate("document.querySelector('.legend').checkVisibility()")
    tab_to(page, "Turn keys off")
    page.press("Enter", "n")
    assert heading(page) == "6 cases waiting"
    tab_to(page, "Skip to content")
    tab_to(page, "Review the next case")
    with page.loading():
        page.press("Enter")
    assert page.evaluate("document.getElementById('keys').textContent") == "Turn keys on"
    tab_to(page, "Show the preview")
    with page.loading():
        page.press("Enter")
    tab_to(page, "Show it in colour")
    for text in ("Decide and go on", "Put it back", "Add", "Turn keys on"):
        tab_to(page, text)
    page.evaluate("localStorage.clear()")


def test_all_of_it_works_without_scripts(browser: Browser, desk: Desk) -> None:
    """Log in, next case, preview, decide, undo, note, filter and log out are plain forms."""
    page = browser.new_page()
    page.ask("Emulation.setScriptExecutionDisabled", value=True)
    page.open(f"{desk.url}/review/")
    page.evaluate("document.getElementById('key').value = 'the key of ada'")
    click(page, "Log in")
    click(page, "Review the next case")
    assert not page.evaluate("document.querySelector('.legend').checkVisibility()")
    click(page, "Show the preview")
    assert page.evaluate("document.querySelector('img').naturalWidth") == 320
    page.evaluate("document.querySelector('[value=unsure]').checked = true")
    page.evaluate("document.getElementById('reason').value = 'too dark'")
    click(page, "Decide and go on")
    assert heading(page) == "Case 2"
    click(page, "Undo")
    assert heading(page) == "Case 1"
    page.evaluate("document.getElementById('note').value = 'a note'")
    click(page, "Add")
    click(page, "Put it back")
    page.evaluate("document.querySelector('[name=band]').value = 'equal'")
    click(page, "Show")
    assert heading(page) == "1 case waiting"
    click(page, "Log out")
    assert heading(page) == "Log in"


def test_no_name_or_label_runs_or_loads_anything(browser: Browser, tmp_path: Path) -> None:
    """Whatever lists, files and clients are called, it is text, and no request leaves."""
    with a_desk(tmp_path) as desk:
        for number, attack in enumerate(ATTACKS):
            entry = Entry(
                f"{attack}{number}",
                PerceptualHash("phash", 64, (number,)),
                label=attack,
                category=attack,
            )
            match = near(4, list=attack, entry=entry, view=f"frame:{number}+{attack}")
            place = Place(
                attack,
                path=b"/srv/" + attack.encode(),
                client=attack,
                request=attack,
                number=attack,
                address=attack,
            )
            found = finding(
                PICTURES / "dune.jpg",
                4,
                content=f"hashes:{number}",
                matches=(match, near(5, list=attack, entry=entry, distance=5)),
                place=place,
                format=attack,
            )
            desk.cases.record([found])
            desk.cases.note(number + 1, attack, attack)
        page = seated(browser, desk)
        for number in range(len(ATTACKS)):
            page.open(f"{desk.url}/review/?door={number}")
            page.open(f"{desk.url}/review/case/{number + 1}")
            click(page, "Take this case")
            click(page, "Show the preview")
            assert "the upload was not kept" in page.evaluate("document.body.innerText")
            page.evaluate(f"document.getElementById('reason').value = {ATTACKS[number]!r}")
            page.evaluate("document.querySelector('[value=unsure]').click()")
            click(page, "Decide and go on")
            sent = [event["request"]["url"] for event in page.told("Network.requestWillBeSent")]
            assert sent
            assert all(url.startswith((desk.url, "data:")) for url in sent)
            assert not page.told("Log.entryAdded")
            assert page.evaluate("window.hit") is None
        page.open(f"{desk.url}/review/?status=unsure")
        assert "<script>window.hit" in page.evaluate("document.body.innerText")
        assert page.evaluate("window.hit") is None


def screens(page: Page, desk: Desk) -> Iterator[str]:
    """Go through the kinds of pages."""
    page.open(f"{desk.url}/review/login")
    yield "login"
    page.evaluate("document.getElementById('key').value = 'the key of ada'")
    click(page, "Log in")
    yield "queue"
    click(page, "Review the next case")
    yield "case"
    click(page, "Show the preview")
    page.evaluate("document.querySelector('details')?.setAttribute('open', '')")
    yield "preview"
    page.evaluate("document.querySelector('[value=false_positive]').click()")
    page.evaluate("document.getElementById('reason').value = 'different picture'")
    click(page, "Decide and go on")
    page.evaluate("document.querySelector('details')?.setAttribute('open', '')")
    yield "undo"
    page.open(f"{desk.url}/review/?status=false_positive")
    yield "decided"
    page.open(f"{desk.url}/review/case/99")
    yield "problem"


def test_colours_have_the_contrast_that_people_need(browser: Browser, desk: Desk) -> None:
    """Every text has 4.5:1 and every field's edge 3:1, in light and in dark (WCAG 2.2, AA)."""
    page = browser.new_page()
    for name in screens(page, desk):
        for dark in (False, True):
            page.look(dark=dark)
            found = page.evaluate(CONTRAST)
            assert found["looked"] > 3, (name, dark)
            assert found["poor"] == [], (name, dark)
            white = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (white == "rgb(246, 247, 246)") is not dark


def test_a_telephone_shows_all_of_it_without_scrolling_sideways(
    browser: Browser, tmp_path: Path
) -> None:
    """At 360 pixels no page is wider than the screen, with the longest names."""
    with a_desk(tmp_path) as desk:
        name = b"/srv/" + b"a" * 180 + b"/" + b"b" * 180 + b".jpg"
        entry = Entry("e" * 120, PerceptualHash("phash", 64, (1,)), label="l" * 200, category="C")
        found = finding(PICTURES / "dune.jpg", 4, place=Place("scan", path=name))
        desk.cases.record([found])
        other = near(4, list="L" * 90, entry=entry)
        desk.cases.record([finding(PICTURES / "mist.png", 4, matches=(other, near(5)))])
        page = browser.new_page()
        page.look(width=360, height=740)
        for screen in screens(page, desk):
            assert page.evaluate(WIDER) <= 0, screen


def test_every_control_has_a_name_for_screen_readers(browser: Browser, desk: Desk) -> None:
    """Buttons, links, fields, pictures and regions say what they are; a page has one title."""
    page = browser.new_page()
    page.look()
    told = {"button", "link", "textbox", "combobox", "radio", "image", "region", "table"}
    seen: set[str] = set()
    for name in screens(page, desk):
        for node in page.ask("Accessibility.getFullAXTree")["nodes"]:
            role = node.get("role", {}).get("value")
            if node.get("ignored") or role not in told:
                continue
            seen.add(role)
            assert node.get("name", {}).get("value", "").strip(), (name, _attributes(page, node))
        assert page.evaluate("document.querySelectorAll('h1').length") == 1
        assert page.evaluate("document.documentElement.lang") == "en"
        assert str(page.evaluate("document.title")).endswith("hashmatch review")
    assert seen == told


def _attributes(page: Page, node: dict[str, Any]) -> object:
    """What a failing test shows of a control."""
    number = node["backendDOMNodeId"]
    return page.ask("DOM.describeNode", backendNodeId=number)["node"].get("attributes")


def test_a_case_of_a_video_shows_the_still_that_matched(browser: Browser, tmp_path: Path) -> None:
    """What a scan finds in a video is a case, which says when, and whose picture is that still."""
    second, video = scene(2), tmp_path / "given" / "film.mp4"
    video.parent.mkdir()
    video.write_bytes(film([scene(1), second], FORMATS["MP4"]._replace(size=(160, 90)), 2.5))
    (tmp_path / "list.txt").write_text(f"# algorithm: phash\n{phash(second)} entry-0\n")
    done = hashmatch_command(
        *("scan", video.parent, "--list", tmp_path / "list.txt"),
        *("--cases", tmp_path / "cases.db"),
    )
    assert done.returncode == 1, done.stderr
    with a_desk(tmp_path) as desk:
        page = seated(browser, desk)
        with page.loading():
            page.press("n")
        assert heading(page) == "Case 1"
        text = page.evaluate("document.body.innerText")
        assert "frame:00:00:02.500" in text
        assert str(video) in text
        for _ in range(2):
            with page.loading():
                page.press("p")
        source = page.evaluate("document.querySelector('img').src")
        shown = phash(base64.b64decode(source.partition(",")[2]))
        assert shown - phash(second) < 12 < shown - phash(scene(1))
        page.press("c")
        page.type("the second scene")
        with page.loading():
            page.press("Enter")
        assert desk.cases.get(1).status == "confirmed"
