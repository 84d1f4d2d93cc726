"""What a decoder that hostile bytes took over might try; a function that returns has succeeded.

A worker imports this module before its walls go up, as if the attacker had brought it along. The
aim says where the list, another upload and other processes are. Nothing here harms the machine
without walls: signals that do nothing, or victims made for it.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import platform
import resource
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, *[ctypes.c_size_t] * 1, *[ctypes.c_int] * 3, ctypes.c_long]

_ARM = platform.machine() == "aarch64"
CHANNEL = 3


def raw(x86_64: int, aarch64: int, *arguments: Any) -> int:
    """Make a system call, or raise its error."""
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(aarch64 if _ARM else x86_64), *wide)
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return int(result)


def call(name: str, *arguments: Any) -> int:
    """Call a function of the C library, or raise its error."""
    ctypes.set_errno(0)
    result = getattr(libc, name)(*arguments)
    if result is None or result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return int(result)


def demand(condition: object) -> None:
    """Fail unless the condition holds."""
    if not condition:
        raise OSError


def c(path: str) -> bytes:
    """A path as a C string."""
    return os.fsencode(path)


def read(path: str) -> None:
    """Read the first byte of a file."""
    with open(path, "rb") as file:
        file.read(1)


def in_child(action: Callable[[], object]) -> None:
    """Do something in a forked child, or in this process if forking fails."""
    try:
        pid = os.fork()
    except OSError:
        action()
        return
    if pid == 0:
        try:
            action()
            os._exit(0)
        finally:
            os._exit(1)
    demand(os.waitpid(pid, 0)[1] == 0)


def fork(_: Any) -> None:
    """Start a process."""
    in_child(lambda: None)
    if os.fork() == 0:
        os._exit(0)


def daemon(_: Any) -> None:
    """Leave behind a process that outlives the worker."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.alarm(5)
            signal.pause()
        os._exit(0)


def clone3(_: Any) -> None:
    """Start a process with ``clone3``."""
    arguments = (ctypes.c_uint64 * 11)()
    arguments[4] = signal.SIGCHLD
    if raw(435, 435, ctypes.byref(arguments), 88) == 0:
        os._exit(0)


def run_program(_: Any) -> None:
    """Start a program."""
    in_child(lambda: os.execv("/bin/true", ["true"]))


def run_memory(_: Any) -> None:
    """Start a program that exists only in memory."""
    descriptor = os.memfd_create("x")
    os.write(descriptor, b"#!/bin/true\n")
    in_child(lambda: os.execv(descriptor, ["x"]))


def shared_overwrite(aim: Any) -> None:
    """Overwrite a file by mapping it."""
    descriptor = os.open(aim["prey"], os.O_RDWR)
    with mmap.mmap(descriptor, 4, mmap.MAP_SHARED) as mapped:
        mapped[0:1] = b"!"


def map_memory(protection: int, flags: int, descriptor: int = -1) -> None:
    """Map a page."""
    result = libc.mmap(None, 4096, protection, flags, descriptor, 0)
    demand(result not in (None, ctypes.c_void_p(-1).value))


def make_executable(number: int, arm: int, *more: int) -> None:
    """Make a page executable."""
    page = libc.mmap(None, 4096, 3, 0x22, -1, 0)
    raw(number, arm, ctypes.c_void_p(page), 4096, 7, *more)


def connect(family: int, address: Any, kind: int = socket.SOCK_STREAM) -> None:
    """Connect to a server."""
    with socket.socket(family, kind) as mine:
        mine.settimeout(2)
        mine.connect(address)


def packet(aim: Any) -> None:
    """Send a datagram that arrives at a listening socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mine:
        mine.settimeout(1)
        mine.sendto(b"?", ("127.0.0.1", aim["udp"]))
        mine.recv(1)


def socket_of(family: int, kind: int = socket.SOCK_STREAM, protocol: int = 0) -> None:
    """Make a socket."""
    socket.socket(family, kind, protocol).close()


def next_job(_: Any) -> None:
    """Take a job that belongs to another worker."""
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=CHANNEL)
    try:
        demand(channel.recvmsg(64, 64, socket.MSG_DONTWAIT)[0])
    finally:
        channel.detach()


def send_descriptor(_: Any) -> None:
    """Send the supervisor a descriptor that it did not ask for."""
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=CHANNEL)
    try:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, b"\0\0\0\0")]
        channel.sendmsg([b""], rights)
    finally:
        channel.detach()


def more_descriptors(aim: Any) -> None:
    """Find a descriptor that is neither the channel nor the current file nor /dev/null."""
    for descriptor in range(256):
        if descriptor in (0, 1, 2, CHANNEL, aim["in_hand"]):
            continue
        try:
            fcntl.fcntl(descriptor, fcntl.F_GETFD)
        except OSError:
            continue
        return
    raise OSError("there is none")


def seize(pid: int) -> None:
    """Trace a process, and release it."""
    raw(101, 117, 0x4206, pid, 0, 0)
    raw(101, 117, 17, pid, 0, 0)


def vm(x86_64: int, arm: int, pid: int, address: int) -> None:
    """Read or write another process's memory."""
    ours = ctypes.create_string_buffer(8)
    local = (ctypes.c_uint64 * 2)(ctypes.addressof(ours), 8)
    remote = (ctypes.c_uint64 * 2)(address, 8)
    raw(x86_64, arm, pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)


