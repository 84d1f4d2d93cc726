"""The supervisor's side of the zygote: starts it, and has it fork and reap workers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from hashmatch.errors import HashmatchError
from hashmatch.examine.sandbox.protocol import (
    FORK,
    LOAD,
    REAP,
    encode_options,
    frame,
    take_frame,
)
from hashmatch.options import ExamineOptions

_LOADING_SECONDS = 60
_ANSWER_SECONDS = 10
_CLOSING_SECONDS = 1.0

ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    # A process with threads cannot fork safely, and each worker has one core anyway
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    # Up to this many bytes, glibc keeps memory for the next picture; otherwise the kernel clears
    # all of it again, which takes up to a quarter of the time. Other allocators ignore this
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "67108864",
}
_LOADER = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "PYTHONHOME")
"""Without these, some interpreters do not start. The rest of the environment may hold secrets."""


class Ending(NamedTuple):
    """How a worker ended.

    Attributes:
        signal: the signal that killed it; None if none did.
        peak: the most memory it used, in bytes.
    """

    signal: int | None
    peak: int


def start_zygote(channel: int) -> subprocess.Popen[bytes]:
    """Start the zygote, whose end of the socket is ``channel``."""
    return start_module("hashmatch.examine.sandbox.zygote", channel, ENVIRONMENT, "-B")


def start_module(
    name: str, channel: int, environment: Mapping[str, str], *options: str
) -> subprocess.Popen[bytes]:
    """Start one of our modules as a process that inherits one descriptor: its end of a socket."""
    return subprocess.Popen(  # noqa: S603 # our own interpreter and module
        # -P: a numpy.py in the folder to scan must not be imported
        [sys.executable, "-P", *options, "-m", name, str(channel)],
        pass_fds=[channel],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={
            **environment,
            **{name: os.environ[name] for name in _LOADER if name in os.environ},
            # It can import what this process can
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        },
    )


class Forker:
    """Controls the zygote.

    Attributes:
        pid: of the zygote.
    """

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        # Short and repeated, so that time in which we are stopped is not counted
        self._control.settimeout(1.0)
        with theirs:
            self._process = start_zygote(theirs.fileno())
        self.pid = self._process.pid
        self._configured = False

    def fileno(self) -> int:
        """Its socket. The zygote speaks only when asked, so this is readable only when it dies."""
        return self._control.fileno()

    def configure(
        self, options: ExamineOptions, max_memory: int, walls: Sequence[str]
    ) -> dict[str, Any]:
        """Tell the zygote what workers will examine, with how much memory, behind which walls.

        Returns:
            What the zygote has given up, as ``enter_limits`` returns it.

        Raises:
            HashmatchError: the zygote has died.
        """
        settings = {
            "options": encode_options(options),
            "max_memory": max_memory,
            "walls": list(walls),
        }
        self._say(frame(settings))
        self._configured = True
        return self._hear(_LOADING_SECONDS)

    def fork(self) -> tuple[int, socket.socket]:
        """Start a worker.

        Returns:
            Its pid, and our end of its channel, which is non-blocking.

        Raises:
            HashmatchError: the zygote has died.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.setblocking(False)
        try:
            with theirs:
                self._say(FORK + bytes(8), theirs.fileno())
            return self._hear()["pid"], ours
        except BaseException:
            ours.close()
            raise

    def reap(self, pid: int) -> Ending:
        """Kill a worker and whatever it started, and return how it ended.

        Raises:
            HashmatchError: the zygote has died.
        """
        self.kill(pid)
        self._say(REAP + pid.to_bytes(8, "big"))
        said = self._hear()
        status = said["status"]
        by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        return Ending(by, said["peak_kib"] * 1024)

    def kill(self, pid: int) -> None:
        """Kill a worker and its process group.

        Its pid is not reused until the zygote reaps it or ends.
        """
        if self._process.poll() is None:
            kill_group(pid)

    def load_late(self) -> None:
        """Have future workers load what is seldom needed.

        Raises:
            HashmatchError: the zygote has died.
        """
        self._say(LOAD + bytes(8))

    def close(self) -> None:
        """End the zygote and with it its workers."""
        if not self._configured:  # it may still be loading decoders that nobody will need
            self._process.kill()
        # Its end of the socket closes as it ends, which comes sooner than a poll of its status
        with self._control, suppress(OSError):
            self._control.shutdown(socket.SHUT_WR)
            try:
                while self._control.recv(4096):
                    pass
            except TimeoutError:  # somebody stopped it
                self._process.kill()
        try:
            self._process.wait(_CLOSING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def abandon(self) -> None:
        """Kill the zygote, whatever it is doing; its workers die with it."""
        self._process.kill()

    def forsake(self) -> None:
        """In a forked child: close the inherited socket, and leave the zygote alone."""
        self._control.close()

    def _say(self, request: bytes, *descriptors: int) -> None:
        """Ask the zygote for something."""
        try:
            socket.send_fds(self._control, [request], descriptors)
        except ConnectionError:
            raise gone() from None

    def _hear(self, seconds: int = _ANSWER_SECONDS) -> dict[str, Any]:
        """The zygote's answer."""
        buffer = bytearray()
        while (message := take_frame(buffer)) is None:
            try:
                received = self._control.recv(65536)
            except TimeoutError:
                seconds -= 1
                if seconds > 0:
                    continue
                raise gone() from None
            except ConnectionError:
                received = b""
            if not received:
                raise gone()
            buffer += received
        return message


_ahead: list[Forker] = []


def start_ahead() -> None:
    """Start the zygote of the next pool, so that it loads decoders before there is one."""
    with suppress(OSError):  # the pool will try again, and report it
        _ahead.append(Forker())


def take_forker() -> Forker:
    """The zygote that was started ahead, or else a new one."""
    return _ahead.pop() if _ahead else Forker()


def end_unused() -> None:
    """End the zygote that was started ahead, if no pool took it."""
    while _ahead:
        _ahead.pop().close()


def kill_group(pid: int) -> None:
    """Kill a worker and whatever it started."""
    for send in (os.killpg, os.kill):  # a new worker may not have its group yet
        with suppress(ProcessLookupError, PermissionError):
            send(pid, signal.SIGKILL)


def gone() -> HashmatchError:
    """The error if the zygote has ended or does not answer."""
    return HashmatchError(
        "the process that decoders run in could not be started, or has died; run"
        " 'hashmatch doctor' to see why"
    )
