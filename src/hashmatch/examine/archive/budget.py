"""What an archive has cost so far, nested ones included, against what it may cost."""

from __future__ import annotations

from hashmatch.errors import DecodeError
from hashmatch.model import Reason
from hashmatch.options import ArchiveLimits

RATIO_FLOOR = 64 * 1024 * 1024
"""Bytes unpacked up to which the ratio says nothing: a blank picture packs 1,000 to 1."""


class Budget:
    """Counts, and stays exceeded once it was: whoever asks next is told again.

    Args:
        limits: what the archive may cost.
        packed: bytes of the outermost archive.
        max_member_bytes: the largest member to unpack.
    """

    def __init__(self, limits: ArchiveLimits, packed: int, max_member_bytes: int) -> None:
        self.limits = limits
        self.max_member_bytes = max_member_bytes
        self._packed = packed
        self._members = 0
        self._unpacked = 0
        self._exceeded: str | None = None

    def count_member(self) -> None:
        """Count one entry of any archive.

        Raises:
            DecodeError: ``archive_limit``, now or earlier.
        """
        self.check()
        self._members += 1
        if self._members > self.limits.max_members:
            self._exceeded = f"more than {self.limits.max_members} members"
        self.check()

    def spend(self, count: int) -> None:
        """Count bytes that come out of any archive.

        Raises:
            DecodeError: ``archive_limit``, now or earlier.
        """
        self._unpacked += count
        if self._unpacked > self.limits.max_total_bytes:
            self._exceeded = f"more than {self.limits.max_total_bytes} bytes unpacked"
        elif self.is_bomb(self._unpacked, self._packed):
            self._exceeded = self.bomb_message
        self.check()

    def check(self) -> None:
        """Say again that the budget is exceeded, if it is.

        Raises:
            DecodeError: ``archive_limit``.
        """
        if self._exceeded is not None:
            raise DecodeError(Reason.ARCHIVE_LIMIT, self._exceeded)

    def is_bomb(self, unpacked: int, packed: int) -> bool:
        """Tell whether this many bytes are too many to come from so few."""
        return unpacked > RATIO_FLOOR and unpacked > packed * self.limits.max_ratio

    @property
    def bomb_message(self) -> str:
        """What to say where ``is_bomb``."""
        return f"unpacks to more than {self.limits.max_ratio} times its size"
