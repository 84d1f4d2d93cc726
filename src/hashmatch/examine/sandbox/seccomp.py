"""The third wall: a seccomp filter that allows only the system calls in ``syscalls.py``.

Every other call fails with EPERM, which decoders treat as an ordinary error. A call by another
architecture's numbers, 32-bit or x32, kills the process.

Source: Linux, Documentation/userspace-api/seccomp_filter.rst and include/uapi/linux/{seccomp,audit,
filter,bpf_common}.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

from hashmatch.examine.sandbox.libc import prctl
from hashmatch.examine.sandbox.syscalls import ALLOWED, CLONE3, Call, Check

_PR_SET_SECCOMP = 22  # linux/prctl.h
_MODE_FILTER = 2

_KILL_PROCESS = 0x8000_0000  # linux/seccomp.h
_ERRNO = 0x0005_0000
_ALLOW = 0x7FFF_0000

_ARCHITECTURES = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}  # linux/audit.h
_X32 = 0x4000_0000  # the bit that x32's numbers have

# Offsets in struct seccomp_data; both architectures are little-endian
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16

_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06  # BPF_LD|W|ABS, BPF_ALU|AND|K, BPF_RET|K
_IF_EQUAL, _IF_AT_LEAST = 0x15, 0x35  # BPF_JMP|JEQ|K, BPF_JMP|JGE|K


class _Program(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def enter_seccomp() -> bool:
    """Put this process behind the filter. It cannot be removed, and children inherit it.

    The process must have set no_new_privs.

    Returns:
        Whether the filter is in force.
    """
    machine = os.uname().machine if sys.platform == "linux" and sys.maxsize > 1 << 32 else ""
    if machine not in _ARCHITECTURES:
        return False
    code = program(machine, os.getpid())
    filter_ = _Program(len(code) // 8, code)
    return prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(filter_)) == 0


def program(machine: str, pid: int) -> bytes:
    """The filter for one process, as ``struct sock_filter[]``."""
    code = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_IF_EQUAL, _ARCHITECTURES[machine], then=1),
        _step(_RETURN, _KILL_PROCESS),
        _step(_LOAD, _NUMBER),
    ]
    if machine == "x86_64":
        code += [_step(_IF_AT_LEAST, _X32, otherwise=1), _step(_RETURN, _KILL_PROCESS)]
    for call in ALLOWED:
        code += _permit(call, call.x86_64 if machine == "x86_64" else call.aarch64, pid)
    code += [
        _step(_IF_EQUAL, CLONE3, otherwise=1),
        _step(_RETURN, _ERRNO | errno.ENOSYS),
        _step(_RETURN, _ERRNO | errno.EPERM),
    ]
    return b"".join(code)


def _permit(call: Call, number: int, pid: int) -> list[bytes]:
    """Allow one call if all its checks hold; skip these steps for any other call."""
    body = [step for check in call.checks for step in _demand(check, pid)]
    body.append(_step(_RETURN, _ALLOW))
    return [_step(_IF_EQUAL, number, otherwise=len(body)), *body]


def _demand(check: Check, pid: int) -> list[bytes]:
    """Fail the call unless an argument is one of the values."""
    values = check.values or (pid,)
    tests = [
        _step(_IF_EQUAL, value, then=len(values) - place) for place, value in enumerate(values)
    ]
    return [
        _step(_LOAD, _ARGUMENTS + 8 * check.argument),
        _step(_AND, check.mask),
        *tests,
        _step(_RETURN, _ERRNO | errno.EPERM),
    ]


def _step(code: int, operand: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    """One instruction; ``then`` and ``otherwise`` say how many to skip."""
    return struct.pack("=HBBI", code, then, otherwise, operand)
