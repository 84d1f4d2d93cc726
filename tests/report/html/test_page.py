from __future__ import annotations

import base64
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from browser import CHROMIUM, Page, a_page
from hashmatch.report.overview import read_results
from hashmatch.report.scan_page import to_html

from .results import HOSTILE, file, hostile, match, ordinary, summary, write

_ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "section", "footer"),
    *("h1", "h2", "h3", "p", "a", "ul", "li", "b", "span", "div", "figure", "figcaption"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "input", "output", "script"),
    *("svg", "rect", "line", "text"),
}


class _Tags(HTMLParser):
    """Collects the tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append(tag)
        self.attributes += attrs


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page in headless Chromium."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here")
    with a_page() as opened:
        yield opened


def _report(folder: Path, records: list[dict[str, object]]) -> Path:
    results = write(folder / "results.jsonl", records)
    report = folder / "report.html"
    report.write_text(to_html(read_results(results)), encoding="utf-8")
    return report


def _received(server: socket.socket) -> bytes:
    """What is sent to a server within half a second; a browser may connect without a word."""
    server.settimeout(0.5)
    received = b""
    with suppress(TimeoutError):
        while True:
            connection, _ = server.accept()
            with connection, suppress(TimeoutError):
                connection.settimeout(0.5)
                received += connection.recv(1000)
    return received


def _column(page: Page, number: int) -> list[str]:
    cells: list[str] = page.evaluate(
        "[...document.querySelectorAll('#near tbody tr')].filter((row) => !row.hidden)"
        f".map((row) => row.cells[{number}].textContent)"
    )
    return cells


def test_hostile_names_make_no_tags(tmp_path: Path) -> None:
    """Whatever names hold, the page has only its own tags, one script and no event handler."""
    tags = _Tags()
    tags.feed(_report(tmp_path, hostile()).read_text("utf-8"))
    assert set(tags.tags) - _ALLOWED - {"title"} == set()
    assert tags.tags.count("script") == 1
    assert not [name for name, _ in tags.attributes if name.startswith("on") or name == "style"]
    links = [value for name, value in tags.attributes if name in {"href", "src"}]
    assert links == []


def test_page_is_one_file_without_addresses(tmp_path: Path) -> None:
    """The page refers to nothing outside itself, and says so in its policy."""
    text = _report(tmp_path, ordinary()).read_text("utf-8")
    assert "http" not in text.replace("http-equiv", "")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert unescape(policy[1]).startswith("default-src 'none';")
    assert "unsafe" not in policy[1]


def test_names_are_escaped_visibly(tmp_path: Path) -> None:
    """Control and bidirectional characters show as what they are."""
    text = _report(tmp_path, hostile()).read_text("utf-8")
    assert "\\u202egpj.exe" in text
    assert "line\\nbreak\\x1b[31m\\x00\\u2028" in text
    for character in "\u202e\u2028\x1b\x00":
        assert character not in text


def test_no_script_runs_and_no_request_leaves(page: Page, tmp_path: Path) -> None:
    """With hostile names, only the page's own script runs, and no request is made."""
    report = _report(tmp_path, hostile())
    page.open(report)
    assert page.evaluate("window.owned") is None
    assert page.evaluate("document.title") == "Scan report: results.jsonl"
    asked = [event["request"]["url"] for event in page.told("Network.requestWillBeSent")]
    assert asked == [report.as_uri()]
    assert page.told("Page.javascriptDialogOpening") == []
    assert page.told("Log.entryAdded") == []
    assert page.told("Runtime.exceptionThrown") == []
    names = page.evaluate(
        "[...document.querySelectorAll('#near tbody td.path')].map((cell) => cell.textContent)"
    )
    assert names[0] == HOSTILE[0]
    assert len(names) == len(HOSTILE)


def test_policy_holds_where_escaping_would_fail(page: Page, tmp_path: Path) -> None:
    """Even markup inserted into the page can neither run a script nor reach a server."""
    page.open(_report(tmp_path, ordinary()))
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"
        markup = (
            f'<img src="{address}" onerror="window.owned=1"><iframe src="{address}"></iframe>'
            f'<link rel=stylesheet href="{address}"><style>body{{display:none}}</style>'
        )
        page.evaluate(f"document.body.insertAdjacentHTML('beforeend', {markup!r})")
        page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'),"
            " {textContent: 'window.owned=2'}))"
        )
        page.evaluate(f"fetch('{address}').catch(() => null), 0")
        assert _received(server) == b""
    assert page.evaluate("window.owned") is None
    assert page.evaluate("getComputedStyle(document.body).display") == "block"


