"""A list on its way in: the bytes, digested as they pass, and how to read them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from hashmatch.hashlist.characters import printable, without_blanks

BLOCK_BYTES = 1 << 18
"""Small enough to stay in the cache, large enough that a cost per block does not show."""

BOM = b"\xef\xbb\xbf"

MAX_LINE_BYTES = 1 << 16
"""Far beyond any entry; a file without line ends must not fill the memory."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a list is read.

    Attributes:
        source: the file as the operator named it, for messages.
        file_name: its name without the folder.
        algorithm: what hashes are where the list does not say.
        skip_bad_entries: load the rest where something is wrong.
    """

    source: str
    file_name: str
    algorithm: str | None = None
    skip_bad_entries: bool = False

    @property
    def name(self) -> str:
        """What the list is called that has no name of its own."""
        return printable(self.file_name)

    @property
    def origin(self) -> str:
        """What comes before the line in the id of an entry without one."""
        return without_blanks(self.name)


class Tap(io.RawIOBase):
    """A stream that is digested on its way, its first bytes known beforehand.

    Args:
        stream: what follows the head.
        head: what has been read so far.

    Attributes:
        head: the same.
    """

    def __init__(self, stream: BinaryIO, head: bytes = b"") -> None:
        super().__init__()
        self._stream = stream
        self.head = head
        self._before = head
        self._hash = hashlib.sha256()

    def digest(self) -> str:
        """SHA-256, hex, of what has passed."""
        return self._hash.hexdigest()

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override] # as io does
        """Fill a buffer as far as there is something to fill it with."""
        data = self._before[: len(buffer)] or self._stream.read(len(buffer))
        self._before = self._before[len(buffer) :]
        self._hash.update(data)
        buffer[: len(data)] = data
        return len(data)

    def blocks(self, size: int = BLOCK_BYTES) -> Iterator[bytes]:
        """All of it, a block at a time, without a byte order mark."""
        prefix = BOM
        while block := self.read(size):
            yield block.removeprefix(prefix)
            prefix = b""


class Lines:
    """Whole lines, many at a time, with the number of the first.

    Every block ends with LF, also where the stream does not. Of a line that is too long only so
    much comes as shows that it is.

    Args:
        blocks: of bytes.

    Attributes:
        count: how many lines there have been so far.
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
