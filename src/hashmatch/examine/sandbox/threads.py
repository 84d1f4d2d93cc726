"""Replaces the pool on systems that cannot isolate processes: threads of this process.

Limits on size still hold, but a decoder that crashes ends the scan, and one that hangs cannot be
stopped.
"""

from __future__ import annotations

import queue
import threading
from contextlib import suppress

from hashmatch.examine.sandbox.base import AnyPool
from hashmatch.examine.sandbox.jobs import Job, Reply
from hashmatch.examine.sandbox.limits import WorkerLimits
from hashmatch.options import ExamineOptions


class ThreadPool(AnyPool):
    """Threads that do what worker processes do, without protection and without limits."""

    def __init__(self, jobs: int, limits: WorkerLimits = WorkerLimits()) -> None:  # frozen
        super().__init__(jobs, limits)
        self.protection = {"separate_processes": False}
        self._waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._replies: queue.SimpleQueue[Reply | Exception] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._open = 0

    def _begin(self, options: ExamineOptions) -> None:
        self._threads = [
            threading.Thread(target=self._work, args=(options,), daemon=True)
            for _ in range(self._size)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job) -> None:
        """Queue a job. Its descriptor must stay open until its last reply."""
        self._open += 1
        self._waiting.put(job)

    @property
    def hungry(self) -> bool:
        """Whether another job would soon be started."""
        return self._waiting.qsize() < self._size

    @property
    def busy(self) -> bool:
        """Whether any job has not ended yet."""
        return self._open > 0

    def poll(self, timeout: float) -> list[Reply]:
        """Wait up to ``timeout`` seconds for replies, and return those that have come."""
        replies: list[Reply] = []
        with suppress(queue.Empty):
            while True:
                reply = self._replies.get(timeout=0 if replies else timeout)
                if isinstance(reply, Exception):
                    raise reply
                replies.append(reply)
                self._open -= reply.end
        return replies

    def close(self) -> None:
        """Let the threads finish their current jobs and end."""
        for _ in self._threads:
            self._waiting.put(None)

    def _work(self, options: ExamineOptions) -> None:
        while (job := self._waiting.get()) is not None:
            try:
                self._do(job, options)
            except Exception as error:  # noqa: BLE001 # raised again where it is waited for
                self._replies.put(error)

    def _do(self, job: Job, options: ExamineOptions) -> None:
        from hashmatch.examine.sandbox.worker import answers  # noqa: PLC0415 # with it come the decoders

        for said in answers(job, options):
            if (reply := job.take(said, options)) is not None:
                self._replies.put(reply)
