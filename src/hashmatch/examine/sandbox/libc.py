"""The C functions that walls and limits are built with."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # malloc.h of the GNU C library
_KEPT_BYTES = 128 * 1024 * 1024


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def syscall(number: int, *arguments: Any) -> int:
    """Make a system call by its number; -1 if it fails."""
    call = _libc().syscall
    call.restype = ctypes.c_long
    return int(call(ctypes.c_long(number), *map(_wide, arguments)))


def prctl(option: int, *arguments: int) -> int:
    """Change an attribute of this process; -1 if that fails."""
    padded = (*arguments, 0, 0, 0, 0)[:4]
    return int(_libc().prctl(option, *map(ctypes.c_ulong, padded)))


def keep_memory() -> None:
    """Let freed memory be used again for the next picture, where the C library can.

    To map fresh pages for the pixels of each large picture takes as long as half of its decoding.
    """
    mallopt = getattr(_libc(), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def unshare(flags: int) -> bool:
    """Move to namespaces of our own."""
    return int(_libc().unshare(flags)) == 0


def _wide(argument: Any) -> Any:
    """Make an integer fill a register: ctypes would pass only 32 bits of it."""
    return ctypes.c_long(argument) if isinstance(argument, int) else argument
