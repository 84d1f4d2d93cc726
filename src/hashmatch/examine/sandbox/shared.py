"""One pool that the threads of an upload pipeline share."""

from __future__ import annotations

import io
import os
import queue
import socket
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import IO

from hashmatch.errors import DecodeError, HashmatchError, SettingsError
from hashmatch.examine.sandbox.jobs import Job, Reply, check_size
from hashmatch.examine.sandbox.limits import WorkerLimits
from hashmatch.examine.sandbox.pool import Pool, isolation_available
from hashmatch.model import Examination, Reason, Thumbnail
from hashmatch.options import ExamineOptions, ThumbnailOptions

_POLL_SECONDS = 60.0
_CLOSING_SECONDS = 1.5


class SharedPool:
    """Examines files in worker processes for any number of threads.

    The processes start with the first file. If they die, the next file starts new ones, and so does
    a file in a forked child, because the inherited workers belong to its parent. They end with
    ``close``, when the pool is garbage-collected, or with the interpreter.

    Attributes:
        restarts: how often all processes had died and new ones were started.

    Raises:
        SettingsError: this system cannot isolate workers.
    """

    def __init__(self, jobs: int = 1, limits: WorkerLimits = WorkerLimits()) -> None:
        if not isolation_available():
            raise SettingsError(
                "this system cannot isolate decoding in worker processes: pass isolate=False to"
                " decode in this process, where bytes that crash a decoder end it"
            )
        self.size = check_size(jobs)
        self._limits = limits
        self._lock = threading.Lock()
        self._closed = False
        self.restarts = 0
        self._service: _Service | None = None
        self._ending: weakref.finalize[[], SharedPool] | None = None
        _SHARED.add(self)

    def examine(
        self,
        descriptor: int,
        options: ExamineOptions,
        *,
        exact: bool = False,
        skip: int = 0,
        count: int = 0,
        urgent: bool = True,
    ) -> Iterator[tuple[bytes | None, Examination]]:
        """Examine an open file and, if it is an archive, each of its members.

        It begins at once, before you take the first part.

        Args:
            descriptor: of a file open for reading. It stays open and remains yours.
            options: what to compute. New options start new workers; busy ones finish first.
            exact: decode in full, whatever the options say.
            skip: how many members of an archive to skip.
            count: how many members to examine; 0 for all, and then the file itself.
            urgent: somebody waits for this file, so its time limit runs from now on. Otherwise it
                runs from when a worker takes the file, perhaps with others.

        Returns:
            Each member's path and examination as they come, and last None with the examination of
            the file itself.

        Raises:
            HashmatchError: the pool is closed, or its processes died or cannot be started. Taking
                parts may raise it, too.
        """
        job = Job(descriptor, exact=exact, skip=skip, count=count, urgent=urgent)
        replies = _replies(self._order(job, options))
        return ((reply.member, reply.examination) for reply in replies)

    def thumbnail(
        self, descriptor: int, wanted: ThumbnailOptions, options: ExamineOptions
    ) -> Thumbnail:
        """Make a small picture of an open file, for a reviewer.

        Raises:
            DecodeError: there is no picture; the error has the reason.
            HashmatchError: as in ``examine``.
        """
        job = Job(descriptor, thumbnail=wanted, urgent=True)
        *_, last = _replies(self._order(job, options))
        if last.thumbnail is not None:
            return last.thumbnail
        found = last.examination
        detail = found.detail or "there is no picture to show"
        raise DecodeError(found.reason or Reason.UNDECODABLE, detail)

    def _order(self, job: Job, options: ExamineOptions) -> _Order:
        with self._lock:
            if self._closed:
                raise HashmatchError("the matcher is closed")
            if self._service is not None and self._service.options != options:
                self._service.retire()
                self._let_go()
            if self._service is None or self._service.ended:
                self.restarts += self._service is not None
                self._let_go()
                self._service = _start(options, self.size, self._limits)
                self._ending = weakref.finalize(self, self._service.close)
            try:
                order = _Order(job)
            except OSError as error:
                raise _no_room(error) from error
            self._service.take(order)
            return order

    def close(self) -> None:
        """End the workers. Callers that are still waiting get an error."""
        with self._lock:
            self._closed = True
            service = self._service
            self._let_go()
        if service is not None:
            service.close()

    def forked(self) -> None:
        """In a forked child: forget the parent's workers."""
        self._lock = threading.Lock()  # a thread of the parent may have held it
        self._let_go()

    def _let_go(self) -> None:
        """Forget the service. The caller must see that it ends."""
        self._service = None
        if self._ending is not None:
            self._ending.detach()


_SHARED: weakref.WeakSet[SharedPool] = weakref.WeakSet()
_SERVICES: weakref.WeakSet[_Service] = weakref.WeakSet()


def _in_child() -> None:
    for service in _SERVICES:
        service.forsake()
    for pool in _SHARED:
        pool.forked()


if hasattr(os, "register_at_fork"):  # not every system has it
    os.register_at_fork(after_in_child=_in_child)