def take_descriptor(pid: int) -> None:
    """Take a descriptor from another process."""
    pidfd = raw(434, 434, pid, 0)
    raw(438, 438, pidfd, 0, 0)


def import_late(_: Any) -> None:
    """Import a module that is not loaded."""
    import wave  # noqa: F401, PLC0415


def system_v(number: int, arm: int, *arguments: int) -> None:
    """Create something that outlives the process, and remove it at once."""
    found = raw(number, arm, *arguments)
    removals = {29: (31, 195, found, 0, 0), 68: (71, 187, found, 0, 0), 64: (66, 191, found, 0, 0)}
    raw(*removals[number])


def raise_limit(_: Any) -> None:
    """Allocate more memory than allowed."""
    infinite = resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_AS, (infinite, infinite))


def open_by_handle(aim: Any) -> None:
    """Open a file by its handle, bypassing the folders above it."""
    handle = (ctypes.c_char * 136)()
    ctypes.memmove(handle, (120).to_bytes(4, sys.byteorder), 4)
    mount = ctypes.c_int()
    call("name_to_handle_at", -100, c(aim["list"]), handle, ctypes.byref(mount), 0)
    folder = os.open(aim["folder"], os.O_RDONLY)
    call("open_by_handle_at", folder, handle, os.O_RDONLY)


GROUPS = {
    "read the list": "files by path",
    "open the file in hand again, to write": "the file in hand",
    "read the scanner's environment": "other processes",
    "start a process": "its own processes and memory",
    "become root": "rights",
    "connect by TCP": "sockets and the network",
    "find a secret in its environment": "what it was given",
}
"""What each group of attempts is about, by the first attempt of the group."""

