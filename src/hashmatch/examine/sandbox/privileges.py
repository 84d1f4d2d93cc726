"""The second wall: no capabilities, and another user in place of root.

Root's worker becomes ``nobody``, so it cannot reach files and processes that only root may. Every
worker gives up all capabilities, in every set, and with no_new_privs it cannot regain them. If it
still may, it first makes an empty folder that no longer exists its root, so that no path leads
anywhere.

Source: Linux, capabilities(7), capget(2) and include/uapi/linux/capability.h.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from contextlib import suppress

from hashmatch.examine.sandbox.libc import prctl, syscall

NOBODY = 65534
"""A user and a group that own nothing, on every Linux system."""

_PR_CAPBSET_DROP = 24  # linux/prctl.h
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522
_CAPGET = {"x86_64": 125, "aarch64": 90}
_CAPSET = {"x86_64": 126, "aarch64": 91}
_MOST_CAPABILITIES = 64


class _CapabilityHeader(ctypes.Structure):
    """``struct __user_cap_header_struct``; pid 0 is this process."""

    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    """``struct __user_cap_data_struct[2]``: effective, permitted, inheritable, twice 32 bits."""

    _fields_ = (("words", ctypes.c_uint32 * 6),)


def empty_folder() -> int | None:
    """Open an empty folder that has already been removed, for ``give_up_privileges``."""
    try:
        path = tempfile.mkdtemp(prefix="hashmatch-")
        try:
            os.chmod(path, 0o555)  # noqa: PTH101, S103 # there is nothing in it, ever
            return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        finally:
            os.rmdir(path)  # noqa: PTH106 # as os made it
    except OSError:
        return None


def give_up_privileges(folder: int | None, *, was_root: bool) -> bool:
    """Become nobody, if this process is root's, and give up all capabilities.

    The folder that ``empty_folder`` returned becomes the root folder, if that is permitted.

    Returns:
        Whether this process has no capability and does not belong to root.
    """
    if sys.platform != "linux":
        return False
    if folder is not None:
        with suppress(OSError):  # it takes a capability, which not everybody has
            os.fchdir(folder)
            os.chroot(".")
    for number in range(_MOST_CAPABILITIES):
        prctl(_PR_CAPBSET_DROP, number)
    prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    if was_root:
        with suppress(OSError):  # a container may have no such user
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
    machine = os.uname().machine
    if machine not in _CAPSET:
        return False
    header, sets = _CapabilityHeader(_CAPABILITY_VERSION_3, 0), _Sets()
    syscall(_CAPSET[machine], ctypes.byref(header), ctypes.byref(sets))
    left = _Sets((ctypes.c_uint32 * 6)(*[1] * 6))
    if syscall(_CAPGET[machine], ctypes.byref(header), ctypes.byref(left)) != 0:
        return False
    return not any(left.words) and 0 not in os.getresuid() + os.getresgid()
