"""The clamd door: for software that asks a virus scanner about uploads."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from pathlib import Path

from hashmatch._version import __version__
from hashmatch.service.addresses import Address
from hashmatch.service.chain import Answer, ask_scanners
from hashmatch.service.clamd_paths import allowed_files, file_chunks
from hashmatch.service.clamd_protocol import ClamdEvent, ClamdParser, Command
from hashmatch.service.connections import Client
from hashmatch.service.core import VerdictCore
from hashmatch.service.profiles import ClamdAnswer, Profile, clamd_answer
from hashmatch.service.protocol_events import BodyData, BodyEnd, DescriptorSent
from hashmatch.service.ruling import Asked, new_case, new_request
from hashmatch.service.unanswered import UnansweredError, Why

COMMANDS = ("PING", "VERSION", "VERSIONCOMMANDS", "RELOAD", "STATS", "IDSESSION", "END")
UPLOADS = ("INSTREAM", "FILDES")
PATHS = ("SCAN", "CONTSCAN", "MULTISCAN", "ALLMATCHSCAN")

_IDLE_SECONDS = 60.0
_DRAIN_SECONDS = 30.0
_MOST_DESCRIPTORS = 4

_NO_PATHS = "send the file by INSTREAM or FILDES"
_NOT_ALLOWED = "not a file that can be read in an allowed folder"


class ClamdDoor:
    """Answers clamd's clients by the verdict core.

    Args:
        core: rules on uploads.
        profile: how to answer when there is no verdict.
        reload: asks for a reload of the lists.
        chain: a real clamd to ask about each upload as well.
        roots: folders in which clients may have paths scanned.
    """

    def __init__(
        self,
        core: VerdictCore,
        profile: Profile,
        reload: Callable[[], object],
        chain: Address | None = None,
        roots: Sequence[Path] = (),
    ) -> None:
        self.core = core
        self.profile = profile
        self.reload = reload
        self.chain = chain
        self.roots = roots

    def sum_up(self, answer: Answer) -> str:
        """The answer to an upload, without its name: FOUND by either scanner wins."""
        ruling, failure = answer.ruling, answer.failure
        if ruling is not None and clamd_answer(ruling.action) is ClamdAnswer.FOUND:
            return _found(ruling.case)
        if answer.found is not None:
            return f"{answer.found} FOUND"
        return "OK" if failure is None else self.failure(failure.message)

    def failure(self, message: str, case: str | None = None) -> str:
        """The answer where there is no verdict, by the profile."""
        if self.profile.clamd is ClamdAnswer.ERROR:
            return f"{message} ERROR"
        if self.profile.clamd is ClamdAnswer.LIMITS:
            return "Heuristics.Limits.Exceeded.Hashmatch FOUND"
        return _found(case)

    def refuse(self, why: Why) -> str:
        """The answer to a path that is not opened, which is logged and counted as unanswered."""
        # A client that sends paths gets nothing examined: only the log can tell the operator
        case = new_case()
        asked = Asked("clamd", new_request(), self.profile.name)
        self.core.note_unanswered(asked, why, case=case)
        return self.failure(_NOT_ALLOWED if self.roots else _NO_PATHS, case)

    def version(self) -> str:
        """The version as clients split it: at slashes."""
        loaded = time.asctime(time.gmtime(self.core.loaded))
        return f"ClamAV {__version__}/{self.core.loads}/{loaded}"

    async def converse(self, client: Client) -> None:
        """Serve one client."""
        await _ClamdSession(self, _Connection(client)).run()


def _found(case: str | None) -> str:
    return f"Hashmatch.Held.{case or new_case()} FOUND"


class _Connection:
    """A client, and the events that arrive from it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._parser = ClamdParser()
        self._events: deque[ClamdEvent] = deque()
        self.streaming = False

    async def next_event(self) -> ClamdEvent | None:
        """The next event; None once the client has closed."""
        while not self._events:
            data = await self._client.receive_with_descriptors()
            if len(self._client.descriptors) > _MOST_DESCRIPTORS:
                raise OSError(errno.EMFILE, "a client sends descriptors that no command takes")
            if not data:
                return None
            self._events.extend(self._parser.feed(data))
        return self._events.popleft()

    async def stream(self) -> AsyncIterator[bytes]:
        """The file of ``INSTREAM``."""
        while not isinstance(event := await self._next_of_file(), BodyEnd):
            if not isinstance(event, BodyData):
                raise UnansweredError(Why.CUT)
            yield event.data
        self.streaming = False

    async def _next_of_file(self) -> ClamdEvent | None:
        try:
            return await self.next_event()
        except OSError:  # the client has left
            return None

    async def discard_stream(self) -> None:
        """Read the rest of a file, so that the client can read its answer."""
        async with asyncio.timeout(_DRAIN_SECONDS):
            while isinstance(await self.next_event(), BodyData):
                pass

    def take_descriptor(self) -> int | None:
        """The descriptor that was sent, which the caller closes."""
        return self._client.descriptors.pop(0) if self._client.descriptors else None

    def owe(self, text: str, ending: bytes) -> None:
        """Set the answer to send if the connection must end."""
        self._client.owed = _encoded(text, ending)

    async def send(self, text: str, ending: bytes) -> None:
        """Send an answer."""
        self._client.owed = None
        await self._client.send(_encoded(text, ending))


