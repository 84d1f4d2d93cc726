"""The pipeline's input and output: opens files, submits jobs, and asks the history.

``pipeline.py`` decides what is done and when; this shell does it, and reports back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeAlias

from hashmatch.errors import DecodeError
from hashmatch.examine.sandbox import Job, Reply
from hashmatch.model import Examination, Reason
from hashmatch.scan.history import NullHistory
from hashmatch.scan.journey import PartJourney
from hashmatch.scan.pipeline import Bounds, CloseItem, ExamineItem, Pipeline
from hashmatch.scan.visit import Visit
from hashmatch.sources import Item
from hashmatch.sources.descriptors import descriptors
from hashmatch.state.rows import Stored, Unconfirmed

_MOST = 1024
"""Items on their way at a time. Most are known, so they are not open."""

_BATCH = 64
"""Parts that are screened together, if they come quickly enough."""

_PATIENCE = 0.05
"""Seconds that a part waits for others to be screened with."""

_CHANGED = DecodeError(Reason.CHANGED, "the archive changed while it was read")
_REPLACED = DecodeError(Reason.CHANGED, "the file changed since its hashes were stored")

Screen: TypeAlias = Callable[[Sequence[Any]], Sequence[Any]]
"""Gives each piece of a batch of evidence its result, or None if the part must be examined in full.

