"""One pool for the threads of an upload pipeline."""

from __future__ import annotations

import os
import queue
import socket
import tempfile
import threading
from concurrent.futures import Future
from typing import IO

from hashmatch.errors import HashmatchError, SettingsError
from hashmatch.model import Examination, ExamineOptions
from hashmatch.workers.jobs import Job
from hashmatch.workers.pool import Pool, WorkerLimits, isolation_available

_POLL_SECONDS = 60.0


class SharedPool:
    """Examines bytes in worker processes for any number of threads.

    Args:
        options: what to examine.
        jobs: how many workers.
        limits: what each may use.

    Raises:
        SettingsError: this system cannot isolate workers.
        HashmatchError: the processes cannot be started.
    """

    def __init__(
        self, options: ExamineOptions, jobs: int = 1, limits: WorkerLimits = WorkerLimits()
    ) -> None:
        if not isolation_available():
            raise SettingsError("this system cannot isolate decoding in processes of its own")
        self._pool = Pool(jobs, limits).configure(options)
        self._waiting: queue.SimpleQueue[tuple[Job, Future[Examination]] | None]
        self._waiting = queue.SimpleQueue()
        self._bell, listener = socket.socketpair()
        self._pool.wake_by(listener)
        self._lock = threading.Lock()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="hashmatch-pool", daemon=True)
        self._thread.start()

    def examine(self, data: bytes, *, exact: bool) -> Examination:
        """Examine the bytes of one file.

        Raises:
            HashmatchError: the pool is closed, or its processes cannot be started any more.
        """
        with _nameless_file() as file:
            file.write(data)
            file.flush()
            future: Future[Examination] = Future()
            with self._lock:
                if self._ended:
                    raise HashmatchError("the matcher is closed")
                self._waiting.put((Job(file.fileno(), exact=exact), future))
                self._bell.send(b"!")
            return future.result()

    def close(self) -> None:
        """End the workers. Whoever still waits gets an error."""
        with self._lock:
            if not self._ended:
                self._ended = True
                self._waiting.put(None)
                self._bell.send(b"!")
        self._thread.join()

    def _run(self) -> None:
        futures: dict[Job, Future[Examination]] = {}
        ending = HashmatchError("the matcher was closed meanwhile")
        try:
            while self._take_in(futures):
                for reply in self._pool.poll(_POLL_SECONDS):
                    if reply.end:
                        futures.pop(reply.job).set_result(reply.examination)
        except HashmatchError as error:
            ending = error
        with self._lock:
            self._ended = True
            self._take_in(futures)
        self._pool.close()
        for future in futures.values():
            future.set_exception(ending)

    def _take_in(self, futures: dict[Job, Future[Examination]]) -> bool:
        """Submit what has been put in. False once it is time to close."""
        while not self._waiting.empty():
            item = self._waiting.get()
            if item is None:
                return False
            job, future = item
            futures[job] = future
            if not self._ended:
                self._pool.submit(job)
        return True


def _nameless_file() -> IO[bytes]:
    """A file that nobody else can open: in memory where the system has such, else unlinked."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("hashmatch"), "w+b")
    return tempfile.TemporaryFile()
