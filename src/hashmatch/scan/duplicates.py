"""Finds equal files among those on their way, so that they are decoded once."""

from __future__ import annotations

from collections import defaultdict
from typing import Generic, TypeVar

File = TypeVar("File")


_SMALL = 1 << 16
"""Bytes up to which decoding a file takes only a few times as long as digesting it."""

_SHARE = 1 / 8
"""The share of small files that must have known contents for digesting them all to pay."""

_PROBE = 16
"""One small file in so many is digested first in any case."""


class Payoff:
    """Decides which files to digest before decoding them, by how many had known contents lately.

    A large file is always digested: decoding it takes many times as long.
    """

    def __init__(self) -> None:
        self._share = 1.0  # as a moving average
        self._passed = 0

    def is_worth(self, size: int) -> bool:
        """Whether to digest a file first that may have known contents, by its size in bytes."""
        if size > _SMALL or self._share >= _SHARE:
            return True
        self._passed += 1
        return self._passed % _PROBE == 0

    def note(self, *, known: bool) -> None:
        """Note whether a file that was digested first had known contents."""
        self._share += (known - self._share) / _PROBE


class InFlightDuplicates(Generic[File]):
    """Knows which files are being examined, and which wait for one of them.

    The first file of its size is examined at once, and its digest is unknown until that ends.
    Those that come meanwhile are digested, and wait if they may be equal to one being examined.
    """

    def __init__(self) -> None:
        self._examined: defaultdict[int, dict[File, bytes | None]] = defaultdict(dict)
        self._waiting: defaultdict[int, list[File]] = defaultdict(list)

    def has(self, size: int) -> bool:
        """Whether a file of this size is being examined."""
        return size in self._examined

    def begin(self, file: File, size: int, sha256: bytes | None) -> None:
        """Note that a file is being examined."""
        self._examined[size][file] = sha256

    def wait(self, file: File, size: int, sha256: bytes) -> bool:
        """Let a file wait if it may be equal to one being examined. False if it cannot be."""
        digests = self._examined[size].values() if size in self._examined else ()
        if sha256 not in digests and None not in digests:
            return False
        self._waiting[size].append(file)
        return True

    def end(self, file: File, size: int) -> list[File]:
        """Note that a file has been examined, and return those that may have waited for it."""
        if size not in self._examined or file not in self._examined[size]:
            return []
        del self._examined[size][file]
        if not self._examined[size]:
            del self._examined[size]
        return self._waiting.pop(size, [])
