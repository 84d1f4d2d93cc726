"""Ask the core about an upload, and a real clamd about the same bytes as they arrive."""

from __future__ import annotations

import asyncio
import logging
import re
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

from hashmatch.errors import HashmatchError
from hashmatch.service.addresses import Address
from hashmatch.service.core import VerdictCore
from hashmatch.service.log import log_event
from hashmatch.service.ruling import Asked, Ruling
from hashmatch.service.unanswered import UnansweredError, Why

_LENGTH = struct.Struct("!I")
_MOST_ANSWER = 4096
_FOUND = re.compile(rb"stream: ([!-~]{1,200}) FOUND", re.ASCII)


class ChainError(HashmatchError):
    """The other scanner cannot be asked, or does not say OK or FOUND."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the scanners say about an upload."""

    ruling: Ruling | None  # ours; None if we give no verdict
    found: str | None  # what the other scanner found; None if nothing, or if there is none
    failure: HashmatchError | None  # why one of them gives no verdict; ours first

    @property
    def is_too_large(self) -> bool:
        """Whether the upload has more bytes than allowed."""
        return isinstance(self.failure, UnansweredError) and self.failure.why is Why.TOO_LARGE


async def ask_scanners(
    core: VerdictCore, chunks: AsyncIterator[bytes], asked: Asked, other: Address | None
) -> Answer:
    """Have an upload examined by the core, and by another scanner if there is one."""
    chain = None if other is None else ChainedScan(other, core.settings.deadline)
    ruling: Ruling | None = None
    found: str | None = None
    failure: HashmatchError | None = None
    try:
        try:
            ruling = await core.examine(chunks if chain is None else chain.forward(chunks), asked)
        except UnansweredError as error:
            failure = error
        if chain is not None:
            try:
                found = await chain.answer()
            except ChainError as error:
                log_event("chain_failed", level=logging.ERROR, why=error.message)
                failure = failure or error
    finally:
        if chain is not None:
            chain.close()
    return Answer(ruling, found, failure)


class ChainedScan:
    """One upload on its way to another clamd, which has ``seconds`` to answer."""

    def __init__(self, address: Address, seconds: float) -> None:
        self._address = address
        self._seconds = seconds
        self._patience = seconds / 4  # for each step, since our own scan waits for it meanwhile
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._sent_all = False

    async def forward(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Pass chunks on, and send each to the other scanner.

        If that fails, the chunks go on: a match must be found all the same. ``answer`` then raises.
        """
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(self._patience):
                await self._connect()
        async for chunk in chunks:
            await self._send(_LENGTH.pack(len(chunk)) + chunk if chunk else b"")
            yield chunk
        self._sent_all = True
        await self._send(_LENGTH.pack(0))

    async def answer(self) -> str | None:
        """What the other scanner found, or None if it says OK.

        Raises ``ChainError`` if it says anything else, or nothing in time, or lacks some bytes.
        """
        if self._reader is None or not self._sent_all:
            raise ChainError("the other scanner did not get the upload")
        try:
            async with asyncio.timeout(self._seconds):
                said = await self._reader.read(_MOST_ANSWER)
                while said and b"\0" not in said and len(said) < _MOST_ANSWER:
                    said += await self._reader.read(_MOST_ANSWER) or b"\0"
        except (OSError, TimeoutError) as error:
            raise ChainError("the other scanner does not answer") from error
        finally:
            self.close()
        answer = said.removesuffix(b"\0")
        if answer == b"stream: OK":
            return None
        if found := _FOUND.fullmatch(answer):
            return found[1].decode("ascii")
        raise ChainError("the other scanner reports an error")

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    async def _connect(self) -> None:
        address = self._address
        if address.path is not None:
            opened = await asyncio.open_unix_connection(address.path)
        else:
            opened = await asyncio.open_connection(address.host, address.port)
        self._reader, self._writer = opened
        self._writer.write(b"zINSTREAM\0")

    async def _send(self, data: bytes) -> None:
        if self._writer is None:
            return
        try:
            self._writer.write(data)
            async with asyncio.timeout(self._patience):
                await self._writer.drain()
        except OSError:  # or it reads no more. It may have said why before it closed
            self.close()
