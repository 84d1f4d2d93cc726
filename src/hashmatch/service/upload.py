"""The bytes of uploads, in memory and bounded: no upload ever touches a disk."""

from __future__ import annotations

import io
import os
from typing import BinaryIO

from hashmatch.examine.sandbox import make_unchangeable
from hashmatch.files import Closing
from hashmatch.service.unanswered import UnansweredError, Why

_BUFFER = 16 * 1024


class UploadBudget:
    """Bounds the bytes of all uploads that are held at a time."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0

    def take(self, size: int) -> None:
        """Set bytes aside, or raise ``UnansweredError`` if all uploads would exceed the bound."""
        if self.held + size > self.most:
            raise UnansweredError(Why.MEMORY_FULL)
        self.held += size

    def give_back(self, size: int) -> None:
        """Free bytes that were set aside."""
        self.held -= size


class Upload(Closing):
    """One upload, in a memfd where the system has them, so that a worker gets it without a copy.

    The memfd is made once there is too much for a buffer, or all has arrived: thousands of slow
    clients take a descriptor each for their connections, and should not take two.
    """

    def __init__(self, budget: UploadBudget, most: int) -> None:
        self.size = 0  # bytes that have arrived
        self._budget = budget
        self._most = most
        self._start = b""
        self._file: BinaryIO | None = None
        self._is_closed = False

    @property
    def file(self) -> BinaryIO:
        """What has arrived. Raises ``UnansweredError`` if there is no descriptor or memory left."""
        if self._file is None:
            try:
                self._file = memory_file()
            except OSError as error:
                raise UnansweredError(Why.MEMORY_FULL) from error
            self._put(self._file, self._start)
            self._start = b""
        return self._file

    def write(self, chunk: bytes) -> None:
        """Add bytes; raise ``UnansweredError`` if there are too many, or no memory for them."""
        size = len(chunk)
        if self.size + size > self._most:
            raise UnansweredError(Why.TOO_LARGE)
        self._budget.take(size)
        self.size += size
        if self._file is None and self.size <= _BUFFER:
            self._start += chunk
        else:
            self._put(self.file, chunk)

    def seal(self) -> None:
        """Make it unchangeable, since workers get its descriptor, and it may be held afterwards.

        Raises ``UnansweredError`` if there is no descriptor or memory left.
        """
        if not isinstance(self.file, io.BytesIO):
            make_unchangeable(self.file.fileno())

    def close(self) -> None:
        """Forget the bytes. Closing twice does no harm."""
        if not self._is_closed:
            self._is_closed = True
            self._start = b""
            if self._file is not None:
                self._file.close()
            self._budget.give_back(self.size)

    def _put(self, file: BinaryIO, data: bytes) -> None:
        try:
            written = file.write(data)
        except OSError as error:
            raise UnansweredError(Why.MEMORY_FULL) from error
        if written != len(data):
            raise UnansweredError(Why.MEMORY_FULL)


def memory_file() -> BinaryIO:
    """Make a nameless file in memory, or raise ``OSError`` if there is no descriptor left."""
    if hasattr(os, "memfd_create"):
        # Unbuffered, so that a worker reads what was written
        flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
        return io.FileIO(os.memfd_create("hashmatch", flags), "r+")
    return io.BytesIO()