@contextmanager
def nameless_file(data: bytes) -> Iterator[int]:
    """Hold bytes in a file that has no name: in memory if possible, else unlinked.

    A file in memory is also sealed, so that a worker cannot change it.

    Yields:
        Its descriptor.
    """
    with _nameless() as file:
        file.write(data)
        file.flush()
        make_unchangeable(file.fileno())
        yield file.fileno()


def _nameless() -> IO[bytes]:
    if hasattr(os, "memfd_create"):
        flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
        return open(os.memfd_create("hashmatch", flags), "w+b")
    return tempfile.TemporaryFile()


def make_unchangeable(descriptor: int) -> None:
    """Seal a file in memory that allows sealing. Does nothing on systems without such files."""
    if not hasattr(os, "memfd_create"):
        return
    import fcntl  # noqa: PLC0415 # not every system has it

    seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)


def _start(options: ExamineOptions, jobs: int, limits: WorkerLimits) -> _Service:
    try:
        return _Service(options, jobs, limits)
    except OSError as error:
        raise _no_room(error) from error


def _no_room(error: OSError) -> HashmatchError:
    """The error if there are no more descriptors or processes for a new worker."""
    return HashmatchError(f"no worker can be started: {os.strerror(error.errno or 0)}")


class _Service:
    """A pool, and the thread that passes orders to it until it is closed or fails.

    Attributes:
        options: what it examines.
        ended: it takes no more orders.
    """

    def __init__(self, options: ExamineOptions, jobs: int, limits: WorkerLimits) -> None:
        self.options = options
        self._waiting: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._bell, self._listener = socket.socketpair()
        self._pool = Pool(jobs, limits)
        try:
            self._pool.configure(options).wake_by(self._listener)
        except BaseException:
            self._pool.close()
            raise
        self._lock = threading.RLock()  # the garbage collector may close it in any thread
        self.ended = False
        self._retired = False
        self._rung = False
        self._ending = HashmatchError("the matcher was closed meanwhile")
        self._thread = threading.Thread(target=self._run, name="hashmatch-pool", daemon=True)
        self._thread.start()
        _SERVICES.add(self)

    def take(self, order: _Order) -> None:
        """Take an order. It receives its replies, or an error."""
        with self._lock:
            if not self.ended:
                self._waiting.put(order)
                self._ring()
                return
        order.fail(self._ending)

    def _ring(self) -> None:
        """Wake the thread, unless it is about to look anyway."""
        if not self._rung:
            self._rung = True
            self._bell.send(b"!")

    def retire(self) -> None:
        """Take no more orders, and end when all orders are done."""
        with self._lock:
            if not self.ended:
                self._retired = True
                self._ring()

    def close(self) -> None:
        """End the workers; pending orders fail."""
        with self._lock:
            if not self.ended:
                self.ended = True
                self._waiting.put(None)
                self._ring()
        if threading.current_thread() is not self._thread:
            self._thread.join(_CLOSING_SECONDS)
            if self._thread.is_alive():  # it waits for a zygote that was stopped
                self._pool.abandon()
                self._thread.join()

    def forsake(self) -> None:
        """In a forked child: close what was inherited, so that workers notice the parent's end."""
        self._bell.close()
        self._listener.close()
        self._pool.forsake()

    def _run(self) -> None:
        orders: dict[Job, _Order] = {}
        try:
            while self._go_on(orders):
                for reply in self._pool.poll(_POLL_SECONDS):
                    order = orders.pop(reply.job) if reply.end else orders[reply.job]
                    if reply.end:
                        order.close()
                    order.replies.put(reply)
        except HashmatchError as error:
            self._ending = error
        except OSError as error:
            self._ending = _no_room(error)
        finally:  # or callers would wait forever
            with self._lock:
                self.ended = True
                self._take_in(orders)
            self._pool.close()
            self._bell.close()  # nobody rings it after the end
            self._listener.close()
            for order in orders.values():
                order.fail(self._ending)

    def _go_on(self, orders: dict[Job, _Order]) -> bool:
        retired = self._retired  # read first: no order comes after it is set
        return self._take_in(orders) and not (retired and not orders)

    def _take_in(self, orders: dict[Job, _Order]) -> bool:
        """Submit the waiting orders. Returns False when it is time to close."""
        self._rung = False  # before looking, or the next order might not wake it
        while not self._waiting.empty():
            order = self._waiting.get()
            if order is None:
                return False
            orders[order.job] = order
            if not self.ended:
                self._pool.submit(order.job)
        return True


def _replies(order: _Order) -> Iterator[Reply]:
    while True:
        reply = order.replies.get()
        if isinstance(reply, HashmatchError):
            raise reply
        yield reply
        if reply.end:
            return


class _Order:
    """A file that a caller wants examined.

    It has a copy of the descriptor, which the pool closes, because the caller may be interrupted
    while it waits.
    """

    def __init__(self, job: Job) -> None:
        self._file = io.FileIO(os.dup(job.descriptor))
        self.job = replace(job, descriptor=self._file.fileno())
        self.replies: queue.SimpleQueue[Reply | HashmatchError] = queue.SimpleQueue()

    def fail(self, error: HashmatchError) -> None:
        """Give the waiting caller an error."""
        self.close()
        self.replies.put(error)

    def close(self) -> None:
        """Close the file: there are no more replies."""
        self._file.close()
