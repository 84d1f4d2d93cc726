"""ICAP without I/O: bytes in, events out.

Source: RFC 3507, and what clients send. A request has ICAP headers, then the HTTP headers that
``Encapsulated`` announces, then a chunked body. With a ``Preview``, the body pauses until
``go_on``, once the client has been told ``100 Continue``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from hashmatch.service.protocol_events import (
    BodyChunks,
    BodyData,
    BodyEnd,
    NotUnderstood,
    PreviewEnd,
)

MOST_HEAD = 64 * 1024
"""Bytes that the ICAP headers may have, and the encapsulated HTTP headers again."""

_MOST_LINE = 4096
_MOST_DIGITS = 8
_REQUEST = re.compile(rb"([A-Z]{1,32}) (\S{1,8192}) ICAP/1\.[0-9]", re.ASCII)
_PARTS = ("req-hdr", "res-hdr")
_BODIES = {"OPTIONS": "opt-body", "REQMOD": "req-body", "RESPMOD": "res-body"}


@dataclass(frozen=True, slots=True)
class HttpHead:
    """The headers of an encapsulated HTTP message."""

    raw: bytes  # as they arrived, with the blank line at their end
    start: str  # the first line
    fields: Mapping[str, str]  # by name in lower case; those that are repeated are joined by commas


@dataclass(frozen=True, slots=True)
class IcapRequest:
    """The head of a request."""

    method: str  # such as ``REQMOD``
    fields: Mapping[str, str]  # ICAP headers, as in ``HttpHead``
    request: HttpHead | None  # the encapsulated HTTP request
    response: HttpHead | None  # the encapsulated HTTP response
    has_body: bool
    preview: bool  # whether the body pauses after a preview

    @property
    def allows_204(self) -> bool:
        """Whether the client takes 204 at any time."""
        return "204" in {each.strip() for each in self.fields.get("allow", "").split(",")}

    @property
    def closes(self) -> bool:
        """Whether the connection ends with the answer."""
        return "close" in self.fields.get("connection", "").lower()


IcapEvent: TypeAlias = IcapRequest | BodyData | PreviewEnd | BodyEnd | NotUnderstood


class _IcapState(Enum):
    HEAD = auto()
    ENCAPSULATED = auto()
    SIZE = auto()
    CHUNK = auto()
    CHUNK_END = auto()
    TRAILER = auto()
    PAUSED = auto()
    LOST = auto()


class _NotIcapError(ValueError):
    pass


@dataclass(frozen=True, slots=True)
class _Head:
    """A request whose encapsulated headers have not arrived yet: where each begins, and the end."""

    method: str
    fields: Mapping[str, str]
    offsets: Mapping[str, int]
    size: int
    has_body: bool


class IcapParser(BodyChunks):
    """Parses what one client sends."""

    def __init__(self) -> None:
        super().__init__()
        self._state = _IcapState.HEAD
        self._head: _Head | None = None
        self._preview = False
        self._complete = False  # by "ieof": the preview is the whole body

    def feed(self, data: bytes) -> Iterator[IcapEvent]:
        """Take in what arrived at once, and yield what it completes."""
        self._buffer += data
        while True:
            before = self._state, len(self._buffer)
            try:
                event = self._next()
            except _NotIcapError:
                self._state = _IcapState.LOST
                event = NotUnderstood()
            if event is not None:
                yield event
            elif before == (self._state, len(self._buffer)):
                return

    def go_on(self) -> Iterator[IcapEvent]:
        """Expect the rest of a body after its preview, and yield what arrived already."""
        self._state = _IcapState.SIZE
        self._preview = False
        return self.feed(b"")

    def _next(self) -> IcapEvent | None:
        """Take one step. None if there is no event; a step without one changes state or buffer."""
        if self._state is _IcapState.HEAD:
            return self._read_head()
        if self._state is _IcapState.ENCAPSULATED:
            return self._read_encapsulated()
        if self._state is _IcapState.SIZE:
            return self._read_size()
        if self._state is _IcapState.CHUNK:
            return self._read_chunk()
        if self._state is _IcapState.CHUNK_END and self._line() == b"":
            self._state = _IcapState.SIZE
        elif self._state is _IcapState.TRAILER:
            return self._read_trailer()
        elif self._state is _IcapState.LOST:
            self._buffer.clear()
        return None

    def _read_head(self) -> IcapEvent | None:
        while self._buffer.startswith((b"\r\n", b"\n")):  # some clients end a body twice
            del self._buffer[: self._buffer.index(b"\n") + 1]
        end = _end_of_head(self._buffer)
        if end is None:
            if len(self._buffer) > MOST_HEAD:
                raise _NotIcapError
            return None
        lines = bytes(self._buffer[:end])
        del self._buffer[:end]
        start, fields = _parse_head(lines)
        found = _REQUEST.fullmatch(start)
        if found is None or end > MOST_HEAD:
            raise _NotIcapError
        method = found[1].decode("ascii")
        offsets, body = _parse_encapsulated(method, fields)
        size = max(offsets.values(), default=0)
        self._head = _Head(method, fields, offsets, size, body)
        self._state = _IcapState.ENCAPSULATED
        return None

    def _read_encapsulated(self) -> IcapEvent | None:
        head = self._head
        if head is None or len(self._buffer) < head.size:
            return None
        block = bytes(self._buffer[: head.size])
        del self._buffer[: head.size]
        self._preview = head.has_body and "preview" in head.fields
        self._complete = False
        self._state = _IcapState.SIZE if head.has_body else _IcapState.HEAD
        return IcapRequest(
            method=head.method,
            fields=head.fields,
            request=_http_head(block, head.offsets, "req-hdr"),
            response=_http_head(block, head.offsets, "res-hdr"),
            has_body=head.has_body,
            preview=self._preview,
        )

    def _read_size(self) -> IcapEvent | None:
        line = self._line()
        if line is None:
            return None
        digits, _, extension = line.partition(b";")
        digits = digits.strip()
        if not 0 < len(digits) <= _MOST_DIGITS or digits.strip(b"0123456789abcdefABCDEF"):
            raise _NotIcapError
        self._left = int(digits, 16)
        self._complete = self._preview and extension.strip().lower() == b"ieof"
        self._state = _IcapState.CHUNK if self._left else _IcapState.TRAILER
        return None

    def _read_chunk(self) -> IcapEvent | None:
        data = self._take_chunk()
        if data and not self._left:
            self._state = _IcapState.CHUNK_END
        return data

    def _read_trailer(self) -> IcapEvent | None:
        if self._line() != b"":
            return None
        if self._preview and not self._complete:
            self._state = _IcapState.PAUSED
            return PreviewEnd()
        self._state = _IcapState.HEAD
        return BodyEnd()

    def _line(self) -> bytes | None:
        """The next line of a body, without its end; None if it has not arrived."""
        end = self._buffer.find(b"\n", 0, _MOST_LINE)
        if end < 0:
            if len(self._buffer) >= _MOST_LINE:
                raise _NotIcapError
            return None
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        if line and self._state is _IcapState.CHUNK_END:
            raise _NotIcapError
        return line


def _end_of_head(data: bytearray) -> int | None:
    """Where the headers end, with their blank line."""
    ends = [
        at + len(mark)
        for mark in (b"\r\n\r\n", b"\n\n", b"\n\r\n")
        if (at := data.find(mark, 0, MOST_HEAD + 4)) >= 0
    ]
    return min(ends, default=None)


def _parse_head(block: bytes) -> tuple[bytes, dict[str, str]]:
    """The first line and the fields. A line that goes on another is joined to it."""
    lines = [line.removesuffix(b"\r") for line in block.split(b"\n")]
    fields: dict[str, str] = {}
    name = ""
    for line in lines[1:]:
        text = line.decode("latin-1")
        if text[:1] in {" ", "\t"} and name:
            fields[name] += f" {text.strip()}"
            continue
        before, colon, after = text.partition(":")
        if colon:
            name = before.strip().lower()
            value = after.strip()
            fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return lines[0], fields


def _parse_encapsulated(method: str, fields: Mapping[str, str]) -> tuple[dict[str, int], bool]:
    """Where each part begins, the body's as the last; and whether there is a body."""
    text = fields.get("encapsulated")
    if text is None:
        if method in {"REQMOD", "RESPMOD"}:
            raise _NotIcapError
        return {}, False
    offsets: dict[str, int] = {}
    for each in text.split(","):
        name, _, offset = each.strip().partition("=")
        name, offset = name.strip().lower(), offset.strip()
        if name in offsets or not (offset.isascii() and offset.isdigit()) or len(offset) > 6:
            raise _NotIcapError
        offsets[name] = int(offset)
    *parts, body = offsets
    places = [*offsets.values()]
    if (
        not {*parts} <= {*_PARTS}
        or body not in {"null-body", _BODIES.get(method)}
        or places[0] != 0
        or places != sorted(set(places))
        or places[-1] > MOST_HEAD
    ):
        raise _NotIcapError
    return offsets, body != "null-body"


def _http_head(block: bytes, offsets: Mapping[str, int], name: str) -> HttpHead | None:
    if name not in offsets:
        return None
    start = offsets[name]
    end = min((each for each in offsets.values() if each > start), default=len(block))
    first, fields = _parse_head(block[start:end])
    return HttpHead(block[start:end], first.decode("latin-1"), fields)
