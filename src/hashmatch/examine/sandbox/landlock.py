"""The first wall: Landlock, without any rule.

The Landlock domain covers every access right that the kernel knows and grants none, so the process
cannot open, create, rename or remove anything by its path. Descriptors that it already has, or is
sent, still work. Newer kernels also cover TCP (ABI 4), device ioctls (5), and abstract Unix sockets
and signals to processes outside the domain (6).

Source: Linux, Documentation/userspace-api/landlock.rst and include/uapi/linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import os
import sys

from hashmatch.examine.sandbox.libc import syscall

_CREATE_RULESET = 444  # these numbers are the same on every architecture
_RESTRICT_SELF = 446
_CREATE_RULESET_VERSION = 1

# The rights that each ABI knows, as (first ABI, all bits known from it on)
_FILE_RIGHTS = (
    (1, (1 << 13) - 1),  # execute, write, read, list, remove, make of every kind
    (2, (1 << 14) - 1),  # and move or link to another folder
    (3, (1 << 15) - 1),  # and truncate
    (5, (1 << 16) - 1),  # and ioctl of devices
)
_NET_RIGHTS = ((4, 0b11),)  # bind and connect TCP
_SCOPES = ((6, 0b11),)  # abstract Unix sockets, signals


class _RulesetAttr(ctypes.Structure):
    """``struct landlock_ruleset_attr``; kernels take as much of it as they know."""

    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


def landlock_abi() -> int:
    """The version of Landlock that this kernel offers; 0 for none."""
    if sys.platform != "linux":
        return 0
    return max(0, syscall(_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION))


def enter_landlock() -> int:
    """Enter a domain that grants nothing. It cannot be left, and children inherit it.

    The process must have set no_new_privs.

    Returns:
        The ABI by which this process is now in the domain; 0 if it is not.
    """
    abi = landlock_abi()
    if not abi:
        return 0
    rights = _RulesetAttr(_known(_FILE_RIGHTS, abi), _known(_NET_RIGHTS, abi), _known(_SCOPES, abi))
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    ruleset = syscall(_CREATE_RULESET, ctypes.byref(rights), size, 0)
    if ruleset < 0:
        return 0
    try:
        return abi if syscall(_RESTRICT_SELF, ruleset, 0) == 0 else 0
    finally:
        os.close(ruleset)


def _known(rights: tuple[tuple[int, int], ...], abi: int) -> int:
    """The rights that this ABI knows; 0 if there are none."""
    return max((bits for first, bits in rights if first <= abi), default=0)
