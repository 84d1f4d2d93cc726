"""The supervisor: hands files to workers, collects what they answer, and outlives their deaths.

A worker that dies is blamed on the file, or the archive's member, that it was on, and on nothing
else: the files queued behind it go to other workers. Since anyone may kill a process, the file is
tried again, and only several workers in a row that die on it make it a ``decoder_crash``.
"""

from __future__ import annotations

import os
import re
import selectors
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from hashmatch.errors import OUT_OF_MEMORY, DecodeError, HashmatchError, SettingsError
from hashmatch.examine.sandbox.clock import STEP, Clock
from hashmatch.examine.sandbox.jobs import Job, Reply, check_size, may_begin
from hashmatch.examine.sandbox.protocol import (
    FORK,
    REAP,
    ProtocolError,
    decode_answer,
    encode_options,
    frame,
    take_frame,
)
from hashmatch.files import Closing
from hashmatch.model import Examination, ExamineOptions, Reason

_QUEUED = 3
"""Jobs that a worker has at a time: enough that it never waits, few enough to hand over."""

_MOST_FAULTS = 2
"""Workers in a row that a file may cost by a fault, an exit or a wrong word, the last included."""

_MOST_DEATHS = 6
"""Likewise by a signal that others send: chance hits a file twice or thrice, but not every time."""

