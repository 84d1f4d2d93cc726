"""Take files out of a multipart body as it arrives, without writing them anywhere.

Starlette's own form parser writes parts over 1 MiB to a file in the folder for temporary files.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from hashmatch.service.unanswered import UnansweredError, Why

MOST_PARTS = 1000
"""Parts that a body may have, as PHP allows."""

_PLAIN = {b"", b"7bit", b"8bit", b"binary", b"identity"}


def boundary_of(content_type: str, *, form_only: bool = True) -> bytes | None:
    """The boundary that a multipart type names; None if the type is not multipart.

    Raises ``UnansweredError`` if it names none, or several types, and with ``form_only`` for any
    type but ``multipart/form-data``.
    """
    kind, options = parse_options_header(content_type)
    if b"multipart/" not in content_type.lower().encode("utf-8"):
        return None
    if not kind.startswith(b"multipart/") or content_type.lower().count("multipart/") > 1:
        raise UnansweredError(Why.MALFORMED)
    if form_only and kind != b"multipart/form-data":
        raise UnansweredError(Why.MALFORMED)
    boundary = options.get(b"boundary")
    if not boundary:
        raise UnansweredError(Why.MALFORMED)
    return boundary


async def only_part(chunks: AsyncIterator[bytes], boundary: bytes) -> AsyncIterator[bytes]:
    """The bytes of the one part of a body; raises ``UnansweredError`` as ``form_parts`` does.

    A second part is refused: if it were overlooked, a picture in it would pass for examined.
    """
    seen = False
    async for part in form_parts(chunks, boundary):
        if seen:
            raise UnansweredError(Why.MALFORMED)
        seen = True
        async for chunk in part:
            yield chunk


async def form_parts(
    chunks: AsyncIterator[bytes], boundary: bytes
) -> AsyncIterator[AsyncIterator[bytes]]:
    """The parts of a body, files and fields alike, each as its bytes.

    Read each part to its end before you take the next.

    Raises:
        UnansweredError: the body is not multipart or ambiguous, has no part or over ``MOST_PARTS``,
            has a part that is encoded or has parts, or ends early. Reading a part may raise it.
    """
    form = _Form(chunks, boundary)
    while await form.next_part():
        yield form.part()
    form.check()


class _Form:
    """A body that is parsed as it is read."""

    def __init__(self, chunks: AsyncIterator[bytes], boundary: bytes) -> None:
        self._chunks = chunks
        self._events: deque[bytes | None] = deque()  # data, or None for the end of a part
        self._headers: dict[bytes, bytes] = {}
        self._name = self._value = b""
        self._parts = self._begun = 0
        self._ended = False
        self._delimiters = _Counter(b"--" + boundary)
        callbacks = {
            "on_part_begin": self._begin,
            "on_header_field": self._add_name,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._check_headers,
            "on_part_data": lambda data, start, end: self._events.append(data[start:end]),
            "on_part_end": lambda: self._events.append(None),
            "on_end": self._end,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type] # its own TypedDict
        except FormParserError as error:
            raise UnansweredError(Why.MALFORMED) from error

    async def next_part(self) -> bool:
        """Whether there is another part."""
        while self._parts == self._begun and await self._read():
            pass
        if self._parts == self._begun:
            return False
        self._begun += 1
        return True

    async def part(self) -> AsyncIterator[bytes]:
        while True:
            while self._events:
                data = self._events.popleft()
                if data is None:
                    return
                yield data
            if not await self._read():
                raise UnansweredError(Why.CUT)

    def check(self) -> None:
        """Check a body that was read to its end."""
        if not self._ended:
            raise UnansweredError(Why.CUT)
        # More delimiters than parts: another parser may see files where this one sees text
        if not self._parts or self._delimiters.count != self._parts + 1:
            raise UnansweredError(Why.MALFORMED)

    async def _read(self) -> bool:
        """Parse the next chunk. False if there is none."""
        chunk = await anext(self._chunks, None)
        if chunk is None:
            return False
        self._delimiters.add(chunk)
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise UnansweredError(Why.MALFORMED) from error
        return True

    def _begin(self) -> None:
        self._parts += 1
        self._headers = {}
        if self._parts > MOST_PARTS:
            raise UnansweredError(Why.MALFORMED)

    def _add_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._name.lower()] = self._value.strip().lower()
        self._name = self._value = b""

    def _check_headers(self) -> None:
        encodings = {
            self._headers.get(b"content-transfer-encoding", b""),
            self._headers.get(b"content-encoding", b""),
        }
        if not encodings <= _PLAIN:
            raise UnansweredError(Why.ENCODED)
        if self._headers.get(b"content-type", b"").startswith(b"multipart/"):
            raise UnansweredError(Why.MALFORMED)

    def _end(self) -> None:
        self._ended = True


class _Counter:
    def __init__(self, text: bytes) -> None:
        self.count = 0
        self._text = text
        self._tail = b""

    def add(self, chunk: bytes) -> None:
        joined = self._tail + chunk
        self.count += joined.count(self._text)
        self._tail = joined[max(0, len(joined) - len(self._text) + 1) :]
