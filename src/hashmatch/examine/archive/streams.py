"""Read bytes in bounded steps: of a file or a part of it, counted or checked on the way."""

from __future__ import annotations

import os
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from io import BytesIO
from typing import BinaryIO, TypeVar

from hashmatch.errors import OUT_OF_MEMORY, DecodeError
from hashmatch.examine.archive.budget import Budget
from hashmatch.examine.reading import reason_of
from hashmatch.model import Reason

STEP = 256 * 1024
"""The most bytes that one step returns."""

_T = TypeVar("_T", bytes, int)


class Stream(ABC):
    """Bytes that can be read once, from first to last.

    A stream that failed stays failed, and raises the same error again. So a reader of entries can
    rely on the next read to raise if an archive broke off.
    """

    def __init__(self) -> None:
        self._ahead = b""
        self._failure: DecodeError | None = None

    @abstractmethod
    def _step(self, count: int) -> bytes:
        """Return 1 to ``count`` bytes, or none at the end. ``count`` is at most ``STEP``."""

    def _pass(self, count: int) -> int:
        """Skip 1 to ``count`` bytes, or none at the end, and return how many."""
        return len(self._step(min(count, STEP)))

    def read(self, count: int) -> bytes:
        """Return ``count`` bytes; fewer only at the end.

        Raises:
            DecodeError: there should be more, but it cannot be read.
        """
        whole = BytesIO()  # its bytes can be taken without a copy
        left = count
        if self._ahead:
            left -= whole.write(self._ahead[:count])
            self._ahead = self._ahead[count:]
        while left and (part := self._guarded(self._step, min(left, STEP))):
            left -= whole.write(part)
        return whole.getvalue()

    def peek(self, count: int) -> bytes:
        """Return what the next ``read`` will return, or raise its error."""
        seen = self.read(count)
        self._ahead = seen + self._ahead
        return seen

    def skip(self, count: int) -> int:
        """Skip ``count`` bytes, and return how many there were; fewer only at the end.

        Raises:
            DecodeError: as ``read``.
        """
        left = count - len(self._ahead[:count])
        self._ahead = self._ahead[count:]
        while left and (passed := self._guarded(self._pass, left)):
            left -= passed
        return count - left

    def _guarded(self, act: Callable[[int], _T], count: int) -> _T:
        if self._failure is not None:
            raise self._failure.bare()
        try:
            return act(count)
        except MemoryError:
            # Some of the streams below have moved on by then, and others have not
            self._failure = DecodeError(Reason.TOO_LARGE, OUT_OF_MEMORY)
            raise self._failure.bare() from None
        except DecodeError as error:
            self._failure = error.bare()
            raise


def file_size(file: BinaryIO) -> int:
    """Return the size of a file in bytes. Raises ``DecodeError`` if the system does not say."""
    try:
        return file.seek(0, os.SEEK_END)
    except OSError as error:
        raise reason_of(error) from error


class Section(Stream):
    """A part of a file, which must be there in full."""

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        super().__init__()
        self._file = file
        self._position = start
        self._end = start + length

    def _step(self, count: int) -> bytes:
        count = min(count, self._end - self._position)
        if count <= 0:
            return b""
        try:
            self._file.seek(self._position)
            part = self._file.read(count)
        except OSError as error:
            raise reason_of(error) from error
        if not part:
            raise DecodeError(Reason.TRUNCATED, "the archive ends early")
        self._position += len(part)
        return part

    def _pass(self, count: int) -> int:
        count = min(count, self._end - self._position)
        self._position += count
        return count


class PartStream(Stream):
    """The next ``length`` bytes of another stream, which must be there in full."""

    def __init__(self, source: Stream, length: int) -> None:
        super().__init__()
        self._source = source
        self._left = length

    def _step(self, count: int) -> bytes:
        part = self._source.read(min(count, self._left))
        self._went(len(part))
        return part

    def _pass(self, count: int) -> int:
        passed = self._source.skip(min(count, self._left))
        self._went(passed)
        return passed

    def finish(self) -> None:
        """Skip all of it that was not read. Raises as ``read`` does."""
        while self._left:
            self._guarded(self._pass, self._left)

    def _went(self, count: int) -> None:
        if self._left and not count:
            raise DecodeError(Reason.TRUNCATED, "the archive ends early")
        self._left -= count


class Metered(Stream):
    """Another stream, whose bytes are charged to a budget.

    ``packed`` is how many bytes it is unpacked from; None if it was not packed.
    """

    def __init__(self, source: Stream, budget: Budget, packed: int | None = None) -> None:
        super().__init__()
        self._source = source
        self._budget = budget
        self._packed = packed
        self._given = 0

    def _step(self, count: int) -> bytes:
        part = self._source.read(count)
        self._charge(len(part))
        return part

    def _pass(self, count: int) -> int:
        # One step at a time, or a bomb would go off before it is counted
        passed = self._source.skip(min(count, STEP) if self._packed is not None else count)
        self._charge(passed)
        return passed

    def _charge(self, count: int) -> None:
        self._budget.spend(count)
        self._given += count
        if self._packed is not None and self._budget.is_bomb(self._given, self._packed):
            raise DecodeError(Reason.ARCHIVE_LIMIT, self._budget.bomb_message)


class Checked(Stream):
    """Another stream, checked against its announced size and CRC-32 once its end is read."""

    def __init__(self, source: Stream, size: int, crc: int) -> None:
        super().__init__()
        self._source = source
        self._left = size
        self._expected = crc
        self._crc = 0

    def _step(self, count: int) -> bytes:
        # One byte more than there should be shows whether there are more
        part = self._source.read(min(count, self._left + 1))
        self._left -= len(part)
        self._crc = zlib.crc32(part, self._crc)
        if self._left < 0:
            raise DecodeError(Reason.UNDECODABLE, "longer than announced")
        if not part and self._left:
            raise DecodeError(Reason.TRUNCATED, "shorter than announced")
        if not part and self._crc != self._expected:
            raise DecodeError(Reason.UNDECODABLE, "its checksum is wrong")
        return part
