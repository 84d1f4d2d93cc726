"""clamd's protocol without I/O: bytes in, events out.

Source: clamd(8), "COMMANDS", and what clients send. A command comes plain, or with the prefix ``n``
and a newline at its end, or with ``z`` and a NUL. Answers end as the command did.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from hashmatch.service.protocol_events import (
    BodyChunks,
    BodyData,
    BodyEnd,
    DescriptorSent,
    NotUnderstood,
)

MOST_COMMAND = 16 * 1024
"""Bytes that a command may have; one with a path has at most 4 KiB of it."""

_LENGTH = struct.Struct("!I")
_ENDINGS = {b"n": b"\n", b"z": b"\0"}


@dataclass(frozen=True, slots=True)
class Command:
    """A command."""

    name: str  # such as ``INSTREAM``, in capitals as it was sent
    argument: bytes  # what follows the name, such as a path; empty for most
    ending: bytes  # what ends the answer


ClamdEvent: TypeAlias = Command | BodyData | BodyEnd | DescriptorSent | NotUnderstood


class _ClamdState(Enum):
    COMMAND = auto()
    LENGTH = auto()
    CHUNK = auto()
    DESCRIPTOR = auto()
    LOST = auto()


class ClamdParser(BodyChunks):
    """Parses what one client sends.

    A plain command ends with a newline, or with the bytes that arrive at once: some clients send
    ``PING`` with no terminator at all.
    """

    def __init__(self) -> None:
        super().__init__()
        self._state = _ClamdState.COMMAND

    def feed(self, data: bytes) -> Iterator[ClamdEvent]:
        """Take in what arrived at once, and yield what it completes."""
        self._buffer += data
        while (event := self._next()) is not None:
            yield event

    def _next(self) -> ClamdEvent | None:
        if self._state is _ClamdState.CHUNK:
            return self._chunk()
        if self._state is _ClamdState.LENGTH:
            return self._length()
        if self._state is _ClamdState.DESCRIPTOR and self._buffer:
            del self._buffer[:1]
            self._state = _ClamdState.COMMAND
            return DescriptorSent()
        if self._state is _ClamdState.COMMAND and self._buffer:
            return self._command()
        return None

    def _chunk(self) -> BodyData | None:
        data = self._take_chunk()
        if data and not self._left:
            self._state = _ClamdState.LENGTH
        return data

    def _length(self) -> ClamdEvent | None:
        if len(self._buffer) < _LENGTH.size:
            return None
        (self._left,) = _LENGTH.unpack_from(self._buffer)
        del self._buffer[: _LENGTH.size]
        if self._left:
            self._state = _ClamdState.CHUNK
            return self._chunk()
        self._state = _ClamdState.COMMAND
        return BodyEnd()

    def _command(self) -> ClamdEvent | None:
        prefix = bytes(self._buffer[:1])
        ending = _ENDINGS.get(prefix, b"\n")
        end = self._buffer.find(ending)
        if end < 0 and prefix not in _ENDINGS:
            end = len(self._buffer)
        if end > MOST_COMMAND or (end < 0 and len(self._buffer) > MOST_COMMAND):
            self._state = _ClamdState.LOST
            return NotUnderstood()
        if end < 0:
            return None
        line = bytes(self._buffer[len(prefix) if prefix in _ENDINGS else 0 : end])
        del self._buffer[: end + 1]
        name, _, argument = line.removesuffix(b"\r").partition(b" ")
        if not name.isalpha() or not name.isupper():
            self._state = _ClamdState.LOST
            return NotUnderstood()
        self._state = {b"INSTREAM": _ClamdState.LENGTH, b"FILDES": _ClamdState.DESCRIPTOR}.get(
            name, _ClamdState.COMMAND
        )
        return Command(name.decode("ascii"), argument, ending)