def test_tables_sort(page: Page, tmp_path: Path) -> None:
    """A click on a heading sorts by it, numbers as numbers; another click reverses the order."""
    files = [
        file(f"{number}.jpg", "match", matches=[match(distance=number, bits=256, threshold=31)])
        for number in (10, 9, 31, 0, 2)
    ]
    page.open(_report(tmp_path, [*files, summary(files)]))
    assert _column(page, 2) == ["10", "9", "31", "0", "2"]
    click = "document.querySelectorAll('#near th button')[2].click()"
    page.evaluate(click)
    assert _column(page, 2) == ["0", "2", "9", "10", "31"]
    assert page.evaluate("document.querySelectorAll('#near th')[2].ariaSort") == "ascending"
    page.evaluate(click)
    assert _column(page, 2) == ["31", "10", "9", "2", "0"]
    page.evaluate("document.querySelectorAll('#near th button')[0].click()")
    assert _column(page, 0) == ["0.jpg", "2.jpg", "9.jpg", "10.jpg", "31.jpg"]


def test_tables_filter(page: Page, tmp_path: Path) -> None:
    """Typing shows the rows that hold all the words typed, and says how many."""
    page.open(_report(tmp_path, ordinary()))
    assert len(_column(page, 0)) == 13
    page.evaluate("document.querySelector('#near input').focus()")
    page.ask("Input.insertText", text="CANDIDATE flat")
    assert _column(page, 0) == ["folder/flat.png"]
    assert page.evaluate("document.querySelector('#near output').value") == "1 of 13 rows"
    page.evaluate("document.querySelector('#near input').select()")
    page.ask("Input.insertText", text="no such row")
    assert _column(page, 0) == []


def test_page_follows_the_system_into_the_dark(page: Page, tmp_path: Path) -> None:
    """The page is dark on a dark system and light on paper."""
    page.open(_report(tmp_path, ordinary()))
    colour = "getComputedStyle(document.body).backgroundColor"
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    page.ask("Emulation.setEmulatedMedia", features=features)
    dark = page.evaluate(colour)
    page.ask("Emulation.setEmulatedMedia", media="print", features=features)
    assert page.evaluate(colour) == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('.tools')).display") == "none"
    page.ask("Emulation.setEmulatedMedia", media="", features=[])
    assert page.evaluate(colour) not in {dark, "rgb(255, 255, 255)"}
    pdf = base64.b64decode(page.ask("Page.printToPDF")["data"])
    assert pdf.startswith(b"%PDF")


def test_page_does_not_scroll_sideways_on_a_phone(page: Page, tmp_path: Path) -> None:
    """On a narrow screen only the tables scroll sideways, whatever the names."""
    page.open(_report(tmp_path, [*hostile()[:-1], summary(hostile()[:-1])]))
    page.ask(
        "Emulation.setDeviceMetricsOverride",
        width=380,
        height=800,
        deviceScaleFactor=1,
        mobile=False,
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    page.ask("Emulation.clearDeviceMetricsOverride")


def test_matches_come_first_and_are_compact_on_a_phone(page: Page, tmp_path: Path) -> None:
    """On a phone, the first match is on the first screen, and no row has much empty space."""
    page.open(_report(tmp_path, ordinary()))
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": False}
    page.ask("Emulation.setDeviceMetricsOverride", **size)
    rows = (
        "[...document.querySelectorAll('#near tbody tr')].map((row) => row.getBoundingClientRect()"
    )
    assert page.evaluate(f"{rows}.bottom)")[0] < 844
    assert max(page.evaluate(f"{rows}.height)")) < 90
    page.ask("Emulation.clearDeviceMetricsOverride")
    order = page.evaluate("[...document.querySelectorAll('h2')].map((each) => each.textContent)")
    assert order[:2] == ["Matches", "Not fully examined"]
    assert order[-1] == "The run"
