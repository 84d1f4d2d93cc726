"""What the system tells of processes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path


def children(pid: int) -> list[int]:
    """The processes that a process started and that have not been taken leave of."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


def is_alive(pid: int) -> bool:
    """Whether there is such a process that has not ended (a zombie has)."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def wait_until_gone(pids: Sequence[int], seconds: float = 10) -> None:
    """Fail if one of the processes is still there after so many seconds."""
    deadline = time.monotonic() + seconds
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline, "a process lives on"
        time.sleep(0.01)
