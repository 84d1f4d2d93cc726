"""What a process gives up before it looks at untrusted bytes.

The zygote takes limits that its workers inherit. Each worker then takes the three walls, since the
zygote must still be able to fork and to import. Every measure is taken if the system offers it, and
each worker reports which of its walls hold, so that an operator knows rather than hopes.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Collection
from typing import Any

from hashmatch.examine.sandbox.landlock import enter_landlock
from hashmatch.examine.sandbox.libc import keep_memory, prctl, unshare
from hashmatch.examine.sandbox.privileges import give_up_privileges
from hashmatch.examine.sandbox.protection import WALLS
from hashmatch.examine.sandbox.seccomp import enter_seccomp

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER = 0x1000_0000  # linux/sched.h
_CLONE_NEWNET = 0x4000_0000


def enter_limits(max_memory: int) -> dict[str, Any]:
    """Give up what this process and its children need for nothing, short of the walls.

    Args:
        max_memory: bytes of address space.

    Returns:
        For each measure, whether it is in force.
    """
    keep_memory()
    return {
        "address_space": max_memory if _limit(resource.RLIMIT_AS, max_memory) else None,
        "no_core_dumps": _limit(resource.RLIMIT_CORE, 0),
        "no_files_written": _limit(resource.RLIMIT_FSIZE, 0),
        "no_new_privileges": _prctl(_PR_SET_NO_NEW_PRIVS, 1),
        "not_traceable": _prctl(_PR_SET_DUMPABLE, 0),
        "no_network": _leave_network(),
    }


def raise_walls(
    chosen: Collection[str], folder: int | None, *, was_root: bool, parent: int
) -> dict[str, int]:
    """Take the walls, in the order in which each still can be taken.

    Args:
        chosen: which, of ``WALLS``.
        folder: for ``give_up_privileges``.
        was_root: likewise.
        parent: the process to end with.

    Returns:
        For each of the three whether it holds; of Landlock, its ABI.
    """
    holds: dict[str, int] = dict.fromkeys(WALLS, 0)
    if "privileges" in chosen:
        holds["privileges"] = give_up_privileges(folder, was_root=was_root)
    if folder is not None:
        os.close(folder)
    _prctl(_PR_SET_DUMPABLE, 0)  # a change of user may have reset both
    die_with(parent)
    if "landlock" in chosen:
        holds["landlock"] = enter_landlock()
    if "seccomp" in chosen:
        holds["seccomp"] = enter_seccomp()
    return holds


def die_with(parent: int) -> None:
    """End this process as soon as its parent has ended, where the system can see to that."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we asked
        os._exit(1)


def _limit(which: int, most: int) -> bool:
    try:
        resource.setrlimit(which, (most, most))
    except (OSError, ValueError):  # macOS has no limit on address space
        return False
    return True


def _prctl(option: int, value: int) -> bool:
    return sys.platform == "linux" and prctl(option, value) == 0


def _leave_network() -> bool:
    """Move to a network namespace of our own, which has not even a loopback.

    A user namespace comes first unless we are root, since it takes no privilege; some systems allow
    neither.
    """
    if sys.platform != "linux":
        return False
    return unshare(_CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWUSER | _CLONE_NEWNET)
