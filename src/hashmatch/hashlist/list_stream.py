"""Reads a list's bytes: digests them on the way and cuts them into blocks of lines."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from hashmatch.hashlist.characters import printable, without_blanks
from hashmatch.hashlist.revisions import Revisions

BLOCK_BYTES = 1 << 18
"""Small enough for the cache, large enough to make the cost per block negligible."""

BOM = b"\xef\xbb\xbf"

MAX_LINE_BYTES = 1 << 16
"""Far more than any entry needs; a file without line ends must not fill the memory."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to read a list.

    Attributes:
        source: the file as messages name it.
        file_name: its name without the folder.
        algorithm: of hashes that name none, in a list that names none.
        skip_bad_entries: load what is sound and count the rest.
        revisions: what is known about the ids of a feed. Records older than that do not count, and
            those that count are added.
    """

    source: str
    file_name: str
    algorithm: str | None = None
    skip_bad_entries: bool = False
    revisions: Revisions | None = None

    @property
    def name(self) -> str:
        """The name of a list that gives itself none."""
        return printable(self.file_name)

    @property
    def origin(self) -> str:
        """What comes before the line number where an entry gets its id from its line."""
        return without_blanks(self.name)


class Tap(io.RawIOBase):
    """A stream that digests what you read from it."""

    def __init__(self, stream: BinaryIO, head: bytes = b"") -> None:
        super().__init__()
        self._stream = stream
        self.head = head
        self._before = head
        self._hash = hashlib.sha256()

    def digest(self) -> str:
        """SHA-256, hex, of what has been read so far."""
        return self._hash.hexdigest()

    def readable(self) -> bool:
        """Tell ``io`` that the stream can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override] # as io does
        """Read what there is into a buffer, up to its size."""
        data = self._before[: len(buffer)] or self._stream.read(len(buffer))
        self._before = self._before[len(buffer) :]
        self._hash.update(data)
        buffer[: len(data)] = data
        return len(data)

    def blocks(self, size: int = BLOCK_BYTES) -> Iterator[bytes]:
        """The whole stream in blocks, without a byte order mark."""
        prefix = BOM
        while block := self.read(size):
            yield block.removeprefix(prefix)
            prefix = b""


class Lines:
    """Blocks of whole lines, each with the number of its first line.

    Every block ends with LF, even if the stream does not. An overlong line is cut, but stays
    recognisably overlong.

    Attributes:
        count: how many lines have been read.
    """

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self.count = 0
        self._blocks = blocks

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        rest = b""
        for block in self._blocks:
            whole, lf, tail = block.rpartition(b"\n")
            if not lf:
                rest = (rest + tail)[: MAX_LINE_BYTES + 1]
                continue
            yield self._numbered(rest + whole + lf)
            rest = tail[: MAX_LINE_BYTES + 1]
        if rest:
            yield self._numbered(rest + b"\n")

    def _numbered(self, block: bytes) -> tuple[bytes, int]:
        first = self.count + 1
        self.count += block.count(b"\n")
        return block, first
