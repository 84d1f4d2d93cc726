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
        self._waiting: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._bell, self._listener = socket.socketpair()
        self._pool.wake_by(self._listener)
        self._lock = threading.Lock()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="hashmatch-pool", daemon=True)
        self._thread.start()

    def examine(self, data: bytes, *, exact: bool) -> Examination:
        """Examine the bytes of one file.

        Raises:
            HashmatchError: the pool is closed, or its processes cannot be started any more.
        """
        order = _Order(data, exact=exact)
        with self._lock:
            if self._ended:
                order.file.close()
                raise HashmatchError("the matcher is closed")
            self._waiting.put(order)
            self._bell.send(b"!")
        return order.future.result()

    def close(self) -> None:
        """End the workers. Whoever still waits gets an error."""
        with self._lock:
            if not self._ended:
                self._ended = True
                self._waiting.put(None)
                self._bell.send(b"!")
        self._thread.join()

    def _run(self) -> None:
        orders: dict[Job, _Order] = {}
        ending = HashmatchError("the matcher was closed meanwhile")
        try:
            while self._take_in(orders):
                for reply in self._pool.poll(_POLL_SECONDS):
                    if reply.end:
                        orders.pop(reply.job).fulfil(reply.examination)
        except HashmatchError as error:
            ending = error
        except OSError as error:  # this process has no descriptor left for a new worker
            ending = HashmatchError(f"no worker can be started: {os.strerror(error.errno or 0)}")
        finally:  # or whoever waits would wait for ever
            with self._lock:
                self._ended = True
                self._take_in(orders)
            self._pool.close()
            self._bell.close()  # nobody rings it once this has ended
            self._listener.close()
            for order in orders.values():
                order.fulfil(ending)

    def _take_in(self, orders: dict[Job, _Order]) -> bool:
        """Submit what has been put in. False once it is time to close."""
        while not self._waiting.empty():
            order = self._waiting.get()
            if order is None:
                return False
            orders[order.job] = order
            if not self._ended:
                self._pool.submit(order.job)
        return True


class _Order:
    """Bytes that somebody waits for the examination of.

    The file is the pool's to close: whoever waits may be interrupted before the job is handed over.
    """

    def __init__(self, data: bytes, *, exact: bool) -> None:
        self.file = _nameless_file()
        self.file.write(data)
        self.file.flush()
        self.job = Job(self.file.fileno(), exact=exact)
        self.future: Future[Examination] = Future()

    def fulfil(self, found: Examination | HashmatchError) -> None:
        """Let the one who waits go on."""
        self.file.close()
        if isinstance(found, HashmatchError):
            self.future.set_exception(found)
        else:
            self.future.set_result(found)


def _nameless_file() -> IO[bytes]:
    """A file that nobody else can open: in memory where the system has such, else unlinked."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("hashmatch"), "w+b")
    return tempfile.TemporaryFile()
