"""Count what an archive and those inside it have cost, against what they may cost."""

from __future__ import annotations

from hashmatch.errors import DecodeError
from hashmatch.model import Reason
from hashmatch.options import ArchiveLimits

RATIO_FLOOR = 64 * 1024 * 1024
"""How many bytes are unpacked before the ratio counts: a blank picture packs 1,000 to 1."""


class Budget:
    """Counts members and bytes against ``limits``. Once exceeded, it stays exceeded.

    ``packed`` is the size of the outermost archive in bytes.
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
        """Count bytes that are unpacked from any archive.

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
        """Raise again if the budget is exceeded.

        Raises:
            DecodeError: ``archive_limit``.
        """
        if self._exceeded is not None:
            raise DecodeError(Reason.ARCHIVE_LIMIT, self._exceeded)

    def is_bomb(self, unpacked: int, packed: int) -> bool:
        """Tell whether so few packed bytes give too many unpacked ones."""
        return unpacked > RATIO_FLOOR and unpacked > packed * self.limits.max_ratio

    @property
    def bomb_message(self) -> str:
        """What to say if ``is_bomb``."""
        return f"unpacks to more than {self.limits.max_ratio} times its size"
