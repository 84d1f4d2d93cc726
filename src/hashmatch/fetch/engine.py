"""Fetches one source: the loop that asks, stages, and applies. All decisions are ``progress``'s."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from hashmatch.errors import HashListError
from hashmatch.fetch.applying import apply_pages, version_of
from hashmatch.fetch.dialect import Page, Request
from hashmatch.fetch.faults import PageError, of_source, wrong_page
from hashmatch.fetch.home import Home
from hashmatch.fetch.http import Ask, FetchReply, asking
from hashmatch.fetch.progress import (
    Event,
    Kept,
    begin,
    check_clocks,
    check_page,
    may_resume,
    page_event,
    why_full,
)
from hashmatch.fetch.settings import FetchSource
from hashmatch.fetch.staging import Staging
from hashmatch.hashlist import HashList
from hashmatch.text import count

MOST_WAIT = 900
"""Seconds to wait at most before asking again. If a server wants more, the next run asks."""

_MOST_BACK_OFF = 60


@dataclass(frozen=True, slots=True)
class Tools:
    """What the engine needs from outside."""

    now: Callable[[], float] = time.time  # seconds since 1970
    sleep: Callable[[float], None] = time.sleep  # waits for some seconds
    # a random number from 0 to 1
    jitter: Callable[[], float] = field(default_factory=lambda: random.SystemRandom().random)
    # called with the number of each page before it is requested
    watch: Callable[[int], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Fetched:
    """The result of a fetch."""

    pages: int  # how many pages or files it took
    records: int  # how many records they have; 0 for whole lists
    before: int  # entries of the list before
    kept: Kept  # what is kept of the fetch
    why_full: str = ""  # why everything was fetched; empty if only changes were
    notices: tuple[str, ...] = ()  # what to tell the operator of the new list


def fetch(
    source: FetchSource,
    lists: Path,
    *,
    full: bool = False,
    allow_shrink: bool = False,
    tools: Tools | None = None,
) -> Fetched:
    """Bring a source's list up to date.

    Args:
        source: the source.
        lists: the folder of the lists.
        full: fetch everything, not only what has changed.
        allow_shrink: the list may lose more than a tenth of its entries.
        tools: clock and the like.

    Raises:
        FetchError: a page could not be fetched, or is wrong; the error names it.
        HashListError: the pages do not make a list, or it would shrink too much.
        OutputError: a file cannot be written, or another process fetches this source.
        SettingsError: a secret or a certificate cannot be read.
        MissingExtraError: the package that asks over HTTPS is not installed.
    """
    home = Home(lists, source.name)
    with home.locked():
        return _Fetch(source, home, tools or Tools()).run(full=full, allow_shrink=allow_shrink)


class _Fetch:
    def __init__(self, source: FetchSource, home: Home, tools: Tools) -> None:
        self._source, self._home, self._tools = source, home, tools
        self._staging = Staging(home.staged)
        self._kept = home.kept()
        self._old = home.load_list()
        self._why = ""

    def run(self, *, full: bool, allow_shrink: bool) -> Fetched:
        """Fetch the pages that are missing, and apply them all."""
        resumed = self._begin(full=full)
        with asking(self._source) as ask:
            self._fetch_pages(ask, resumed=resumed)
            at = self._staging.progress
            if at.unchanged > 0 and at.files:
                # A list of several files is made from all of them
                self._restart("some of its files have changed")
                self._fetch_pages(ask, resumed=False)
        before = 0 if self._old is None else len(self._old)
        new, kept = self._applied(allow_shrink=allow_shrink)
        at = self._staging.progress
        full_at = at.began if at.full else self._kept.full
        kept = replace(kept, ended=self._now(), full=full_at)
        self._home.keep(kept)
        self._staging.drop()
        return Fetched(at.pages, at.records, before, kept, self._why, new.notices)

    def _begin(self, *, full: bool) -> bool:
        """Begin, or go on with what is staged; whether the latter."""
        mark, now = self._source.fingerprint(), self._now()
        at, dialect, old = self._staging.progress, self._source.dialect, self._old
        digest = None if old is None else old.contents.compiled_digest
        why = why_full(self._kept, mark, digest, now, dialect)
        if not why and not dialect.whole:
            try:
                self._home.revisions()
            except HashListError:
                why = "its revisions cannot be read"
        # Changes fit only the list that they were asked for, or the one that has them already
        fits = at.full or not why or (old is not None and old.version == version_of(at))
        if fits and may_resume(at, mark, now, dialect, full=full):
            return at.pages > 0
        self._restart("--full" if full else why)
        return False

    def _restart(self, why: str) -> None:
        self._why = why
        mark = self._source.fingerprint()
        # Later than the last, because it becomes the list's version
        now = max(self._now(), self._kept.began + 1)
        self._staging.restart(begin(mark, self._kept, now, full=bool(why)))

    def _fetch_pages(self, ask: Ask, *, resumed: bool) -> None:
        while not self._staging.progress.complete:
            try:
                self._staging.commit(self._patiently(ask))
            except PageError as error:
                if error.expired and resumed:
                    self._restart("" if self._staging.progress.since else "its pages have expired")
                else:
                    if error.spoilt:
                        self._staging.drop()
                    raise
            resumed = False

    def _patiently(self, ask: Ask) -> Event:
        number = self._staging.progress.pages + 1
        place = self._source.name
        if not self._source.command:
            place += f": page {number}"
        self._tools.watch(number)
        for attempt in itertools.count(1):
            try:
                return self._page(ask)
            except PageError as error:
                last = attempt >= self._source.attempts or (error.wait or 0) > MOST_WAIT
                if last or not error.again:
                    error.path = place
                    if attempt > 1:
                        error.message += f" (asked {count(attempt, 'time')})"
                    raise
                back_off = min(_MOST_BACK_OFF, 2 ** (attempt - 1)) * (1 + self._tools.jitter()) / 2
                self._tools.sleep(max(back_off, error.wait or 0))
        raise AssertionError

    def _page(self, ask: Ask) -> Event:
        source, staging = self._source, self._staging
        at = staging.progress.position()
        request = source.dialect.ask(source, at)
        with staging.receive(request.file) as stream:
            reply = ask(request, stream)
        now = self._now()
        if not source.dialect.whole:  # caches answer for servers of files, with their date
            check_clocks(reply.date, now)
        page = self._look(request, reply)
        try:
            turn = source.dialect.read(source, at, page)
        except ValueError:  # of urlsplit() or int()
            raise wrong_page("it has a link or a number that cannot be read") from None
        event = page_event(request, page, turn, staging.received_bytes(request.file), now)
        check_page(staging.progress, event, turn, now)
        return event

    def _look(self, request: Request, reply: FetchReply) -> Page:
        if reply.unchanged:
            return Page(reply.headers, unchanged=True)
        if self._source.dialect.whole:
            body = b"" if request.holds_list else self._staging.received(request.file)
            return Page(reply.headers, body=body)
        try:
            found = HashList.loads(
                self._staging.received(request.file),
                list_format=self._source.dialect.list_format,
                skip_bad_entries=self._source.skip_bad_entries,
                policy=None,
            )
        except HashListError as error:
            raise wrong_page(_first_problem(error)) from None
        if found.contents.paging is None:
            raise wrong_page("it is not a page of records")
        return Page(reply.headers, paging=found.contents.paging)

    def _applied(self, *, allow_shrink: bool) -> tuple[HashList, Kept]:
        at = self._staging.progress
        if not at.files and self._old is not None:
            # Nothing has changed since
            return self._old, replace(self._kept, began=at.began)
        try:
            return apply_pages(
                self._source, self._home, self._staging, self._old, allow_shrink=allow_shrink
            )
        except HashListError as error:
            # What is staged would be refused again
            self._staging.drop()
            raise of_source(error, self._source.name) from error

    def _now(self) -> int:
        return int(self._tools.now())


def _first_problem(error: HashListError) -> str:
    """What is wrong with a page, in one line that quotes nothing of it."""
    if not error.problems:
        return error.message
    first = error.problems[0]
    wrong = count(error.count, "record is wrong", "records are wrong")
    return f"{wrong}, first record {first.line}: {first.message}"