``Matcher.screen`` is one.
"""


class Examiner(Protocol):
    """Examines open files, or opens them itself. A pool of the sandbox is one."""

    @property
    def window(self) -> int:
        """How many items it takes in at a time if it opens them itself; else 0."""

    @property
    def hungry(self) -> bool:
        """Whether it would soon begin another job."""

    @property
    def busy(self) -> bool:
        """Whether a job has not ended."""

    def submit(self, job: Job) -> None:
        """Take on a job, whose descriptor stays open until its last reply."""

    def poll(self, timeout: float) -> Sequence[Reply]:
        """Wait for replies, at most so many seconds, and return them."""


class Engine:
    """Takes items through the pipeline."""

    def __init__(
        self,
        examiner: Examiner,
        screen: Screen,
        history: NullHistory | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._examiner = examiner
        self._screen = screen
        self._history = history or NullHistory()
        self._clock = clock
        limits = descriptors()
        self._elsewhere = examiner.window > 0
        bounds = Bounds(max(_MOST, examiner.window), examiner.window or limits.files, limits.held)
        self._pipeline: Pipeline[Visit] = Pipeline(bounds)
        self._jobs: dict[Job, ExamineItem[Visit]] = {}
        self._coming: list[Visit] = []  # items that their source is still fetching
        self._since: float | None = None  # when the first part began to wait for its screening

    def run(self, items: Iterable[Item]) -> Iterator[list[PartJourney[Visit]]]:
        """Yield parts that have their result, in order; an archive comes after its members.

        They come in lists, some of them empty; between two lists, nothing is half done.
        """
        source = iter(items)
        more = True
        try:
            while more or not self._pipeline.is_empty:
                self._obey()
                more = more and self._load(source)
                self._open_what_came()
                for reply in self._examiner.poll(_PATIENCE if self._examiner.busy else 0):
                    self._take(reply)
                self._screen_in_time()
                yield self._pipeline.leave()
        finally:
            for visit in self._pipeline.abandon():
                visit.close()

    def _load(self, source: Iterator[Item]) -> bool:
        """Take in items while there is room. False once there are no more."""
        hungry = self._examiner.hungry
        while hungry and self._pipeline.has_room:
            item = next(source, None)
            if item is None:
                return False
            visit = self._history.visit(item)
            self._pipeline.admit(visit)
            # At once: the source lets the item be opened only until the next one
            if visit.known:
                self._recall(visit)
            elif self._elsewhere or item.ready():
                self._open(visit)
                hungry = self._examiner.hungry
            else:
                visit.hold()
                self._coming.append(visit)
        return True

    def _open_what_came(self) -> None:
        """Open items that were fetched meanwhile; wait a little if there is nothing else to do."""
        patience = 0.0 if self._examiner.busy or self._pipeline.unscreened else _PATIENCE
        for visit in tuple(self._coming):
            if not self._examiner.hungry:
                return
            if visit.item.ready(patience):
                self._coming.remove(visit)
                self._open(visit)
            patience = 0.0

    def _open(self, visit: Visit) -> None:
        try:
            if not self._elsewhere:
                visit.open()
        except DecodeError as error:  # which is all there is to know
            self._arrive(visit, None, Examination.failed(error))
            return
        self._pipeline.opened(visit, digest_first=self._history.opened(visit))
        self._obey()

    def _recall(self, visit: Visit) -> None:
        """Report what is known about an item, and hold it if it may have to be opened."""
        place = None
        if not all(row.exact for row in visit.known):
            place = visit.item.place
            visit.hold()
        self._pipeline.known(visit, _parts(visit.known), place=place)

    def _settle(self, visit: Visit) -> None:
        """Decide about an item that was digested: it is known, must be examined, or waits."""
        known = self._history.settle(visit)
        if known is None:
            self._pipeline.wait(visit)
        elif known:
            self._pipeline.known(visit, _parts(known))
        else:
            self._pipeline.examine(visit)

    def _take(self, reply: Reply) -> None:
        command = self._jobs[reply.job]
        if reply.end:
            del self._jobs[reply.job]
        visit, part = command.journey, command.part
        if reply.node:
            visit.nodes |= {reply.node}
        if part is not None:
            if not reply.end:
                return  # a member that was not there when the item itself was examined
            same = reply.member == part.name
            found = reply.examination if same else Examination.failed(_CHANGED)
            self._history.refine(visit, part.number, found)
            self._pipeline.confirmed(part, found)
        elif command.digest_only and reply.examination.reason is None:
            visit.digested = reply.examination
            self._settle(visit)
        else:
            self._arrive(visit, reply.member, reply.examination)

    def _arrive(self, visit: Visit, name: bytes | None, found: Examination) -> None:
        self._pipeline.found(visit, name, found)
        for waiting in self._history.learn(visit, name, found):
            self._settle(waiting)

    def _screen_in_time(self) -> None:
        """Have a batch screened, if it is large or old enough or nothing else will come soon."""
        count = self._pipeline.unscreened
        if not count:
            return
        if count < _BATCH and self._examiner.busy:
            now = self._clock()
            if self._since is None:
                self._since = now
            if now - self._since < _PATIENCE:
                return
        self._since = None
        parts = self._pipeline.screen()
        results = self._screen([part.evidence for part in parts])
        for part, result in zip(parts, results, strict=True):
            if result is None:
                self._pipeline.uncertain(part)
            else:
                self._pipeline.decided(part, result)
        self._obey()

    def _obey(self) -> None:
        for command in self._pipeline.commands():
            if isinstance(command, CloseItem):
                command.journey.close()
            elif command.part is None:
                self._submit(command)
            else:
                self._examine_in_full(command, command.part)

    def _submit(self, command: ExamineItem[Visit]) -> None:
        job = Job(
            command.journey.descriptor,
            exact=command.part is not None,
            digest_only=command.digest_only,
            skip=command.skip,
            count=command.count,
            item=command.journey.item,
        )
        self._jobs[job] = command
        self._examiner.submit(job)

    def _examine_in_full(self, command: ExamineItem[Visit], part: PartJourney[Visit]) -> None:
        try:
            _reopen(command.journey, elsewhere=self._elsewhere)
        except DecodeError as error:
            assert isinstance(part.evidence, Stored)  # noqa: S101 # other items are still open
            self._pipeline.unreadable(part, Unconfirmed(part.evidence, error.bare()))
        else:
            self._submit(command)


def _parts(known: Sequence[Stored]) -> Iterator[tuple[bytes | None, Stored]]:
    """What is known about an item: its members first."""
    for row in (*known[1:], known[0]):
        yield row.name, row


def _reopen(visit: Visit, *, elsewhere: bool) -> None:
    """Make sure that an item is open, unless that happens elsewhere, and still the one known.

    Raises ``DecodeError`` if it cannot be opened, or is another one now.
    """
    if visit.is_readable:
        return
    if visit.error is None:
        if not elsewhere:
            visit.open()
        if visit.known and visit.look() != visit.known[0].identity:
            visit.close()
            visit.error = _REPLACED
    if visit.error is not None:
        raise visit.error.bare()
