"""Undo the ``Content-Encoding`` of a body as it arrives, in bounded memory.

Sources: RFC 9110, section 8.4.1; RFC 1950 to 1952; RFC 7932.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence

import brotli

from hashmatch.service.unanswered import UnansweredError, Why

_MOST_OUTPUT = 1 << 18
_GZIP_MAGIC = b"\x1f\x8b"
_MOST_ENCODINGS = 3


class _Zlib:
    """gzip, with any number of members, or deflate, with its zlib header or without."""

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._stream = zlib.decompressobj(zlib.MAX_WBITS | 16) if gzip else None
        self._held = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decode what arrived, in pieces of at most ``_MOST_OUTPUT`` bytes."""
        left, pending = self._held + data, False
        self._held = b""
        while left or pending:
            if self._stream is None or self._stream.eof:
                if len(left) < 2:
                    self._held = left
                    return
                self._stream = self._next(left)
            try:
                piece = self._stream.decompress(left, _MOST_OUTPUT)
            except zlib.error as error:
                raise UnansweredError(Why.ENCODED) from error
            yield piece
            pending = len(piece) == _MOST_OUTPUT and not self._stream.eof
            left = self._stream.unconsumed_tail or self._stream.unused_data

    def finish(self) -> None:
        """Raise ``UnansweredError`` if the stream is not complete."""
        if self._held:
            raise UnansweredError(Why.ENCODED)
        if self._stream is None or not self._stream.eof:
            raise UnansweredError(Why.CUT)

    def _next(self, head: bytes) -> zlib._Decompress:
        """The stream that begins here."""
        if self._gzip:
            if head.startswith(_GZIP_MAGIC):
                return zlib.decompressobj(zlib.MAX_WBITS | 16)
        elif self._stream is None:
            is_zlib = head[0] & 0x0F == 8 and (head[0] << 8 | head[1]) % 31 == 0
            return zlib.decompressobj(zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)
        raise UnansweredError(Why.ENCODED)  # bytes behind the stream, which a client may show


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    def feed(self, data: bytes) -> Iterator[bytes]:
        if data and self._stream.is_finished():
            raise UnansweredError(Why.ENCODED)
        try:
            piece = self._stream.process(data, output_buffer_limit=_MOST_OUTPUT)
            yield piece
            while len(piece) >= _MOST_OUTPUT or not self._stream.can_accept_more_data():
                piece = self._stream.process(b"", output_buffer_limit=_MOST_OUTPUT)
                yield piece
        except brotli.error as error:
            raise UnansweredError(Why.ENCODED) from error

    def finish(self) -> None:
        if not self._stream.is_finished():
            raise UnansweredError(Why.CUT)


def encodings_of(header: str) -> list[str]:
    """The encodings that a ``Content-Encoding`` names, in the order in which they were applied.

    Raises ``UnansweredError`` if one cannot be undone, or there are more than any server applies.
    """
    names = [name.strip().lower() for name in header.split(",")]
    found = [name.removeprefix("x-") for name in names if name not in {"", "identity"}]
    if len(found) > _MOST_ENCODINGS or not {*found} <= {"gzip", "deflate", "br"}:
        raise UnansweredError(Why.ENCODED)
    return found


async def decoded(chunks: AsyncIterator[bytes], encodings: Sequence[str]) -> AsyncIterator[bytes]:
    """Undo the encodings of bytes; raises ``UnansweredError`` if they are wrong, or the bytes cut.

    An empty body is empty in any encoding.
    """
    for name in reversed(encodings):
        chunks = _decoded(chunks, _Brotli() if name == "br" else _Zlib(gzip=name == "gzip"))
    async for chunk in chunks:
        yield chunk


async def _decoded(chunks: AsyncIterator[bytes], decoder: _Zlib | _Brotli) -> AsyncIterator[bytes]:
    empty = True
    async for chunk in chunks:
        empty = empty and not chunk
        for piece in decoder.feed(chunk):
            if piece:
                yield piece
                await asyncio.sleep(0)  # others must not wait while little becomes much
    if not empty:
        decoder.finish()
