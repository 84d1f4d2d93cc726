"""The system calls that a worker may make: the whole table, with the reason for each.

Numbers are those of x86-64 (arch/x86/entry/syscalls/syscall_64.tbl) and of aarch64
(include/uapi/asm-generic/unistd.h). Nothing here opens a path, makes a socket, starts a program,
signals another process, or makes memory executable.
"""

from __future__ import annotations

from typing import NamedTuple

ANY_BITS = 0xFFFF_FFFF

_PROT_EXEC = 0x4  # asm-generic/mman-common.h
_MAP_SHARED = 0x01
_MAP_ANONYMOUS = 0x20
_CLONE_THREAD = 0x10000  # linux/sched.h
_F_GETFD, _F_SETFD, _F_GETFL = 1, 2, 3  # asm-generic/fcntl.h
_AT_EMPTY_PATH = 0x1000  # linux/fcntl.h
_PR_SET_NAME, _PR_SET_VMA = 15, 0x53564D41  # linux/prctl.h


class Check(NamedTuple):
    """What one argument of a call must be.

    Attributes:
        argument: which, from 0.
        mask: which of the lower 32 bits to check.
        values: what they may be; none means this process's own pid.
    """

    argument: int
    mask: int
    values: tuple[int, ...]


class Call(NamedTuple):
    """A call that a worker may make.

    Attributes:
        name: as the manual pages spell it.
        why: who needs it.
        checks: all of these must hold.
    """

    name: str
    x86_64: int
    aarch64: int
    why: str
    checks: tuple[Check, ...] = ()


ALLOWED = (
    # The file in hand, by its descriptor
    Call("preadv", 295, 69, "reads the file in hand"),
    Call("pread64", 17, 67, "reads the file in hand"),
    Call("preadv2", 327, 286, "preadv, as some C libraries make it"),
    Call("read", 0, 63, "reads the file in hand"),
    Call("readv", 19, 65, "reads the file in hand"),
    Call("lseek", 8, 62, "finds the end of the file in hand"),
    Call("fstat", 5, 80, "its size and time"),
    Call(
        "newfstatat", 262, 79, "fstat, as glibc makes it", (Check(3, ANY_BITS, (_AT_EMPTY_PATH,)),)
    ),
    Call(
        "fcntl",
        72,
        25,
        "flags of descriptors",
        (Check(1, ANY_BITS, (_F_GETFD, _F_SETFD, _F_GETFL)),),
    ),
    Call("close", 3, 57, "lets go of the file in hand"),
    # The channel
    Call("recvmsg", 47, 212, "takes a job with its file"),
    Call("recvfrom", 45, 207, "takes a job"),
    Call("sendto", 44, 206, "answers"),
    # Memory
    Call("brk", 12, 214, "allocates"),
    Call(
        "mmap",
        9,
        222,
        "allocates; private, of no file, never executable",
        (Check(2, _PROT_EXEC, (0,)), Check(3, _MAP_SHARED | _MAP_ANONYMOUS, (_MAP_ANONYMOUS,))),
    ),
    Call("mprotect", 10, 226, "guards stacks; never executable", (Check(2, _PROT_EXEC, (0,)),)),
    Call("munmap", 11, 215, "frees"),
    Call("mremap", 25, 216, "grows"),
    Call("madvise", 28, 233, "frees"),
    Call(
        "prctl",
        157,
        167,
        "names threads and memory",
        (Check(0, ANY_BITS, (_PR_SET_NAME, _PR_SET_VMA)),),
    ),
    # Threads, which some decoders start
    Call(
        "clone",
        56,
        220,
        "starts a thread, and no process",
        (Check(0, _CLONE_THREAD, (_CLONE_THREAD,)),),
    ),
    Call("futex", 202, 98, "locks"),
    Call("set_robust_list", 273, 99, "a thread begins"),
    Call("rseq", 334, 293, "a thread begins"),
    Call("gettid", 186, 178, "names a thread"),
    Call("sched_yield", 24, 124, "waits for a thread"),
    Call("sched_getaffinity", 204, 123, "counts cores"),
    Call("exit", 60, 93, "a thread ends"),
    # Signals that the process sends itself, such as abort()
    Call("rt_sigaction", 13, 134, "handles its own signals"),
    Call("rt_sigprocmask", 14, 135, "abort(), starting threads"),
    Call("rt_sigreturn", 15, 139, "returns from a handler"),
    Call("sigaltstack", 131, 132, "handles its own signals"),
    Call("tgkill", 234, 131, "abort(); only itself", (Check(0, ANY_BITS, ()),)),
    Call("getpid", 39, 172, "abort()"),
    Call("exit_group", 231, 94, "ends"),
    # Time, chance and size
    Call("clock_gettime", 228, 113, "time, where the vDSO has none"),
    Call("gettimeofday", 96, 169, "time, where the vDSO has none"),
    Call("clock_nanosleep", 230, 115, "sleeps"),
    Call("restart_syscall", 219, 128, "goes on after SIGSTOP and SIGCONT"),
    Call("getrandom", 318, 278, "seeds hash tables"),
    Call("sysinfo", 99, 179, "asks how much memory there is"),
    Call("getrusage", 98, 165, "asks what it has used"),
)

CLONE3 = 435
"""Its flags are in memory, where a filter cannot see them. The filter answers ENOSYS, and C
libraries then use clone."""