_BY_OTHERS = frozenset(
    getattr(signal, name) for name in ("SIGKILL", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # not every system has them

# What a worker may say of its own end: nothing that could carry a picture's content
_PLACE = re.compile(r"[A-Za-z_]{1,64} in [a-z_0-9]{1,64}\.py:[0-9]{1,6}", re.ASCII)

_RECEIVE = 1 << 16

_ALLOCATION = {"MALLOC_MMAP_THRESHOLD_": "33554432", "MALLOC_TRIM_THRESHOLD_": "67108864"}
"""Bytes up to which glibc keeps memory for the next picture; else the kernel clears all of it anew,
which takes up to a quarter of the time. Other systems' allocators do not look at this."""

# Whom the selector found something of, apart from workers
_ZYGOTE = "zygote"
_BELL = "bell"


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What a worker may use.

    Attributes:
        max_memory: bytes of address space.
        max_seconds: wall-clock seconds for one file, or one member of an archive.

    Raises:
        SettingsError: a limit is too small to decode anything with.
    """

    max_memory: int = 2 * 1024 * 1024 * 1024
    max_seconds: float = 20.0

    def __post_init__(self) -> None:
        if self.max_memory < 256 * 1024 * 1024:
            raise SettingsError("a worker needs at least 256 MiB of memory")
        if not self.max_seconds > 0:
            raise SettingsError("the time for a file must be more than 0 seconds")


@dataclass(slots=True, eq=False)
class _Worker:
    pid: int
    channel: socket.socket
    jobs: deque[Job] = field(default_factory=deque)
    received: bytearray = field(default_factory=bytearray)
    since: float = 0.0  # when it began what it is on, by the clock
    overdue: bool = False  # it was killed for what it is on
    gone: bool = False  # it takes no more jobs, and its channel will tell how it ended
    excused: bool = False  # it was killed for what it has done since
    lied: bool = False  # it said what no worker says, and was killed for that
    died_of: str | None = None  # its own word, where it was a mistake in Python


def isolation_available() -> bool:
    """Whether this system can hand open files to forked processes (Windows cannot)."""
    return hasattr(os, "fork") and hasattr(socket, "send_fds") and hasattr(socket, "AF_UNIX")


class Pool(Closing):
    """A set of workers.

    Start one before the lists are loaded, and its decoders load meanwhile.

    Args:
        jobs: how many workers.
        limits: what each may use.

    Attributes:
        protection: what the workers gave up, as ``enter_sandbox`` tells it; after ``configure``.

    Raises:
        HashmatchError: the processes cannot be started.
    """

    def __init__(self, jobs: int, limits: WorkerLimits = WorkerLimits()) -> None:  # frozen
        self.protection: dict[str, Any] = {}
        self._limits = limits
        self._size = check_size(jobs)
        self._options: ExamineOptions | None = None
        self._backlog: deque[Job] = deque()
        self._workers: list[_Worker] = []
        self._clock = Clock()
        self._selector = selectors.DefaultSelector()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            # -P: a numpy.py in the folder to scan is no module of ours. One BLAS thread: a process
            # with threads cannot fork, and a worker is one core's share
            self._zygote = subprocess.Popen(  # noqa: S603 # our own interpreter and module
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "hashmatch.examine.sandbox.zygote",
                    str(theirs.fileno()),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={
                    **os.environ,
                    "OPENBLAS_NUM_THREADS": "1",
                    "OMP_NUM_THREADS": "1",
                    **_ALLOCATION,
                    # What the scanning process could import, the workers can
                    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                },
            )

    def configure(self, options: ExamineOptions) -> Self:
        """Say what to examine, and let the workers begin; again only for the same, once idle.

        Raises:
            SettingsError: they are on something else.
        """
        if not may_begin(self._options, options, busy=self.busy):
            return self
        self._options = options
        settings = {"options": encode_options(options), "max_memory": self._limits.max_memory}
        self._say(frame(settings))
        self.protection = self._hear()
        self._selector.register(self._control, selectors.EVENT_READ, _ZYGOTE)
        self._workers = [self._fork() for _ in range(self._size)]
        return self

    def submit(self, job: Job) -> None:
        """Queue a job. Its descriptor must stay open until its last reply."""
        self._backlog.append(job)
        self._feed()

    def wake_by(self, bell: socket.socket) -> None:
        """End a ``poll`` early whenever something is sent to that socket of the caller's."""
        self._selector.register(bell, selectors.EVENT_READ, _BELL)

    @property
    def hungry(self) -> bool:
        """Whether a further job would be begun soon."""
        return not self._backlog and any(len(worker.jobs) < _QUEUED for worker in self._workers)

    @property
    def busy(self) -> bool:
        """Whether there is a job that has not ended."""
        return bool(self._backlog) or any(worker.jobs for worker in self._workers)

    def poll(self, timeout: float) -> list[Reply]:
        """Wait for replies, at most so many seconds, and return what there is.

        Raises:
            HashmatchError: the processes are no more.
        """
        replies: list[Reply] = []
        for key, _ in self._selector.select(self._patience(timeout)):
            if key.data == _ZYGOTE:
                raise self._no_zygote()  # it speaks only when asked, so this is its end
            if key.data == _BELL:
                os.read(key.fd, 4096)
            else:
                replies.extend(self._listen(key.data))
        now = self._clock.look()
        for worker in self._timed():
            if now >= worker.since + self._limits.max_seconds:
                worker.overdue = True
                _kill(worker.pid)  # its end of the channel closes, and the next poll sees that
        self._feed()
        return replies

    def close(self) -> None:
        """End all workers, whatever they are on."""
        for worker in self._workers:
            if self._zygote.poll() is None:  # else they died with it, and their numbers are free
                _kill(worker.pid)
            worker.channel.close()
        self._workers = []
        self._selector.close()
        self._control.close()  # the zygote takes this as its end
        if self._options is None:  # it may still be loading what nobody will need
            self._zygote.kill()
        self._zygote.wait()

    def forsake(self) -> None:
        """In a forked child: close what it has inherited, and leave the processes alone."""
        for worker in self._workers:
            worker.channel.close()
        self._control.close()

    def _patience(self, timeout: float) -> float:
        """How long to wait at the most: until the next worker is overdue."""
        now = self._clock.look()
        deadlines = [worker.since + self._limits.max_seconds - now for worker in self._timed()]
        if deadlines:
            timeout = min(timeout, STEP, *deadlines)
        return max(0.0, timeout)

    def _timed(self) -> list[_Worker]:
        """The workers that are on something, and were not killed for taking too long."""
        return [w for w in self._workers if w.jobs and not w.overdue and not w.excused]

    def _feed(self) -> None:
        while self._backlog:
            fed = [worker for worker in self._workers if not worker.gone]
            worker = min(fed, key=lambda worker: len(worker.jobs), default=None)
            if worker is None or len(worker.jobs) >= _QUEUED:
                return
            job = self._backlog[0]
            try:
                socket.send_fds(worker.channel, [job.header()], [job.descriptor])
            except ConnectionError:  # it has died, as its channel will tell, and never got this job
                worker.gone = True
                continue
            self._backlog.popleft()
            if not worker.jobs:
                worker.since = self._clock.look()
            worker.jobs.append(job)

    def _listen(self, worker: _Worker) -> Iterator[Reply]:
        try:
            received = worker.channel.recv(_RECEIVE)
        except ConnectionError:
            received = b""
        worker.received += received
        try:
            while (message := take_frame(worker.received)) is not None:
                reply = self._understand(worker, message)
                if reply is not None:
                    yield reply
        except ProtocolError:
            _kill(worker.pid)
            worker.lied = True
            received = b""
        if not received:
            yield from self._bury(worker)

    def _understand(self, worker: _Worker, message: dict[str, Any]) -> Reply | None:
        assert self._options is not None  # noqa: S101 # workers exist only once configured
        if isinstance(message.get("died_of"), str) and _PLACE.fullmatch(message["died_of"]):
            worker.died_of = message["died_of"]
            return None
        answer = decode_answer(message, self._options)
        if not worker.jobs or answer.job != id(worker.jobs[0]):
            raise ProtocolError
        reply = worker.jobs[0].take(answer, self._options)
        worker.since = self._clock.now
        if worker.overdue:  # it was killed for what it had just done: its end is not the next one's
            worker.overdue, worker.excused, worker.gone = False, True, True
        if reply is not None and reply.end:
            worker.jobs.popleft()
        return reply

    def _bury(self, worker: _Worker) -> Iterator[Reply]:
        """Take leave of a dead worker: blame what it was on, hand over the rest, fork another."""
        self._selector.unregister(worker.channel)
        worker.channel.close()
        _kill(worker.pid)  # it may have closed its channel and live on
        self._say(REAP + worker.pid.to_bytes(8, "big"))
        ending = self._hear()
        self._workers.remove(worker)
        if worker.jobs:
            culprit = worker.jobs[0]
            if not worker.excused:
                culprit.deaths += 1
                culprit.faults += worker.lied or not self._by_others(ending)
            if worker.overdue or culprit.faults >= _MOST_FAULTS or culprit.deaths >= _MOST_DEATHS:
                yield self._give_up(worker, self._cause(worker, ending))
            else:
                culprit.member = None  # the next worker says anew what it begins
        self._backlog.extendleft(reversed(worker.jobs))
        self._workers.append(self._fork())

    def _give_up(self, worker: _Worker, cause: DecodeError) -> Reply:
        """Record what killed a worker; of an archive, go on behind the member that did."""
        reply = worker.jobs[0].done(Examination.failed(cause))
        if reply.end:
            worker.jobs.popleft()
        return reply

    def _cause(self, worker: _Worker, ending: dict[str, Any]) -> DecodeError:
        if worker.overdue:
            seconds = f"{self._limits.max_seconds:g}"
            return DecodeError(Reason.TIMEOUT, f"not decoded within {seconds} seconds")
        # Where memory runs out and the decoder does not notice, it is one of these
        could_be_memory = _signal(ending) in (signal.SIGABRT, signal.SIGKILL, signal.SIGSEGV)
        said = worker.died_of or ""
        if (could_be_memory and self._was_large(ending)) or "MemoryError" in said:
            return DecodeError(Reason.TOO_LARGE, OUT_OF_MEMORY)
        of = f" of {said}" if said else ""
        return DecodeError(Reason.DECODER_CRASH, f"the decoder died{of}")

    def _by_others(self, ending: dict[str, Any]) -> bool:
        """Whether a worker ended as others end one, and had no memory to be ended for."""
        return _signal(ending) in _BY_OTHERS and not self._was_large(ending)

    def _was_large(self, ending: dict[str, Any]) -> bool:
        return bool(ending["peak_kib"] * 1024 > self._limits.max_memory // 2)

    def _fork(self) -> _Worker:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self._say(FORK + bytes(8), theirs.fileno())
        worker = _Worker(self._hear()["pid"], ours)
        self._selector.register(ours, selectors.EVENT_READ, worker)
        return worker

    def _say(self, request: bytes, *descriptors: int) -> None:
        """Ask the zygote for something."""
        try:
            socket.send_fds(self._control, [request], descriptors)
        except ConnectionError:
            raise self._no_zygote() from None

    def _hear(self) -> dict[str, Any]:
        """The zygote's answer."""
        buffer = bytearray()
        while (message := take_frame(buffer)) is None:
            try:
                received = self._control.recv(65536)
            except ConnectionError:
                received = b""
            if not received:
                raise self._no_zygote()
            buffer += received
        return message

    def _no_zygote(self) -> HashmatchError:
        return HashmatchError(
            "the process that decoders run in could not be started, or has died; try"
            " 'hashmatch doctor'"
        )


def _signal(ending: dict[str, Any]) -> int | None:
    """The signal that a worker died of, if it was one."""
    status = ending["status"]
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else None


def _kill(pid: int) -> None:
    """Kill a worker. Its pid is its own until the zygote has reaped it, which we ask for."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
