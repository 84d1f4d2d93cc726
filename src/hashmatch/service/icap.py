"""The ICAP door: for proxies and file hosts that ask about HTTP messages."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress

from hashmatch.files import Closing
from hashmatch.service import icap_answers as answers
from hashmatch.service.addresses import Address
from hashmatch.service.chain import Answer, ask_scanners
from hashmatch.service.connections import Client
from hashmatch.service.core import VerdictCore
from hashmatch.service.encodings import decoded, encodings_of
from hashmatch.service.icap_protocol import IcapEvent, IcapParser, IcapRequest
from hashmatch.service.multipart import boundary_of, form_parts
from hashmatch.service.profiles import IcapAnswer, Profile, icap_answer
from hashmatch.service.protocol_events import BodyData, BodyEnd, PreviewEnd
from hashmatch.service.ruling import Asked, address_of, new_case, new_request
from hashmatch.service.unanswered import UnansweredError, Why
from hashmatch.service.upload import Upload

_IDLE_SECONDS = 120.0
_DRAIN_SECONDS = 30.0
_ECHO = 1 << 16

_PARTIAL = re.compile(r"HTTP/\S+\s+206\b")
_TRANSFERS = re.compile(r"\s*|identity|chunked", re.IGNORECASE)  # ICAP's chunks replace HTTP's


class IcapDoor:
    """Answers ICAP's clients by the verdict core, and by a real clamd if there is one to ask."""

    def __init__(self, core: VerdictCore, profile: Profile, chain: Address | None = None) -> None:
        self.core = core
        self.profile = profile
        self.chain = chain

    async def converse(self, client: Client) -> None:
        """Serve one client."""
        session = _IcapSession(self, client)
        while await session.answer_next():
            pass

    def failure(self, *, close: bool, status: str = "500 Server error") -> bytes:
        """The answer where there is no verdict, by the profile."""
        tag = self.core.list_tag
        if self.profile.icap is IcapAnswer.ERROR:
            return answers.error(tag, status, close=close)
        if self.profile.icap is IcapAnswer.BUSY:
            return answers.busy(tag, close=close)
        return answers.found(tag, _name(None), close=close)

    def refusal(self, said: Iterable[Answer], *, close: bool) -> bytes | None:
        """The answer to a message that must not pass: FOUND wins. None if it may pass."""
        tag, failed = self.core.list_tag, False
        for each in said:
            if each.ruling is not None and icap_answer(each.ruling.action) is IcapAnswer.FOUND:
                return answers.found(tag, _name(each.ruling.case), close=close)
            if each.found is not None:
                return answers.found(tag, each.found, close=close)
            failed = failed or each.failure is not None
        return self.failure(close=close) if failed else None


def _name(case: str | None) -> str:
    return f"Hashmatch.Held.{case or new_case()}"


class _IcapSession:
    def __init__(self, door: IcapDoor, client: Client) -> None:
        self._door = door
        self._client = client
        self._parser = IcapParser()
        self._events: deque[IcapEvent] = deque()
        self._is_over = False  # the last answer has been given

    async def answer_next(self) -> bool:
        """Answer a request. False if the connection ends with it."""
        async with asyncio.timeout(_IDLE_SECONDS):
            event = await self.next_event()
        if event is None:
            return False
        if not isinstance(event, IcapRequest):
            self._settle(close=True)
            await self._client.send(self._door.failure(close=True, status="400 Bad request"))
            await self._linger()
            return False
        if event.method in {"REQMOD", "RESPMOD"}:
            return await self._examine(event)
        tag = self._door.core.list_tag
        self._settle(close=False)
        if event.method != "OPTIONS" or event.has_body:
            status = "400 Bad request" if event.has_body else "405 Method not allowed"
            await self._client.send(answers.error(tag, status, close=True))
            return False
        await self._client.send(answers.options(tag))
        self._rest()
        return not event.closes

    async def _examine(self, request: IcapRequest) -> bool:
        door = self._door
        self._client.owed = door.failure(close=True)
        with _Body(self, request) as body:
            refusal = None
            if request.has_body:
                said = await _ask(door, request, body)
                refusal = door.refusal(said, close=request.closes or not body.ended)
            close = request.closes or not body.ended
            self._settle(close=close)
            with suppress(OSError):  # the client may have closed
                await self._send(request, body, refusal, close=close)
        if not body.ended:
            await self.discard()
        self._rest()
        return not close

    def _settle(self, *, close: bool) -> None:
        """Record that an answer follows."""
        self._client.owed = None
        self._is_over = close

    def _rest(self) -> None:
        """Record that the answer has been given."""
        self._client.is_idle = not self._events

    async def _send(
        self, request: IcapRequest, body: _Body, refusal: bytes | None, *, close: bool
    ) -> None:
        client, tag = self._client, self._door.core.list_tag
        if refusal is not None:
            await client.send(refusal)
        elif request.allows_204 or body.is_in_preview:
            await client.send(answers.unmodified(tag, close=close))
        else:
            await client.send(answers.unchanged(tag, request, close=close))
            if request.has_body:
                for data in body.kept_chunks():
                    await client.send(answers.chunk(data))
                await client.send(answers.LAST_CHUNK)

    async def _linger(self) -> None:
        """Read what cannot be understood, so that the client can read its answer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while await self._client.receive():
                    pass

    async def next_event(self) -> IcapEvent | None:
        """The next event; None once the client has closed."""
        while not self._events:
            data = await self._client.receive()
            if not data:
                return None
            self._client.is_idle = False
            if not self._is_over and self._client.owed is None:
                self._client.owed = self._door.failure(close=True)
            self._events.extend(self._parser.feed(data))
        return self._events.popleft()

    async def go_on(self) -> None:
        """Ask for the rest of a body after its preview."""
        await self._client.send(answers.CONTINUE)
        self._events.extend(self._parser.go_on())

    async def discard(self) -> None:
        """Read the rest of a body, so that the client can read its answer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while isinstance(await self.next_event(), BodyData):
                    pass


