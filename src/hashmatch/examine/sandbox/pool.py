"""The supervisor: hands files to workers, collects their answers, and survives their deaths.

A worker has one file at a time, or a handful of small ones. An answer must repeat a random number
that came with the file, so a worker cannot answer for a file that it was not given. It answers them
in their order, one by one.

If a worker dies, the file or archive member that it was examining takes the blame, and the rest of
its handful goes to another worker. But a process may be killed from outside, so the file is tried
again, alone; only if several workers in a row die on it is it a ``decoder_crash``. A worker that is
late is killed together with all it started, and nothing that they do with the channel can delay
that.
"""

from __future__ import annotations

import errno
import math
import os
import re
import selectors
import signal
import socket
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from hashmatch.errors import OUT_OF_MEMORY, DecodeError, HashmatchError
from hashmatch.examine.sandbox.base import AnyPool
from hashmatch.examine.sandbox.clock import STEP, Clock
from hashmatch.examine.sandbox.forker import Ending, gone, take_forker
from hashmatch.examine.sandbox.handful import LOW, Worker, handful, is_small
from hashmatch.examine.sandbox.jobs import Job, ProtocolError, Reply
from hashmatch.examine.sandbox.limits import WorkerLimits
from hashmatch.examine.sandbox.protection import WALLS, Sandbox, require_walls, walls_of
from hashmatch.examine.sandbox.protocol import HANDFUL, decode_said, encode_job, take_frame
from hashmatch.model import Examination, Reason
from hashmatch.options import ExamineOptions

_MOST_FAULTS = 2
"""How many workers in a row a file may cost by a fault, an exit or a broken protocol."""

_MOST_DEATHS = 6
"""The same, if signals that anyone can send are counted too. Chance may hit a file two or three
times, hardly more."""

_NAPS = 0.002, 0.016
"""The fewest and the most seconds to wait for more answers while every worker has its hands full.
To look at each answer by itself takes longer than all else that is done with it."""

_AGAIN = 0.02
"""Seconds after which to hand over again what could not be sent."""

_MOST_STILLBORN = 8
"""How many workers in a row may die before they are ready."""

_READY_SECONDS = 10.0

_ARCHIVE_TIMES = 180
"""An archive with all its members may take this many times the limit of one file: an hour, if that
is 20 seconds."""

