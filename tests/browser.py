"""A headless Chromium, spoken to over a pipe by its DevTools protocol."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

_QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--remote-debugging-pipe", "--hide-scrollbars"),
)


_PATIENCE = 60
"""Seconds without a word from the browser after which a test fails."""


class Browser:
    """A running browser, whose pages may be those of several people."""

    def __init__(self, reading: BinaryIO, writing: BinaryIO) -> None:
        self._reading, self._writing = reading, writing
        self._heard = b""
        self._number = 0
        self._pages: dict[str, Page] = {}

    def ask(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        self._writing.write(json.dumps(message).encode() + b"\0")
        self._writing.flush()
        while (answer := self._next()).get("id") != self._number:
            self._note(answer)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def new_page(self) -> Page:
        """A page of somebody with cookies of their own."""
        context = self.ask("Target.createBrowserContext")["browserContextId"]
        target = self.ask("Target.createTarget", url="about:blank", browserContextId=context)
        attached = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = self._pages[attached["sessionId"]] = Page(self, attached["sessionId"])
        for domain in ("Page", "Network", "Runtime", "Log"):
            page.ask(f"{domain}.enable")
        return page

    def wait(self) -> None:
        """Wait for whatever happens next."""
        self._note(self._next())

    def _note(self, event: dict[str, Any]) -> None:
        page = self._pages.get(event.get("sessionId", ""))
        if page is not None:
            page.events.append(event)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._heard:
            ready, _, _ = select.select([self._reading], [], [], _PATIENCE)
            assert ready, f"the browser said nothing for {_PATIENCE} seconds"
            more = os.read(self._reading.fileno(), 1 << 16)
            assert more, "the browser ended"
            self._heard += more
        message, _, self._heard = self._heard.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer


class Page:
    """A page that is open in a browser.

    Attributes:
        events: what the browser told of it, oldest first.
    """

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session
        self.events: list[dict[str, Any]] = []

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command about this page and wait for its answer."""
        return self._browser.ask(method, self._session, **parameters)

    def open(self, place: Path | str) -> None:
        """Open a file or a URL, and wait until it is loaded."""
        url = place.as_uri() if isinstance(place, Path) else place
        with self.loading():
            self.ask("Page.navigate", url=url)

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Wait until the page is loaded that is asked for within."""
        self.events.clear()
        yield
        while not self.told("Page.loadEventFired"):
            self._browser.wait()

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page."""
        answer = self.ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, *keys: str) -> None:
        """Press and release keys, by their names in the DOM, such as ``n`` or ``Tab``."""
        for key in keys:
            code, text = {"Enter": (13, "\r"), "Tab": (9, ""), "Escape": (27, "")}.get(
                key, (0, key)
            )
            about = {"key": key, "windowsVirtualKeyCode": code}
            self.ask("Input.dispatchKeyEvent", type="keyDown", text=text, **about)
            self.ask("Input.dispatchKeyEvent", type="keyUp", **about)

    def type(self, text: str) -> None:
        """Type into the field that has the focus; it may get it after its page is loaded."""
        self.evaluate(
            "new Promise((done) => { const look = () =>"
            " document.activeElement.matches('input, textarea') ? done() : setTimeout(look, 10);"
            " look(); })"
        )
        self.ask("Input.insertText", text=text)

    def look(self, *, width: int = 1200, height: int = 900, dark: bool = False) -> None:
        """Give the window a size, and prefer dark or light colours."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.ask("Emulation.setDeviceMetricsOverride", **size)
        colours = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[colours])

    def screenshot(self) -> bytes:
        """A PNG of what is in the window."""
        return base64.b64decode(self.ask("Page.captureScreenshot")["data"])

    def told(self, method: str) -> list[dict[str, Any]]:
        """The events of one method since the page was opened."""
        return [event["params"] for event in self.events if event.get("method") == method]


@contextmanager
def a_page() -> Iterator[Page]:
    """Start a browser and open a page in it."""
    with a_browser() as browser:
        yield browser.new_page()


@contextmanager
def a_browser() -> Iterator[Browser]:
    """Start a browser."""
    assert CHROMIUM is not None
    to_it, from_us = map(_out_of_the_way, os.pipe())
    to_us, from_it = map(_out_of_the_way, os.pipe())
    # It may still write there for a moment after its end
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = os.posix_spawn(
            CHROMIUM,
            [CHROMIUM, *_QUIET, f"--user-data-dir={profile}"],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
                # It reads from 3 and writes to 4
                (os.POSIX_SPAWN_DUP2, to_it, 3),
                (os.POSIX_SPAWN_DUP2, from_it, 4),
            ],
        )
        os.close(to_it)
        os.close(from_it)
        try:
            with open(to_us, "rb") as reading, open(from_us, "wb") as writing:
                yield Browser(reading, writing)
        finally:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)


def _out_of_the_way(descriptor: int) -> int:
    """The same pipe under a number that is not among the browser's own."""
    higher = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return higher
