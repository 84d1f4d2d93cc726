"""What a worker may use, and how strictly it is confined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hashmatch.errors import SettingsError
from hashmatch.examine.sandbox.protection import Sandbox

LEAST_MEMORY = 384 * 1024 * 1024
"""Bytes of address space, of which the decoders themselves take 160 MiB."""


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What a worker may use.

    Attributes:
        max_memory: bytes of address space.
        max_seconds: wall-clock seconds for one file, or one member of an archive.
        sandbox: how strictly to confine it: ``strict``, ``best`` or ``off``.
        notify: called with one line if a wall is missing.

    Raises:
        SettingsError: a limit is too small to decode anything with, or there is no such sandbox.
    """

    max_memory: int = 2 * 1024 * 1024 * 1024
    max_seconds: float = 20.0
    sandbox: str = Sandbox.BEST
    notify: Callable[[str], object] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.max_memory < LEAST_MEMORY:
            raise SettingsError(f"a worker needs at least {LEAST_MEMORY >> 20} MiB of memory")
        if not self.max_seconds > 0:
            raise SettingsError("the time for a file must be more than 0 seconds")
        if self.sandbox not in set(Sandbox):
            raise SettingsError(
                f"unknown sandbox {self.sandbox!r}; choose from {', '.join(Sandbox)}"
            )