def _encoded(text: str, ending: bytes) -> bytes:
    return text.encode("utf-8", "surrogateescape") + ending


class _ClamdSession:
    """One client's requests: one, or any number after ``IDSESSION``."""

    def __init__(self, door: ClamdDoor, connection: _Connection) -> None:
        self._door = door
        self._connection = connection
        self._number: int | None = None  # of the request, in a session

    async def run(self) -> None:
        while True:
            async with asyncio.timeout(_IDLE_SECONDS):
                event = await self._connection.next_event()
            if event is None:
                return
            if not isinstance(event, Command):
                await self._connection.send("UNKNOWN COMMAND", b"\n")
                return
            if event.name == "IDSESSION" and self._number is None:
                self._number = 0
                continue
            if event.name == "END" and self._number is not None:
                return
            if self._number is not None:
                self._number += 1
            if not await self._obey(event) or self._number is None:
                return

    async def _obey(self, command: Command) -> bool:
        """Answer a command. False if the connection cannot go on."""
        if command.name in UPLOADS:
            return await self._examine(command)
        if command.name in PATHS:
            return await self._scan(command)
        await self._say(self._reply(command), command.ending)
        return True

    def _reply(self, command: Command) -> str:
        door = self._door
        if command.name == "PING":
            return "PONG"
        if command.name == "VERSION":
            return door.version()
        if command.name == "VERSIONCOMMANDS":
            return f"{door.version()}| COMMANDS: {' '.join((*COMMANDS, *UPLOADS))}"
        if command.name == "RELOAD":
            door.reload()
            return "RELOADING"
        if command.name == "STATS":
            return f"POOLS: 1\n\nSTATE: VALID PRIMARY\nQUEUE: {door.core.active} items\nEND"
        if command.name == "SHUTDOWN":
            return "SHUTDOWN is refused. ERROR"
        return "UNKNOWN COMMAND"

    async def _examine(self, command: Command) -> bool:
        asked = Asked("clamd", new_request(), self._door.profile.name)
        if command.name == "INSTREAM":
            self._connection.streaming = True
            answered = await self._rule("stream", self._connection.stream(), asked, command)
            if self._connection.streaming:
                await self._connection.discard_stream()
                return False
            return answered
        async with asyncio.timeout(_IDLE_SECONDS):
            event = await self._connection.next_event()
        if not isinstance(event, DescriptorSent):
            return False
        descriptor = self._connection.take_descriptor()
        if descriptor is None:
            await self._say(f"fd: {self._door.failure('no descriptor was sent')}", command.ending)
            return False
        try:
            return await self._rule(f"fd[{descriptor}]", file_chunks(descriptor), asked, command)
        finally:
            os.close(descriptor)

    async def _rule(
        self, about: str, chunks: AsyncIterator[bytes], asked: Asked, command: Command
    ) -> bool:
        door = self._door
        self._owe(about, command)
        answer = await ask_scanners(door.core, chunks, asked, door.chain)
        said = f"{about}: {door.sum_up(answer)}"
        if said.endswith(" ERROR") and answer.is_too_large:
            said = "INSTREAM size limit exceeded. ERROR"  # clients compare it
        with suppress(OSError):
            await self._say(said, command.ending)
        return True

    async def _scan(self, command: Command) -> bool:
        """Examine the file that the client names, or the files in that folder."""
        door, path = self._door, command.argument
        about = path.decode("utf-8", "surrogateescape")
        self._owe(about, command)
        lines = []
        async for name, descriptor in allowed_files(path, door.roots):
            if isinstance(descriptor, Why):
                said = door.refuse(descriptor)
            else:
                try:
                    asked = Asked("clamd", new_request(), door.profile.name)
                    chunks = file_chunks(descriptor)
                    said = door.sum_up(await ask_scanners(door.core, chunks, asked, door.chain))
                finally:
                    os.close(descriptor)
            if said != "OK":
                lines.append(f"{name.decode('utf-8', 'surrogateescape')}: {said}")
            if said.endswith(" FOUND") and command.name == "SCAN":
                break
        for line in lines or [f"{about}: OK"]:
            await self._say(line, command.ending)
        return True

    def _owe(self, about: str, command: Command) -> None:
        owed = self._door.failure(Why.QUEUE_FULL.explanation)
        self._connection.owe(f"{self._prefix()}{about}: {owed}", command.ending)

    def _prefix(self) -> str:
        return "" if self._number is None else f"{self._number}: "

    async def _say(self, text: str, ending: bytes) -> None:
        await self._connection.send(self._prefix() + text, ending)