ATTEMPTS: dict[str, Callable[[Any], object]] = {
    "read the list": lambda a: read(a["list"]),
    "read the list by openat2": lambda a: raw(
        437, 437, -100, c(a["list"]), ctypes.byref((ctypes.c_uint64 * 3)()), 24
    ),
    "read another upload": lambda a: read(a["prey"]),
    "read the users of the system": lambda _: read("/etc/passwd"),
    "read the settings of root": lambda _: read("/etc/shadow"),
    "list a folder": lambda a: os.listdir(a["folder"]),
    "look at a file": lambda a: os.stat(a["list"]),
    "look at a file as if it were open": lambda a: raw(
        262, 79, -100, c(a["list"]), ctypes.create_string_buffer(256), 0x1000
    ),
    "ask whether a file is there": lambda a: demand(os.access(a["list"], os.F_OK)),
    "open a path without reading": lambda a: os.open(a["list"], os.O_PATH),
    "read a link": lambda _: os.readlink("/proc/self/exe"),
    "go to the root": lambda a: (os.chdir("/"), os.stat(a["list"][1:])),
    "leave by many steps up": lambda a: os.stat("../" * 40 + a["list"][1:]),
    "open by a number": open_by_handle,
    "remove a file": lambda a: os.unlink(a["doomed"]),
    "move a file": lambda a: os.rename(a["movable"], a["movable"] + ".moved"),
    "open the list to everybody": lambda a: os.chmod(a["list"], 0o666),
    "give a file away": lambda a: os.chown(a["prey"], os.getuid(), os.getgid()),
    "cut a file": lambda a: os.truncate(a["prey"], 5),
    "overwrite a file in its place": shared_overwrite,
    "write a file": lambda a: os.open(a["prey"], os.O_WRONLY),
    "make a file": lambda a: os.open(a["folder"] + "/made", os.O_CREAT | os.O_WRONLY),
    "make a link": lambda a: os.symlink("x", a["folder"] + "/symlink"),
    "make a hard link": lambda a: os.link(a["prey"], a["folder"] + "/link"),
    "make a folder": lambda a: os.mkdir(a["folder"] + "/sub"),
    "remove a folder": lambda a: os.rmdir(a["folder"] + "/empty"),
    "make a pipe in a folder": lambda a: os.mkfifo(a["folder"] + "/fifo"),
    "make a device": lambda a: os.mknod(a["folder"] + "/null", 0o20666, os.makedev(1, 3)),
    "make a socket in a folder": lambda a: socket.socket(socket.AF_UNIX).bind(a["folder"] + "/s"),
    "set an attribute": lambda a: os.setxattr(a["prey"], "user.x", b"y"),
    "set a file's times": lambda a: os.utime(a["prey"], (1, 1)),
    "watch a folder": lambda a: call("inotify_add_watch", call("inotify_init"), c(a["folder"]), 2),
    "watch the whole system": lambda _: raw(300, 262, 0, 0),
    "mount": lambda a: (
        call("mount", b"none", c(a["folder"]), b"tmpfs", 0, None)
        or call("umount2", c(a["folder"]), 2)
    ),
    "open a tree to mount": lambda a: raw(428, 428, -100, c(a["folder"]), 1),
    "load a library": lambda _: ctypes.CDLL("libutil.so.1") and read("/proc/self/maps"),
    "import a module": import_late,
    "open the file in hand again, to write": lambda a: os.open(
        f"/proc/self/fd/{a['in_hand']}", os.O_RDWR
    ),
    "change the mode of the file in hand": lambda a: os.fchmod(a["in_hand"], 0o777),
    "give the file in hand away": lambda a: os.fchown(a["in_hand"], os.getuid(), os.getgid()),
    "set the times of the file in hand": lambda a: os.utime(
        a["in_hand"], ns=(0, os.fstat(a["in_hand"]).st_mtime_ns)
    ),
    "set an attribute of the file in hand": lambda a: os.setxattr(a["in_hand"], "user.x", b"y"),
    "lock the file in hand": lambda a: fcntl.flock(a["in_hand"], fcntl.LOCK_EX),
    "link the file in hand": lambda a: call(
        "linkat", a["in_hand"], b"", -100, c(a["folder"] + "/linked"), 0x1000
    ),
    "map the file in hand": lambda a: map_memory(1, 2, a["in_hand"]),
    "set flags of the file in hand": lambda a: fcntl.fcntl(a["in_hand"], fcntl.F_SETFL, 0x800),
    "ioctl of the file in hand": lambda a: fcntl.ioctl(a["in_hand"], 0x80086601, bytes(8)),
    "read the scanner's environment": lambda a: read(f"/proc/{a['scanner']}/environ"),
    "read the scanner's maps": lambda a: read(f"/proc/{a['scanner']}/maps"),
    "open the scanner's memory": lambda a: os.open(f"/proc/{a['scanner']}/mem", os.O_RDONLY),
    "list the scanner's descriptors": lambda a: os.listdir(f"/proc/{a['scanner']}/fd"),
    "read the scanner's memory": lambda a: vm(310, 270, a["victim"], a["address"]),
    "write the scanner's memory": lambda a: vm(311, 271, a["victim"], a["address"]),
    "trace the scanner": lambda a: seize(a["victim"]),
    "name the scanner by a descriptor": lambda a: raw(434, 434, a["scanner"], 0),
    "take the scanner's descriptors": lambda a: take_descriptor(a["victim"]),
    "signal the scanner": lambda a: os.kill(a["scanner"], signal.SIGWINCH),
    "signal the zygote": lambda a: os.kill(a["zygote"], signal.SIGWINCH),
    "signal a sibling": lambda a: os.kill(a["sibling"], signal.SIGWINCH),
    "signal a thread of the scanner": lambda a: raw(200, 130, a["scanner"], signal.SIGWINCH),
    "signal the scanner with a value": lambda a: raw(
        129, 138, a["scanner"], signal.SIGWINCH, (ctypes.c_int * 32)(signal.SIGWINCH, 0, -1)
    ),
    "stop a process": lambda a: os.kill(a["victim"], signal.SIGSTOP),
    "ask whether the scanner is there": lambda a: os.kill(a["scanner"], 0),
    "ask for the scanner's group": lambda a: os.getpgid(a["scanner"]),
    "change the scanner's limits": lambda a: resource.prlimit(
        a["scanner"], resource.RLIMIT_CORE, (0, 0)
    ),
    "slow the scanner down": lambda a: os.setpriority(os.PRIO_PROCESS, a["victim"], 19),
    "bind the scanner to a core": lambda a: os.sched_setaffinity(a["victim"], {0}),
    "idle the scanner's disk": lambda a: raw(251, 30, 1, a["victim"], 3 << 13),
    "compare descriptors": lambda a: raw(312, 272, a["scanner"], a["scanner"], 0, 0, 0),
    "start a process": fork,
    "start a process by clone3": clone3,
    "leave a daemon": daemon,
    "start a program": run_program,
    "start a program in memory": run_memory,
    "leave its process group": lambda _: os.setpgid(0, os.getppid()),
    "leave its session": lambda _: in_child(os.setsid),
    "outlive its parent": lambda _: call("prctl", 1, 0, 0, 0, 0),
    "become traceable": lambda _: call("prctl", 4, 1, 0, 0, 0),
    "let anybody trace it": lambda _: call("prctl", 0x59616D61, ctypes.c_ulong(-1), 0, 0, 0),
    "take more memory": raise_limit,
    "make executable memory": lambda _: map_memory(7, 0x22),
    "make memory executable": lambda _: make_executable(10, 226),
    "make memory executable by key": lambda _: make_executable(329, 288, -1),
    "read as execute": lambda _: raw(135, 92, 0x0400000),
    "share memory": lambda _: map_memory(3, 0x21),
    "leave shared memory": lambda _: system_v(29, 194, 0, 1 << 20, 0o1600),
    "leave a message queue": lambda _: system_v(68, 186, 0, 0o1600),
    "leave a semaphore": lambda _: system_v(64, 190, 0, 1, 0o1600),
    "make a file in memory": lambda _: os.memfd_create("x"),
    "lock memory": lambda _: call("mlockall", 1),
    "become root": lambda _: os.setuid(0) or demand(os.geteuid() == 0),
    "enter a user namespace": lambda _: call("unshare", 0x10000000),
    "change its root": lambda a: os.chroot(a["folder"]),
    "name the machine": lambda _: socket.sethostname(socket.gethostname()),
    "load a BPF program": lambda _: raw(321, 280, 0, (ctypes.c_uint32 * 18)(2, 4, 4, 1), 72),
    "catch page faults": lambda _: raw(323, 282, 1),
    "measure the processor": lambda _: raw(298, 241, (ctypes.c_uint32 * 32)(1, 128), 0, -1, -1, 0),
    "make an io_uring": lambda _: raw(425, 425, 1, (ctypes.c_uint32 * 30)()),
    "keep a key": lambda _: raw(248, 217, b"user", b"x", b"y", 1, -1),
    "read the kernel's log": lambda _: call("klogctl", 3, ctypes.create_string_buffer(64), 64),
    "connect by TCP": lambda a: connect(socket.AF_INET, ("127.0.0.1", a["tcp"])),
    "send by UDP": packet,
    "make a TCP socket": lambda _: socket_of(socket.AF_INET),
    "make a raw socket": lambda _: socket_of(socket.AF_INET, socket.SOCK_RAW, 1),
    "see all packets": lambda _: socket_of(socket.AF_PACKET, socket.SOCK_RAW),
    "talk to the kernel by netlink": lambda _: socket_of(socket.AF_NETLINK, socket.SOCK_RAW),
    "talk to the host": lambda _: socket_of(socket.AF_VSOCK),
    "use the kernel's ciphers": lambda _: socket_of(socket.AF_ALG, socket.SOCK_SEQPACKET),
    "connect to a socket in a folder": lambda a: connect(socket.AF_UNIX, a["unix"]),
    "connect to an abstract socket": lambda a: connect(socket.AF_UNIX, a["abstract"]),
    "make a pair of sockets": lambda _: socket.socketpair(),
    "find a secret in its environment": lambda a: demand(a["secret"] in str(os.environ)),
    "find another descriptor": more_descriptors,
    "take the next job": next_job,
    "send a descriptor": send_descriptor,
    "type into the terminal": lambda _: fcntl.ioctl(0, 0x5412, b"x"),
    "write to the log": lambda _: demand(os.fstat(2).st_rdev != os.makedev(1, 3)),
}


def succeeded(aim: Any) -> list[str]:
    """Try everything, and return the names of what succeeded."""
    done = []
    for name, attempt in ATTEMPTS.items():
        try:
            attempt(aim)
        except (OSError, ImportError, AttributeError, ValueError):
            continue
        done.append(name)
    return done
