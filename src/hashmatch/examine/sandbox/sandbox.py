"""What a process gives up before it looks at untrusted bytes.

Each measure is taken where the system offers it, and what is in force is told, so that an operator
knows (``hashmatch doctor``) rather than hopes.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from typing import Any

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_DUMPABLE = 4
_CLONE_NEWUSER = 0x10000000  # linux/sched.h
_CLONE_NEWNET = 0x40000000


def enter_sandbox(max_memory: int) -> dict[str, Any]:
    """Give up what this process and its children do not need to decode pictures.

    Args:
        max_memory: bytes of address space.

    Returns:
        For each measure, whether it is in force.
    """
    return {
        "address_space": max_memory if _limit(resource.RLIMIT_AS, max_memory) else None,
        "no_core_dumps": _limit(resource.RLIMIT_CORE, 0),
        "no_files_written": _limit(resource.RLIMIT_FSIZE, 0),
        "no_new_privileges": _prctl(_PR_SET_NO_NEW_PRIVS, 1),
        "not_traceable": _prctl(_PR_SET_DUMPABLE, 0),
        "no_network": _leave_network(),
    }


def die_with(parent: int) -> None:
    """End this process as soon as its parent has ended, where the system can see to that."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we asked
        os._exit(1)


def _limit(which: int, most: int) -> bool:
    try:
        resource.setrlimit(which, (most, most))
    except (OSError, ValueError):  # macOS knows no limit on address space
        return False
    return True


def _prctl(option: int, value: int) -> bool:
    if sys.platform != "linux":
        return False
    return bool(_libc().prctl(option, value, 0, 0, 0) == 0)


def _leave_network() -> bool:
    """Move to a network namespace of our own, in which there is not even a loopback.

    A user namespace comes first, since it takes no privilege; some systems allow neither.
    """
    if sys.platform != "linux":
        return False
    flags = _CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWUSER | _CLONE_NEWNET
    return bool(_libc().unshare(flags) == 0)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
