"""What a process gives up before it looks at untrusted bytes.

The zygote sets limits that its workers inherit. Only the workers put up the three walls, because
the zygote must still fork and import. Every measure that the system offers is taken, and each
worker reports which of its walls hold, so that operators know rather than hope.
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
    """Give up what neither this process nor its children need, except for the walls.

    ``max_memory`` is in bytes of address space.

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
    """Put up the walls, in an order in which none prevents the next.

    The folder and ``was_root`` are as in ``give_up_privileges``; the process ends with its parent.

    Returns:
        For each of the three whether it holds; for Landlock, its ABI.
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
    """Have the system end this process as soon as its parent ends, if it can."""
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
    """Move to a network namespace of our own, which does not even have a loopback.

    Unless we are root, this also takes a user namespace, which needs no privilege. Some systems
    allow neither.
    """
    if sys.platform != "linux":
        return False
    return unshare(_CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWUSER | _CLONE_NEWNET)
