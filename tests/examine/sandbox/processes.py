"""Find processes and wait for them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path


def children(pid: int) -> list[int]:
    """The processes that a process started and has not waited for."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


def descendants(pid: int) -> list[int]:
    """A process's children and their children."""
    try:
        return [one for child in children(pid) for one in (child, *descendants(child))]
    except (FileNotFoundError, ProcessLookupError):
        return []


def is_alive(pid: int) -> bool:
    """Whether the process exists and has not ended; a zombie has ended."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Fail if the condition does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_until_gone(pids: Sequence[int], seconds: float = 60) -> None:
    """Fail if one of the processes is still there after this many seconds."""
    deadline = time.monotonic() + seconds
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline, "a process lives on"
        time.sleep(0.01)


def wait_until_idle(pid: int) -> None:
    """Wait until a process has nothing left to do and sleeps."""
    looks = 0

    def asleep() -> bool:
        nonlocal looks
        looks = looks + 1 if ") S " in Path(f"/proc/{pid}/stat").read_text() else 0
        return looks >= 10

    wait_for(asleep)
