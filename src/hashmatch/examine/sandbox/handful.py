"""What the supervisor knows about a worker, and which jobs it hands over next.

To hand small files over one by one takes the supervisor as long as everything else it does.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from dataclasses import dataclass, field
from itertools import islice

from hashmatch.examine.sandbox.jobs import Job
from hashmatch.examine.sandbox.protocol import HANDFUL

MOST_JOBS = 1000
"""How many files a worker examines before it is replaced. This bounds how many later files a worker
that was taken over can answer for, and costs two to four percent with small files."""

LOW = HANDFUL // 2
"""A worker with more files than this is busy for a while; one with fewer gets more."""

_SMALL_BYTES = 64 * 1024
"""The largest file that is handed over together with others."""


@dataclass(slots=True, eq=False)
class Worker:
    """One worker process.

    Attributes:
        pid: of the process.
        channel: the supervisor's end of its socket.
        until: when the job it is on is late, by the clock.
        loaded_late: it was forked after what is seldom needed had been loaded.
        ready: its walls are up.
        hands: its jobs, the one it is on first, each with the number that answers must repeat.
        done: how many jobs it has answered.
        received: what came from it and is not understood yet.
        lied: it sent something that is not valid.
        died_of: the place of a mistake in Python, as it said.
    """

    pid: int
    channel: socket.socket
    until: float
    loaded_late: bool
    ready: bool = False
    hands: deque[tuple[Job, int]] = field(default_factory=deque)
    done: int = 0
    received: bytearray = field(default_factory=bytearray)
    lied: bool = False
    died_of: str | None = None

    @property
    def job(self) -> Job | None:
        """The job it is on."""
        return self.hands[0][0] if self.hands else None

    @property
    def is_spent(self) -> bool:
        """Whether another should take its place."""
        return self.done >= MOST_JOBS and not self.hands


def handful(worker: Worker, backlog: deque[Job], workers: int) -> list[tuple[Job, int]]:
    """Choose what to hand to a worker from the front of the backlog, each job with a number.

    The worker may still have jobs. ``workers`` share the backlog, which stays as it is.
    """
    if worker.hands and (len(worker.hands) > LOW or worker.hands[-1][0].alone):
        return []
    room = min(HANDFUL, MOST_JOBS - worker.done) - len(worker.hands)
    share = -(-len(backlog) // workers)
    given: list[tuple[Job, int]] = []
    for job in islice(backlog, max(0, min(room, share))):
        if job.alone and (given or worker.hands):
            break
        given.append((job, int.from_bytes(os.urandom(8), "big")))
        if job.alone:
            break
    return given


def is_small(descriptor: int) -> bool:
    """Tell whether an open file is small enough to be one of several."""
    try:
        return os.fstat(descriptor).st_size <= _SMALL_BYTES
    except OSError:
        return False  # the worker finds out why
