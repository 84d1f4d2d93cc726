"""One pool for the threads of an upload pipeline."""

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

    The processes start with the first file. If they die, the next file starts others, and so does
    a file in a forked child: the workers it inherits are its parent's. They end with ``close``,
    with the pool when nobody uses it any more, and with the interpreter.

    Args:
        jobs: how many workers.
        limits: what each may use.

    Attributes:
        restarts: how often all processes had died and others were started.

    Raises:
        SettingsError: this system cannot isolate workers.
    """

    def __init__(self, jobs: int = 1, limits: WorkerLimits = WorkerLimits()) -> None:
        if not isolation_available():
            raise SettingsError(
                "this system cannot isolate decoding in worker processes: pass isolate=False to"
                " decode in this process, where bytes that crash a decoder end it"
            )
        self._jobs = check_size(jobs)
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
    ) -> Iterator[tuple[bytes | None, Examination]]:
        """Examine an open file and, if it is an archive, each of its members.

        Args:
            descriptor: of a file open for reading; it stays open, and yours.
            options: what to compute. Other options than before start other workers; those at work
                finish what they are on.
            exact: decode in full, whatever the options say.
            skip: how many members of an archive to pass over.
            count: how many members to examine; 0 for all, and then the file itself.

        Yields:
            Each member's path and examination, as they come; at the end None with the examination
            of the file itself.

        Raises:
            HashmatchError: the pool is closed, or its processes died or cannot be started.
        """
        for reply in self._replies(Job(descriptor, exact=exact, skip=skip, count=count), options):
            yield reply.member, reply.examination

    def thumbnail(
        self, descriptor: int, wanted: ThumbnailOptions, options: ExamineOptions
    ) -> Thumbnail:
        """Make a small picture of an open file, for a reviewer.

        Args:
            descriptor: as ``examine`` takes it.
            wanted: which picture.
            options: what opening the file may cost; of other options than before as ``examine``.

        Raises:
            DecodeError: there is no picture to be had, with the reason.
            HashmatchError: as ``examine``.
        """
        *_, last = self._replies(Job(descriptor, thumbnail=wanted), options)
        if last.thumbnail is not None:
            return last.thumbnail
        found = last.examination
        detail = found.detail or "there is no picture to show"
        raise DecodeError(found.reason or Reason.UNDECODABLE, detail)

    def _replies(self, job: Job, options: ExamineOptions) -> Iterator[Reply]:
        order = self._order(job, options)
        while True:
            reply = order.replies.get()
            if isinstance(reply, HashmatchError):
                raise reply
            yield reply
            if reply.end:
                return

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
                self._service = _start(options, self._jobs, self._limits)
                self._ending = weakref.finalize(self, self._service.close)
            try:
                order = _Order(job)
            except OSError as error:
                raise _no_room(error) from error
            self._service.take(order)
            return order

    def close(self) -> None:
        """End the workers. Whoever still waits gets an error."""
        with self._lock:
            self._closed = True
            service = self._service
            self._let_go()
        if service is not None:
            service.close()

    def forked(self) -> None:
        """In a forked child: leave to the parent what is the parent's."""
        self._lock = threading.Lock()  # a thread that is not here may have held it
        self._let_go()

    def _let_go(self) -> None:
        """Forget the service; who calls this ends it, or has another end it."""
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
    """Hold bytes in a file that nobody else can open: in memory if possible, else unlinked.

    In memory it is also sealed, so that a worker cannot change it.

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
    """Seal a file in memory that was made to allow that; do nothing where there are none."""
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
    """This process has no descriptor left for a new worker, or the system no process."""
    return HashmatchError(f"no worker can be started: {os.strerror(error.errno or 0)}")


class _Service:
    """A pool and the thread that hands it everyone's orders, until it is closed or fails.

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
        self._lock = threading.RLock()  # the collector may close it in whatever thread it runs in
        self.ended = False
        self._retired = False
        self._ending = HashmatchError("the matcher was closed meanwhile")
        self._thread = threading.Thread(target=self._run, name="hashmatch-pool", daemon=True)
        self._thread.start()
        _SERVICES.add(self)

    def take(self, order: _Order) -> None:
        """Take an order, which gets its replies, or an error."""
        with self._lock:
            if not self.ended:
                self._waiting.put(order)
                self._bell.send(b"!")
                return
        order.fail(self._ending)

    def retire(self) -> None:
        """Take no more orders, and end once those taken are done."""
        with self._lock:
            if not self.ended:
                self._retired = True
                self._bell.send(b"!")

    def close(self) -> None:
        """End the workers, and with them the orders."""
        with self._lock:
            if not self.ended:
                self.ended = True
                self._waiting.put(None)
                self._bell.send(b"!")
        if threading.current_thread() is not self._thread:
            self._thread.join(_CLOSING_SECONDS)
            if self._thread.is_alive():  # somebody stopped the zygote, which it waits for
                self._pool.abandon()
                self._thread.join()

    def forsake(self) -> None:
        """In a forked child: close what it has inherited, or the parent's end would not be seen."""
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
        finally:  # or whoever waits would wait for ever
            with self._lock:
                self.ended = True
                self._take_in(orders)
            self._pool.close()
            self._bell.close()  # nobody rings it once this has ended
            self._listener.close()
            for order in orders.values():
                order.fail(self._ending)

    def _go_on(self, orders: dict[Job, _Order]) -> bool:
        retired = self._retired  # looked at first: no order follows its being set
        return self._take_in(orders) and not (retired and not orders)

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
    """A file that somebody waits for the examination of.

    Its descriptor is a copy, and the pool's to close: whoever waits may be interrupted meanwhile.
    """

    def __init__(self, job: Job) -> None:
        self._file = io.FileIO(os.dup(job.descriptor))
        self.job = replace(job, descriptor=self._file.fileno(), urgent=True)
        self.replies: queue.SimpleQueue[Reply | HashmatchError] = queue.SimpleQueue()

    def fail(self, error: HashmatchError) -> None:
        """Let the one who waits go on with an error."""
        self.close()
        self.replies.put(error)

    def close(self) -> None:
        """Close the file, since nothing more comes of it."""
        self._file.close()
