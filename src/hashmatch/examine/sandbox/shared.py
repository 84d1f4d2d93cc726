"""One pool for the threads of an upload pipeline."""

from __future__ import annotations

import os
import queue
import socket
import tempfile
import threading
import weakref
from concurrent.futures import Future
from functools import partial
from typing import IO

from hashmatch.errors import HashmatchError, SettingsError
from hashmatch.examine.sandbox.jobs import Job, check_size
from hashmatch.examine.sandbox.pool import Pool, WorkerLimits, isolation_available
from hashmatch.model import Examination, ExamineOptions

_POLL_SECONDS = 60.0


class SharedPool:
    """Examines bytes in worker processes for any number of threads.

    Where its processes died, it starts others for the next one who asks. So does a process that was
    forked off with one: the workers it would share are its parent's.

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
        self._start = partial(_start, options, check_size(jobs), limits)
        self._lock = threading.Lock()
        self._closed = False
        self._service: _Service | None = self._start()
        _SHARED.add(self)

    def examine(self, data: bytes, *, exact: bool) -> Examination:
        """Examine the bytes of one file.

        Raises:
            HashmatchError: the pool is closed, or its processes died or cannot be started.
        """
        with self._lock:
            if self._closed:
                raise HashmatchError("the matcher is closed")
            if self._service is None or self._service.ended:
                self._service = self._start()
            service = self._service
        order = _Order(data, exact=exact)
        service.take(order)
        return order.future.result()

    def close(self) -> None:
        """End the workers. Whoever still waits gets an error."""
        with self._lock:
            self._closed = True
            service, self._service = self._service, None
        if service is not None:
            service.close()

    def forked(self) -> None:
        """In a forked child: leave to the parent what is the parent's."""
        self._lock = threading.Lock()  # a thread that is not here may have held it
        if self._service is not None:
            self._service.forsake()
            self._service = None


_SHARED: weakref.WeakSet[SharedPool] = weakref.WeakSet()


def _in_child() -> None:
    for pool in _SHARED:
        pool.forked()


if hasattr(os, "register_at_fork"):  # not every system has it
    os.register_at_fork(after_in_child=_in_child)


def _start(options: ExamineOptions, jobs: int, limits: WorkerLimits) -> _Service:
    try:
        return _Service(options, jobs, limits)
    except OSError as error:
        raise _no_room(error) from error


def _no_room(error: OSError) -> HashmatchError:
    """This process has no descriptor left for a new worker, or the system no process."""
    return HashmatchError(f"no worker can be started: {os.strerror(error.errno or 0)}")


class _Service:
    """A pool, and the thread that hands it what all others order, until it is closed or fails.

    Attributes:
        ended: it takes no more orders.
    """

    def __init__(self, options: ExamineOptions, jobs: int, limits: WorkerLimits) -> None:
        self._waiting: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._bell, self._listener = socket.socketpair()
        self._pool = Pool(jobs, limits)
        try:
            self._pool.configure(options).wake_by(self._listener)
        except BaseException:
            self._pool.close()
            raise
        self._lock = threading.Lock()
        self.ended = False
        self._ending = HashmatchError("the matcher was closed meanwhile")
        self._thread = threading.Thread(target=self._run, name="hashmatch-pool", daemon=True)
        self._thread.start()

    def take(self, order: _Order) -> None:
        """Take an order, which will be fulfilled with an examination or an error."""
        with self._lock:
            if not self.ended:
                self._waiting.put(order)
                self._bell.send(b"!")
                return
        order.fulfil(self._ending)

    def close(self) -> None:
        """End the workers, and with them the orders."""
        with self._lock:
            if not self.ended:
                self.ended = True
                self._waiting.put(None)
                self._bell.send(b"!")
        self._thread.join()

    def forsake(self) -> None:
        """In a forked child: close what it has inherited, or the parent's end would not be seen."""
        self._bell.close()
        self._listener.close()
        self._pool.forsake()

    def _run(self) -> None:
        orders: dict[Job, _Order] = {}
        try:
            while self._take_in(orders):
                for reply in self._pool.poll(_POLL_SECONDS):
                    if reply.end:
                        orders.pop(reply.job).fulfil(reply.examination)
        except HashmatchError as error:
            self._ending = error
        except OSError as error:
            self._ending = _no_room(error)
        finally:  # or whoever waits would wait for ever
            with self._lock:
                self.ended = True
                self._take_in(orders)
            self._pool.close()
            self._bell.close()  # nobody rings it once this has ended
            self._listener.close()
            for order in orders.values():
                order.fulfil(self._ending)

    def _take_in(self, orders: dict[Job, _Order]) -> bool:
        """Submit what has been put in. False once it is time to close."""
        while not self._waiting.empty():
            order = self._waiting.get()
            if order is None:
                return False
            orders[order.job] = order
            if not self.ended:
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