class _Body(Closing):
    """The body of a message as it arrives. It is kept if it may have to be sent back."""

    def __init__(self, session: _IcapSession, request: IcapRequest) -> None:
        self.ended = not request.has_body  # all of it has arrived
        self.is_in_preview = request.preview  # all of it was in the preview, or there is none
        self._session = session
        self._keeps = request.has_body and not request.allows_204
        self._kept: Upload | None = None

    async def chunks(self, core: VerdictCore) -> AsyncIterator[bytes]:
        """Yield its bytes; raise ``UnansweredError`` if it ends early, or does not fit."""
        if self._keeps:
            self._kept = core.new_upload()
        while not self.ended:
            try:
                event = await self._session.next_event()
                if isinstance(event, PreviewEnd):
                    self.is_in_preview = False
                    await self._session.go_on()
                    continue
            except OSError:  # the client has left
                event = None
            if isinstance(event, BodyData):
                if self._kept is not None:
                    self._kept.write(event.data)
                yield event.data
            elif isinstance(event, BodyEnd):
                if self._kept is not None:
                    self._kept.seal()
                self.ended = True
            else:
                raise UnansweredError(Why.CUT)

    def kept_chunks(self) -> Iterator[bytes]:
        """Its bytes again, to send them back."""
        if self._kept is not None:
            self._kept.file.seek(0)
            while data := self._kept.file.read(_ECHO):
                yield data

    def close(self) -> None:
        """Forget the bytes."""
        if self._kept is not None:
            self._kept.close()


async def _ask(door: IcapDoor, request: IcapRequest, body: _Body) -> list[Answer]:
    """Examine everything that a message carries: its body, or each part of a form."""
    said: list[Answer] = []
    try:
        content, boundary = _unpack(request, body.chunks(door.core))
        if boundary is None:
            said.append(await _ask_about(door, request, content))
        else:
            async with asyncio.timeout(door.core.settings.deadline):
                async for part in form_parts(content, boundary):
                    said.append(await _ask_about(door, request, part))
                    if said[-1].failure is not None:  # the part has not been read to its end
                        break
    except TimeoutError:
        said.append(await _ask_about(door, request, _failing(Why.TIMEOUT)))
    except UnansweredError as error:
        said.append(await _ask_about(door, request, _failing(error.why)))
    if not body.ended and all(each.failure is None for each in said):
        said.append(await _ask_about(door, request, _failing(Why.CUT)))
    return said


async def _ask_about(door: IcapDoor, request: IcapRequest, chunks: AsyncIterator[bytes]) -> Answer:
    address = address_of(request.fields.get("x-client-ip"))
    asked = Asked("icap", new_request(), door.profile.name, address)
    return await ask_scanners(door.core, chunks, asked, door.chain)


async def _failing(why: Why) -> AsyncIterator[bytes]:
    """An upload that cannot be read: the core records why."""
    raise UnansweredError(why)
    yield b""


def _unpack(
    request: IcapRequest, chunks: AsyncIterator[bytes]
) -> tuple[AsyncIterator[bytes], bytes | None]:
    """What a body carries without its encodings, and the boundary if it is a form.

    Raises ``UnansweredError`` for a part of a file, and for an encoding that cannot be undone.
    """
    http = request.response if request.method == "RESPMOD" else request.request
    fields = {} if http is None else http.fields
    if "content-range" in fields or (http is not None and _PARTIAL.match(http.start)):
        raise UnansweredError(Why.PARTIAL)
    if not _TRANSFERS.fullmatch(fields.get("transfer-encoding", "")):
        raise UnansweredError(Why.ENCODED)
    encodings = encodings_of(fields.get("content-encoding", ""))
    boundary = boundary_of(fields.get("content-type", ""), form_only=False)
    return decoded(chunks, encodings), boundary
