"""The verdict core: takes in uploads, bounds them, and rules on each."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from hashmatch.errors import HashmatchError, HashMismatchError
from hashmatch.files import Closing
from hashmatch.hashlist import HashList
from hashmatch.hashlist.freshness import staleness
from hashmatch.match.matcher import Matcher
from hashmatch.model import Outcome, PerceptualHash, Verdict
from hashmatch.report import Record, list_record, outcome_record
from hashmatch.service.case_desk import CaseDesk
from hashmatch.service.hold import HoldFolder
from hashmatch.service.log import log_event
from hashmatch.service.metrics import Metrics
from hashmatch.service.ruling import Asked, CoreSettings, Ruling, new_case
from hashmatch.service.trail import Trail
from hashmatch.service.unanswered import UnansweredError, Why
from hashmatch.service.upload import Upload, UploadBudget

_HARMLESS = frozenset({Verdict.CLEAR, Verdict.NOT_IMAGE})


class VerdictCore(Closing):
    """Rules on uploads. All of it runs in the loop's thread, apart from matching and loading.

    Args:
        matcher: with the lists in force.
        load: loads the lists again.
        settings: the bounds and the policy.
        trail: of matches, holds, failures and reloads.
        hold: keeps copies of matched uploads.
        desk: hands what matches to people. Give it to the matcher as its reviews, too.
        now: the time of day; None for the system's.
    """

    def __init__(
        self,
        matcher: Matcher,
        load: Callable[[], Sequence[HashList]],
        settings: CoreSettings,
        trail: Trail | None = None,
        hold: HoldFolder | None = None,
        desk: CaseDesk | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self.settings = settings
        self.metrics = Metrics(lambda: matcher.hash_lists, lambda: matcher.pool_restarts)
        self.reload_refused = False
        self.loads = 1
        self.loaded = time.time()
        self.active = 0
        self._matcher = matcher
        self._load = load
        self._trail = trail or Trail(None)
        self._hold = hold
        self._desk = desk
        self._now = now or partial(datetime.now, UTC)
        self._budget = UploadBudget(settings.max_held)
        self._queued = 0  # of the active ones, those that have arrived
        self._late = 0
        self._pool_failed = False
        self._stopping = False
        # Two for each worker: one that it examines, and the next one
        self._most_threads = 2 * settings.workers
        self._threads = ThreadPoolExecutor(self._most_threads, "hashmatch-match")
        self._reloading = asyncio.Lock()

    @property
    def hash_lists(self) -> tuple[HashList, ...]:
        """The lists in force."""
        return self._matcher.hash_lists

    @property
    def is_stuck(self) -> bool:
        """Whether every thread is busy with an upload whose client has stopped waiting."""
        return self._late >= self._most_threads

    @property
    def list_tag(self) -> str:
        """A short text that changes whenever lists are put in force, and with each start."""
        return f"{int(self.loaded * 1000):x}-{self.loads:x}"

    def new_upload(self) -> Upload:
        """Make room for bytes that a door keeps, or raise ``UnansweredError`` if there is none."""
        return Upload(self._budget, self.settings.max_bytes)

    @property
    def _is_full(self) -> bool:
        return self._queued >= self.settings.max_waiting

    def troubles(self) -> list[str]:
        """A word for each reason why the service is not ready; empty if it is ready."""
        found = {
            Why.STOPPING: self._stopping,
            Why.LIST_STALE: self._stale() is not None,
            Why.POOL_FAILED: self._pool_failed,
            Why.TIMEOUT: self.is_stuck,
            Why.QUEUE_FULL: self._is_full,
        }
        words = [why.value for why, holds in found.items() if holds]
        words += ["audit_failed"] * self._trail.failed
        words += ["hold_failed"] * (self._hold is not None and self._hold.failed)
        return words + ["cases_failed"] * (self._desk is not None and self._desk.failed)

    async def examine(self, chunks: AsyncIterator[bytes], asked: Asked) -> Ruling:
        """Take in an upload and rule on it.

        Raises ``UnansweredError`` if there is no verdict: then the upload may be anything.
        """
        return await self._answer(self._examine(chunks, asked), asked)

    async def look_up(
        self,
        hashes: Sequence[PerceptualHash],
        quality: int,
        asked: Asked,
        *,
        allow_missing: bool = False,
    ) -> Ruling:
        """Rule on a picture that its host hashed; see ``Matcher.look_up``.

        Raises ``UnansweredError`` if there is no verdict: then the picture may be anything.
        """
        find = partial(self._matcher.look_up, hashes, quality=quality, allow_missing=allow_missing)
        return await self._answer(self._look_up(find, asked), asked)

    async def _look_up(self, find: Callable[[], Outcome], asked: Asked) -> Ruling:
        self._check_open()
        self._count(1)
        try:
            finding = self._threads.submit(
                lambda: self._recorded(self._ruling(find(), asked), asked)
            )
            return await asyncio.wrap_future(finding)
        except HashMismatchError as error:
            raise UnansweredError(Why.HASHES_MISSING, error.message) from error
        finally:
            self._count(-1)

    async def _answer(self, ruling_to_come: Awaitable[Ruling], asked: Asked) -> Ruling:
        """Wait for a ruling; log and count it, or that there is none."""
        began = time.monotonic()
        try:
            ruling = await self._in_time(ruling_to_come, asked)
        except UnansweredError as error:
            self.note_unanswered(asked, error.why, time.monotonic() - began)
            raise
        seconds = time.monotonic() - began
        self.metrics.answered(asked.door, ruling.outcome, seconds)
        log_event(
            "answered",
            request=asked.request,
            door=asked.door,
            client=asked.client,
            verdict=ruling.outcome.verdict,
            reason=ruling.outcome.reason,
            case=ruling.case,
            action=ruling.action,
            held=ruling.held,
            seconds=round(seconds, 4),
        )
        return ruling

    async def _in_time(self, ruling_to_come: Awaitable[Ruling], asked: Asked) -> Ruling:
        try:
            async with asyncio.timeout(self.settings.deadline):
                return await ruling_to_come
        except TimeoutError:
            raise UnansweredError(Why.TIMEOUT) from None
        except UnansweredError:
            raise
        except Exception as error:
            log_event("failed", level=logging.ERROR, error=error, request=asked.request)
            raise UnansweredError(Why.INTERNAL) from error

    async def reload(self, cause: str) -> bool:
        """Load the lists, put them in force and return True. If that fails, the old ones stay.

        The cause is ``signal``, ``changed`` or ``clamd``.
        """
        async with self._reloading:
            try:
                await asyncio.to_thread(lambda: self._matcher.replace(self._load()))
            except Exception as error:  # noqa: BLE001 # whatever is wrong, the old lists must stay
                why = str(error) if isinstance(error, HashmatchError) else None
                self.reload_refused = True
                self.metrics.reloaded("refused")
                log_event("reload_refused", level=logging.ERROR, error=error, cause=cause, why=why)
                event: Record = {"type": "reload", "cause": cause, "refused": True, "why": why}
            else:
                self.reload_refused = False
                self.loads += 1
                self.loaded = time.time()
                self.metrics.reloaded("loaded")
                lists = [list_record(each) for each in self.hash_lists]
                log_event(
                    "reloaded",
                    cause=cause,
                    lists={each["name"]: each["entries"] for each in lists},
                )
                event = {"type": "reload", "cause": cause, "refused": False, "lists": lists}
            await asyncio.to_thread(self._trail.add, event)
            return not self.reload_refused

    async def warm_up(self) -> None:
        """Start the worker processes, so that the first upload need not wait for them."""
        try:
            await asyncio.wrap_future(self._threads.submit(self._matcher.match, b"-"))
        except HashmatchError as error:
            self._pool_failed = True
            log_event("pool_failed", level=logging.ERROR, why=error.message)
        else:
            self._pool_failed = False

    async def heal(self) -> None:
        """Try what failed again. Clients stay away while the service is not ready."""
        if self._pool_failed:
            await self.warm_up()
        if self._trail.failed:
            await asyncio.to_thread(self._trail.add, {"type": "audit_resumed"})
        if self._desk is not None and self._desk.failed:
            await asyncio.to_thread(self._desk.heal)
        if self._hold is not None:
            await asyncio.to_thread(self._hold.heal, self.settings.max_bytes)

    def stop(self) -> None:
        """Take no more uploads; those taken in get their answers."""
        self._stopping = True

    def close(self) -> None:
        """End the worker processes. Uploads that still wait get an error."""
        self._stopping = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._matcher.close()
        self._threads.shutdown()  # what they still record must be in the trail before it ends

    async def _examine(self, chunks: AsyncIterator[bytes], asked: Asked) -> Ruling:
        self._check_open()
        upload = Upload(self._budget, self.settings.max_bytes)
        self._count(1)
        matching: Future[Ruling] | None = None
        try:
            await self._receive(chunks, upload)
            upload.seal()
            self._check_room()  # only now: slow uploads must not keep others out
            matching = self._threads.submit(self._rule, upload, asked)
            self._queued += 1
            return await asyncio.wrap_future(matching)
        except asyncio.CancelledError:
            self._late += matching is not None and not matching.done()
            raise
        finally:
            self._release_when_done(upload, matching)

    def _check_open(self) -> None:
        if self._stopping:
            raise UnansweredError(Why.STOPPING)
        if self._stale() is not None:
            raise UnansweredError(Why.LIST_STALE)
        self._check_room()

    def _check_room(self) -> None:
        if self._is_full:
            raise UnansweredError(Why.QUEUE_FULL)

    async def _receive(self, chunks: AsyncIterator[bytes], upload: Upload) -> None:
        async for chunk in chunks:
            upload.write(chunk)
            self.metrics.held.set(self._budget.held)

    def _release_when_done(self, upload: Upload, matching: Future[Ruling] | None) -> None:
        """Free an upload's place once no thread works on it: a late one still occupies it."""
        if matching is None or matching.done():
            self._queued -= matching is not None
            self._release(upload)
            return
        loop = asyncio.get_running_loop()

        def done(_: object) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._release_late, upload)

        matching.add_done_callback(done)

    def _release_late(self, upload: Upload) -> None:
        self._late = max(0, self._late - 1)
        self._queued -= 1
        self._release(upload)

    def _release(self, upload: Upload) -> None:
        upload.close()
        self._count(-1)
        self.metrics.held.set(self._budget.held)

    def _count(self, change: int) -> None:
        self.active += change
        self.metrics.active.set(self.active)

    def _rule(self, upload: Upload, asked: Asked) -> Ruling:
        """In a thread of its own: match, and record what is not harmless."""
        try:
            outcome = self._matcher.match(upload.file)
        except HashmatchError as error:
            self._pool_failed = True
            log_event("pool_failed", level=logging.ERROR, request=asked.request, why=error.message)
            raise UnansweredError(Why.POOL_FAILED) from error
        self._pool_failed = False
        ruling = self._ruling(outcome, asked)
        if self._hold is not None and self._hold.wants(outcome.verdict, ruling.action):
            event = self._hold.keep(upload.file, ruling, asked)
            self.metrics.hold("held" if event["held"] else "failed")
            self._trail.add(event, sync=True)
            ruling = replace(ruling, held=event["held"], item=event.get("id"))
        return self._recorded(ruling, asked)

    def _recorded(self, ruling: Ruling, asked: Asked) -> Ruling:
        """Hand what is near an entry to people."""
        if self._desk is not None:
            self._desk.record(ruling, asked, self.hash_lists)
        return ruling

    def _ruling(self, outcome: Outcome, asked: Asked) -> Ruling:
        case = None if outcome.verdict in _HARMLESS else new_case()
        ruling = Ruling(outcome, self.settings.policy.action(asked.door, outcome.verdict), case)
        if case is not None:
            found = {**outcome_record(outcome), "case": case, "action": ruling.action}
            event = {"type": outcome.verdict.value, **asked.record(), **found}
            self._trail.add(event, sync=outcome.verdict is Verdict.MATCH)
        return ruling

    def note_unanswered(
        self, asked: Asked, why: Why, seconds: float = 0.0, case: str | None = None
    ) -> None:
        """Log and count that an upload gets no verdict, and add it to the audit trail."""
        self.metrics.unanswered(asked.door, why, seconds)
        log_event(
            "unanswered",
            level=logging.WARNING,
            request=asked.request,
            door=asked.door,
            client=asked.client,
            why=why,
            case=case,
            seconds=round(seconds, 4),
        )
        given = {} if case is None else {"case": case}
        self._trail.add({"type": "unanswered", **asked.record(), "why": why.value, **given})

    def _stale(self) -> str | None:
        most = self.settings.max_list_age
        if most is None:
            return None
        now = self._now()
        found = (staleness(each, most, now) for each in self.hash_lists)
        return next((why for why in found if why is not None), None)