_BY_OTHERS = frozenset(
    getattr(signal, name) for name in ("SIGKILL", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # not every system has them

# What a worker may say about why it dies; there is no room for a picture's content
_PLACE = re.compile(r"([A-Za-z_]{1,64}) in [a-z_0-9]{1,64}\.py:[0-9]{1,6}", re.ASCII)
_NOT_LOADED = ("ImportError", "ModuleNotFoundError")

_RECEIVE = 1 << 16

# What the selector may report besides workers
_ZYGOTE = "zygote"
_BELL = "bell"


def isolation_available() -> bool:
    """Whether this system can hand open files to forked processes (Windows cannot)."""
    return hasattr(os, "fork") and hasattr(socket, "send_fds") and hasattr(socket, "AF_UNIX")


class Pool(AnyPool):
    """A set of worker processes.

    Start it before you load the lists: its decoders load in the meantime.

    Raises:
        HashmatchError: the processes cannot be started.
    """

    def __init__(
        self,
        jobs: int,
        limits: WorkerLimits = WorkerLimits(),
        clock: Clock | None = None,
    ) -> None:
        super().__init__(jobs, limits)
        self._clock = clock or Clock()
        self._backlog: deque[Job] = deque()
        self._workers: list[Worker] = []
        self._stillborn = 0
        self._nap = _NAPS[0]
        self._loads_late = False  # whether new workers have what is seldom needed
        self._selector = selectors.DefaultSelector()
        self._zygote = take_forker()

    def _begin(self, options: ExamineOptions) -> None:
        given_up = self._zygote.configure(
            options, self._limits.max_memory, walls_of(self._limits.sandbox)
        )
        self.protection = {"separate_processes": True, **given_up}
        self._selector.register(self._zygote, selectors.EVENT_READ, _ZYGOTE)
        self._workers = [self._fork() for _ in range(self._size)]
        while not all(worker.ready for worker in self._workers):
            self.poll(STEP)

    def submit(self, job: Job) -> None:
        """Queue a job. Its descriptor must stay open until its last reply."""
        if job.urgent:
            job.until = self._clock.look() + self._limits.max_seconds
        job.alone = job.urgent or job.thumbnail is not None or not is_small(job.descriptor)
        self._backlog.append(job)
        if not all(worker.hands for worker in self._workers):  # else with others, at the next poll
            self._feed()

    def wake_by(self, bell: socket.socket) -> None:
        """End a ``poll`` early whenever something is sent to this socket."""
        self._selector.register(bell, selectors.EVENT_READ, _BELL)

    @property
    def hungry(self) -> bool:
        """Whether to submit another job: one per worker waits here, or several small ones."""
        few = HANDFUL if self._backlog and not self._backlog[-1].alone else 1
        return len(self._backlog) < self._size * few

    @property
    def busy(self) -> bool:
        """Whether any job has not ended yet."""
        return bool(self._backlog) or any(worker.hands for worker in self._workers)

    def poll(self, timeout: float) -> list[Reply]:
        """Wait up to ``timeout`` seconds for replies, and return those that have come.

        Raises:
            HashmatchError: the processes have died.
        """
        replies: list[Reply] = []
        self._feed()
        napped = all(len(worker.hands) > LOW for worker in self._workers)
        if napped:
            time.sleep(min(self._nap, timeout))
        for key, _ in self._selector.select(self._patience(timeout)):
            if key.data == _ZYGOTE:
                raise gone()
            if key.data == _BELL:
                os.read(key.fd, 4096)
            else:
                replies.extend(self._listen(key.data))
        if napped:
            self._learn_to_nap()
        now = self._clock.look()
        for worker in [worker for worker in self._workers if worker.until <= now]:
            replies.extend(self._listen(worker))  # it may have answered in time
            if worker in self._workers and worker.until <= now:
                replies.extend(self._bury(worker))
        replies.extend(self._expired(now))
        self._feed()
        return replies

    def _learn_to_nap(self) -> None:
        """Nap longer if every worker still has its hands full, and less if one has few files."""
        fewest, most = min(len(worker.hands) for worker in self._workers), _NAPS[1]
        if fewest > LOW:
            self._nap = min(1.5 * self._nap, most)
        elif fewest < LOW // 2:
            self._nap = max(self._nap / 2, _NAPS[0])

    def close(self) -> None:
        """End all workers, whatever they are doing."""
        for worker in self._workers:
            self._zygote.kill(worker.pid)
            worker.channel.close()
        self._workers = []
        self._selector.close()
        self._zygote.close()

    def abandon(self) -> None:
        """From another thread: kill the zygote, so that whoever waits for it gets an error."""
        self._zygote.abandon()

    def forsake(self) -> None:
        """In a forked child: close what was inherited, and leave the processes alone."""
        for worker in self._workers:
            worker.channel.close()
        self._zygote.forsake()

    def _patience(self, timeout: float) -> float:
        """How many seconds to wait at most: until something is late."""
        now = self._clock.look()
        waiting = (job.until for job in self._backlog if job.until is not None)
        until = min((*(worker.until for worker in self._workers), *waiting), default=math.inf)
        if self._backlog and not all(worker.hands for worker in self._workers):
            timeout = min(timeout, _AGAIN)
        if until < math.inf:
            timeout = min(timeout, STEP, until - now)
        return max(0.0, timeout)

    def _feed(self) -> None:
        """Hand jobs to every worker that has none, or few."""
        for worker in [worker for worker in self._workers if worker.ready]:
            given = handful(worker, self._backlog, len(self._workers))
            if not given:
                continue
            header = b"".join(encode_job(job, number) for job, number in given)
            try:
                socket.send_fds(worker.channel, [header], [job.descriptor for job, _ in given])
            except (ConnectionError, BlockingIOError):  # it has died, and never got these jobs
                if not worker.hands:  # or its end is seen when it is listened to
                    for _ in self._bury(worker):
                        pass
                continue
            except OSError as error:
                if error.errno == errno.ETOOMANYREFS:  # more are on their way than this user may
                    return
                raise
            for _ in given:
                self._backlog.popleft()
            worker.hands.extend(given)
            self._time(worker)

    def _time(self, worker: Worker) -> None:
        """Set the time by which a worker must make progress."""
        job, now = worker.job, self._clock.look()
        if job is None:
            worker.until = math.inf
            return
        if job.until is None:
            job.until = now + self._limits.max_seconds
        if job.last is None:
            job.last = now + self._limits.max_seconds * _ARCHIVE_TIMES
        worker.until = min(job.until, job.last)

    def _listen(self, worker: Worker) -> Iterator[Reply]:
        try:
            received = worker.channel.recv(_RECEIVE)
        except BlockingIOError:
            return
        except ConnectionError:
            received = b""
        worker.received += received
        try:
            while True:
                before = len(worker.received)
                if (message := take_frame(worker.received)) is None:
                    break
                reply = self._understand(worker, message, before - len(worker.received))
                if reply is not None:
                    yield reply
        except ProtocolError:
            worker.lied = True
        if worker.ready and not worker.hands and worker.received:
            worker.lied = True  # it has no job to speak about, and might never stop
        if worker.lied or not received or worker.is_spent:
            yield from self._bury(worker)

    def _understand(self, worker: Worker, message: dict[str, Any], length: int) -> Reply | None:
        assert self._options is not None  # noqa: S101 # workers exist only once configured
        if not worker.ready:
            self._welcome(worker, message)
            return None
        job, died_of = worker.job, message.get("died_of")
        if job is None:
            raise ProtocolError
        job.pay(length)
        if isinstance(died_of, str) and _PLACE.fullmatch(died_of):
            worker.died_of = died_of
            return None
        said = decode_said(message, job, worker.hands[0][1], self._options)
        reply = job.take(said, self._options)
        job.until = None
        if reply is not None and reply.end:
            worker.hands.popleft()
            worker.done += 1
        self._time(worker)
        return reply

    def _welcome(self, worker: Worker, message: dict[str, Any]) -> None:
        """Note which of a new worker's walls hold. It has not seen a file yet."""
        walls = message.get("walls")
        if not isinstance(walls, dict):
            raise ProtocolError
        for name in WALLS:
            held = self.protection.get(name, walls.get(name))
            self.protection[name] = min(held, walls.get(name, 0))
        if self._limits.sandbox == Sandbox.STRICT:
            require_walls(self.protection)
        worker.ready = True
        self._stillborn = 0
        self._time(worker)

    def _bury(self, worker: Worker) -> Iterator[Reply]:
        """End a worker, blame the file that it was examining, and fork another."""
        self._selector.unregister(worker.channel)
        worker.channel.close()
        ending = self._zygote.reap(worker.pid)
        self._workers.remove(worker)
        if not worker.ready:
            self._stillborn += 1
            if self._stillborn >= _MOST_STILLBORN:
                raise HashmatchError("workers die as they start; run 'hashmatch doctor' to see why")
        if (job := worker.job) is not None:
            self._backlog.extendleft(other for other, _ in reversed([*worker.hands][1:]))
            yield from self._blame(worker, job, ending)
        self._workers.append(self._fork())

    def _blame(self, worker: Worker, job: Job, ending: Ending) -> Iterator[Reply]:
        """Blame a job for the death of its worker, and try it again or give it up."""
        job.alone = True
        place = _PLACE.match(worker.died_of or "")
        if place is not None and place[1] in _NOT_LOADED and not worker.loaded_late:
            if not self._loads_late:
                self._zygote.load_late()
            self._loads_late = True
        else:
            job.deaths += 1
            job.faults += worker.lied or not self._by_others(ending)
        late = worker.until <= self._clock.now
        if late or job.faults >= _MOST_FAULTS or job.deaths >= _MOST_DEATHS:
            if late and job.last is not None and job.last <= self._clock.now:
                job.member = None  # the whole archive is late, and ends here
            reply = job.done(Examination.failed(self._cause(worker, ending, late=late)))
            if not reply.end:  # continue with the next member of the archive
                self._backlog.appendleft(job)
            yield reply
        else:
            job.member = None  # the next worker will say again what it begins
            self._backlog.appendleft(job)

    def _expired(self, now: float) -> Iterator[Reply]:
        """Give up urgent jobs that no worker could take in time."""
        late = [job for job in self._backlog if job.until is not None and job.until <= now]
        for job in late:
            self._backlog.remove(job)
            job.member = None
            yield job.done(Examination.failed(self._timeout()))

    def _cause(self, worker: Worker, ending: Ending, *, late: bool) -> DecodeError:
        if late:
            return self._timeout()
        # A decoder that runs out of memory without noticing dies of one of these
        could_be_memory = ending.signal in (signal.SIGABRT, signal.SIGKILL, signal.SIGSEGV)
        said = worker.died_of or ""
        if (could_be_memory and self._was_large(ending)) or "MemoryError" in said:
            return DecodeError(Reason.TOO_LARGE, OUT_OF_MEMORY)
        of = f" of {said}" if said else ""
        return DecodeError(Reason.DECODER_CRASH, f"the decoder died{of}")

    def _timeout(self) -> DecodeError:
        seconds = f"{self._limits.max_seconds:g}"
        return DecodeError(Reason.TIMEOUT, f"not decoded within {seconds} seconds")

    def _by_others(self, ending: Ending) -> bool:
        """Whether a worker was probably killed from outside, not for using too much memory."""
        return ending.signal in _BY_OTHERS and not self._was_large(ending)

    def _was_large(self, ending: Ending) -> bool:
        return ending.peak > self._limits.max_memory // 2

    def _fork(self) -> Worker:
        pid, channel = self._zygote.fork()
        until = self._clock.look() + _READY_SECONDS
        worker = Worker(pid, channel, until, loaded_late=self._loads_late)
        self._selector.register(channel, selectors.EVENT_READ, worker)
        return worker
