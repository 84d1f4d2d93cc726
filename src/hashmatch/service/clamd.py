"""The clamd door: for software that asks a virus scanner about uploads."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import stat
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from hashmatch._version import __version__
from hashmatch.service.addresses import Address
from hashmatch.service.chain import ChainedScan, ChainError
from hashmatch.service.clamd_protocol import (
    ClamdEvent,
    ClamdParser,
    Command,
    DescriptorSent,
    StreamData,
    StreamEnd,
)
from hashmatch.service.core import Asked, Ruling, VerdictCore, new_case, new_request
from hashmatch.service.log import log_event
from hashmatch.service.profiles import ClamdAnswer, ClamdProfile, answer_to
from hashmatch.service.unanswered import UnansweredError, Why

COMMANDS = ("PING", "VERSION", "VERSIONCOMMANDS", "RELOAD", "STATS", "IDSESSION", "END")
UPLOADS = ("INSTREAM", "FILDES")
PATHS = ("SCAN", "CONTSCAN", "MULTISCAN", "ALLMATCHSCAN")

_RECEIVE = 1 << 16
_IDLE_SECONDS = 60.0
_DRAIN_SECONDS = 30.0
_MOST_DESCRIPTORS = 4


class ClamdDoor:
    """Answers clamd's clients by the verdict core.

    Args:
        core: rules on uploads.
        profile: what clients must be told where there is no verdict.
        reload: asks for a reload of the lists.
        chain: a real clamd, to be asked about each upload too; None for none.
    """

    def __init__(
        self,
        core: VerdictCore,
        profile: ClamdProfile,
        reload: Callable[[], object],
        chain: Address | None = None,
    ) -> None:
        self.core = core
        self.profile = profile
        self.reload = reload
        self.chain = chain
        self._connections: set[asyncio.Task[None]] = set()

    async def serve(self, listener: socket.socket) -> None:
        """Accept connections until cancelled."""
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    client, _ = await loop.sock_accept(listener)
                except OSError:  # no descriptor is left until others have closed theirs
                    await asyncio.sleep(0.1)
                    continue
                task = loop.create_task(self._converse(client))
                self._connections.add(task)
                task.add_done_callback(self._connections.discard)
        finally:
            listener.close()

    async def drain(self, seconds: float) -> None:
        """Give connections time to get their answers, and then close them."""
        if self._connections:
            _, late = await asyncio.wait(self._connections, timeout=seconds)
            for task in late:
                task.cancel()

    def answer(self, kind: ClamdAnswer, message: str, case: str | None) -> str:
        """An answer, without what it is about.

        Args:
            kind: which answer.
            message: for an error.
            case: the case number, if there is one already.
        """
        return {
            ClamdAnswer.OK: "OK",
            ClamdAnswer.FOUND: f"Hashmatch.Held.{case or new_case()} FOUND",
            ClamdAnswer.LIMITS: "Heuristics.Limits.Exceeded.Hashmatch FOUND",
            ClamdAnswer.ERROR: f"{message} ERROR",
        }[kind]

    def version(self) -> str:
        """The version as clients split it: at slashes."""
        loaded = time.asctime(time.gmtime(self.core.loaded))
        return f"ClamAV {__version__}/{self.core.loads}/{loaded}"

    async def _converse(self, client: socket.socket) -> None:
        client.setblocking(False)
        connection = _Connection(client)
        try:
            await _Session(self, connection).run()
        except (OSError, TimeoutError):  # the client has left, or says nothing
            pass
        except Exception as error:  # noqa: BLE001 # one client must not end the door
            log_event("failed", level=logging.ERROR, error=error, door="clamd")
        finally:
            connection.close()


class _Connection:
    """A socket, the events that arrive by it, and the descriptors."""

    def __init__(self, client: socket.socket) -> None:
        self._socket = client
        self._parser = ClamdParser()
        self._events: deque[ClamdEvent] = deque()
        self._descriptors: list[int] = []
        self.streaming = False

    async def next_event(self) -> ClamdEvent | None:
        """The next event; None once the client has closed."""
        while not self._events:
            data, descriptors = await self._receive()
            self._descriptors += descriptors
            if len(self._descriptors) > _MOST_DESCRIPTORS:
                raise OSError(errno.EMFILE, "a client sends descriptors that no command takes")
            if not data:
                return None
            self._events.extend(self._parser.feed(data))
        return self._events.popleft()

    async def stream(self) -> AsyncIterator[bytes]:
        """The file of ``INSTREAM``."""
        while not isinstance(event := await self._next_of_file(), StreamEnd):
            if not isinstance(event, StreamData):
                raise UnansweredError(Why.CUT)
            yield event.data
        self.streaming = False

    async def _next_of_file(self) -> ClamdEvent | None:
        try:
            return await self.next_event()
        except OSError:  # the client has left
            return None

    async def discard_stream(self) -> None:
        """Take in the rest of a file, so that the client can read its answer."""
        async with asyncio.timeout(_DRAIN_SECONDS):
            while isinstance(await self.next_event(), StreamData):
                pass

    def take_descriptor(self) -> int | None:
        """The descriptor that was sent, which the caller closes."""
        return self._descriptors.pop(0) if self._descriptors else None

    async def send(self, text: str, ending: bytes) -> None:
        data = text.encode("utf-8", "surrogateescape") + ending
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    def close(self) -> None:
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._socket.close()

    async def _receive(self) -> tuple[bytes, list[int]]:
        while True:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._socket, _RECEIVE, 1)
            except BlockingIOError:
                await self._readable()
            else:
                return data, descriptors

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        loop.add_reader(self._socket, _set, ready)
        try:
            await ready
        finally:
            loop.remove_reader(self._socket)


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


class _Session:
    """What one client asks, one request after another: one, or any number after ``IDSESSION``."""

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
        if command.name in PATHS:
            path = command.argument.decode("utf-8", "surrogateescape")
            said = door.answer(door.profile.failure, "send the file by INSTREAM or FILDES", None)
            return f"{path}: {said}"
        if command.name == "SHUTDOWN":
            return "SHUTDOWN is refused. ERROR"
        return "UNKNOWN COMMAND"

    async def _examine(self, command: Command) -> bool:
        asked = Asked("clamd", new_request(), self._door.profile.name)
        if command.name == "INSTREAM":
            self._connection.streaming = True
            return await self._rule("stream", self._connection.stream(), asked, command)
        async with asyncio.timeout(_IDLE_SECONDS):
            event = await self._connection.next_event()
        if not isinstance(event, DescriptorSent):
            return False
        descriptor = self._connection.take_descriptor()
        if descriptor is None:
            said = self._door.answer(self._door.profile.failure, "no descriptor was sent", None)
            await self._say(f"fd: {said}", command.ending)
            return False
        try:
            about = f"fd[{descriptor}]"
            return await self._rule(about, _file_of(descriptor), asked, command)
        finally:
            os.close(descriptor)

    async def _rule(
        self, about: str, chunks: AsyncIterator[bytes], asked: Asked, command: Command
    ) -> bool:
        core, chain = self._door.core, None
        if self._door.chain is not None:
            chain = ChainedScan(self._door.chain, core.settings.deadline)
            chunks = chain.forward(chunks)
        try:
            ruling: Ruling | UnansweredError = await core.examine(chunks, asked)
        except UnansweredError as error:
            ruling = error
        try:
            said = await self._sum_up(about, ruling, chain)
        finally:
            if chain is not None:
                chain.close()
        with suppress(OSError):
            await self._say(said, command.ending)
        if command.name != "INSTREAM" or not self._connection.streaming:
            return True
        await self._connection.discard_stream()
        return False

    async def _sum_up(
        self, about: str, ruling: Ruling | UnansweredError, chain: ChainedScan | None
    ) -> str:
        """The answer to an upload: FOUND by either scanner wins, and then an error of either."""
        door, message = self._door, ""
        ours = door.profile.failure
        if isinstance(ruling, Ruling):
            ours = answer_to(ruling.action)
            if ours is ClamdAnswer.FOUND or chain is None:
                return f"{about}: {door.answer(ours, message, ruling.case)}"
        else:
            message = ruling.message
        if chain is not None:
            try:
                if (found := await chain.answer()) is not None:
                    return f"{about}: {found} FOUND"
            except ChainError as error:
                log_event("chain_failed", level=logging.ERROR, why=error.message)
                ours, message = door.profile.failure, message or error.message
        too_large = isinstance(ruling, UnansweredError) and ruling.why is Why.TOO_LARGE
        if too_large and door.profile.failure is ClamdAnswer.ERROR:
            return "INSTREAM size limit exceeded. ERROR"  # clients compare it
        return f"{about}: {door.answer(ours, message, None)}"

    async def _say(self, text: str, ending: bytes) -> None:
        number = "" if self._number is None else f"{self._number}: "
        await self._connection.send(number + text, ending)


async def _file_of(descriptor: int) -> AsyncIterator[bytes]:
    """The bytes of a file that a client opened."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise UnansweredError(Why.NOT_A_FILE)
    offset = 0
    while True:
        try:
            chunk = await asyncio.to_thread(os.pread, descriptor, 1 << 20, offset)
        except OSError as error:
            raise UnansweredError(Why.NOT_A_FILE) from error
        if not chunk:
            return
        offset += len(chunk)
        yield chunk
