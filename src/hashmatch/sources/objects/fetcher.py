"""Reads objects ahead of the scan: many at once, into memory, within a bound on bytes."""

from __future__ import annotations

import os
import threading
from collections import deque
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from functools import partial

from hashmatch.errors import DecodeError, SettingsError
from hashmatch.files import Closing
from hashmatch.model import Reason
from hashmatch.sources.descriptors import descriptors
from hashmatch.sources.objects.store import ObjectInfo, Store, TransientError, persist
from hashmatch.sources.objects.threads import Threads

try:
    import fcntl
except ImportError:  # Windows, which has no memfd_create either
    fcntl = None  # type: ignore[assignment] # a module, or None without one

CONNECTIONS = 64
"""Objects read at a time. Each thread waits for the network most of the time."""

LISTERS = 8
"""Pages listed at a time. Each thread keeps the memory that it once took to parse a page."""


class Fetcher(Closing):
    """Threads that read objects into memory.

    Only the thread that made it may call its methods, and those of its fetches. All
    objects that are being read or examined take up at most ``most_bytes``; a larger object is not
    read at all.

    Raises:
        SettingsError: this system has no files in memory.
    """

    def __init__(self, most_bytes: int = 1 << 30) -> None:
        if not hasattr(os, "memfd_create"):
            raise SettingsError("scanning object storage needs memfd_create, which only Linux has")
        self._most_bytes = most_bytes
        self._held = 0
        self._waiting: deque[Fetch] = deque()
        self._stop = threading.Event()
        self.readers = Threads(min(CONNECTIONS, descriptors().files), self._stop)
        self.listers = Threads(LISTERS, self._stop)

    def begin(self, store: Store, info: ObjectInfo) -> Fetch:
        """Begin to read an object as soon as there is memory for it."""
        fetch = Fetch(self, store, info)
        self._waiting.append(fetch)
        self._start_waiting()
        return fetch

    def look_now(self, store: Store, key: bytes) -> ObjectInfo:
        """Ask for an object's size and version; raises ``DecodeError`` if that fails."""
        return persist(lambda: store.look(key), self.pause)

    def pause(self, seconds: float) -> bool:
        """Wait; true once this is closed."""
        return self._stop.wait(seconds)

    def close(self) -> None:
        """Read no more."""
        self._waiting.clear()
        self.readers.close()
        self.listers.close()

    def give_back(self, fetch: Fetch) -> None:
        """Note that the memory of a fetch is free again, or that it is not wanted any more."""
        if fetch.future is None:
            with suppress(ValueError):  # closed meanwhile
                self._waiting.remove(fetch)
        else:
            self._held -= fetch.info.size
        self._start_waiting()

    def _start_waiting(self) -> None:
        """Begin in order, so that a large object is not passed over for ever."""
        while self._waiting and not self._stop.is_set():
            fetch = self._waiting[0]
            if self._held and self._held + fetch.info.size > self._most_bytes:
                return
            self._waiting.popleft()
            self._held += fetch.info.size
            fetch.future = self.readers.submit(partial(self.read, fetch.store, fetch.info))

    def read(self, store: Store, info: ObjectInfo) -> int:
        """Read an object into a file in memory, which nobody can change, or raise ``DecodeError``.

        On the thread that scans, this waits for no memory: that thread would have to give it back.
        """
        if info.size > self._most_bytes:
            raise DecodeError(
                Reason.TOO_LARGE, f"more than {self._most_bytes} bytes, see --max-fetched"
            )
        try:
            body = os.memfd_create("object", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        except OSError as error:
            raise _no_memory(error) from error
        try:
            persist(partial(self._attempt, store, info, body), self.pause)
            fcntl.fcntl(
                body,
                fcntl.F_ADD_SEALS,
                fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL,
            )
        except OSError as error:
            os.close(body)
            raise _no_memory(error) from error
        except BaseException:
            os.close(body)
            raise
        return body

    def _attempt(self, store: Store, info: ObjectInfo, body: int) -> None:
        os.ftruncate(body, 0)
        size = 0

        def write(piece: bytes) -> None:
            nonlocal size
            if self._stop.is_set():
                raise DecodeError(Reason.UNAVAILABLE, "the scan ended")
            if size + len(piece) > info.size:
                raise DecodeError(Reason.CHANGED, "it is longer than the listing says")
            size += os.pwrite(body, piece, size)

        store.read(info, write)
        if size != info.size:
            raise TransientError(Reason.UNAVAILABLE, f"only {size} of {info.size} bytes arrived")


class Fetch:
    """One object on its way into memory; ``future`` gives its descriptor, once it has begun."""

    __slots__ = ("_fetcher", "_taken", "future", "info", "store")

    def __init__(self, fetcher: Fetcher, store: Store, info: ObjectInfo) -> None:
        self._fetcher = fetcher
        self._taken = False
        self.store = store
        self.info = info
        self.future: Future[int] | None = None

    def wait(self, timeout: float) -> bool:
        """Wait at most so many seconds, and return whether it is done, well or badly."""
        if self.future is None:
            return False
        if timeout and not self.future.done():
            with suppress(NotYet, CancelledError):
                self.future.exception(timeout)
        return self.future.done()

    def take(self) -> int:
        """Return the descriptor for the caller to close, or raise ``DecodeError``."""
        assert self.future is not None  # noqa: S101 # it is done
        self._taken = True
        error = self.future.exception()
        if isinstance(error, DecodeError):
            raise error.bare()  # else the future would keep whatever is on the way of the error
        return self.future.result()

    def drop(self) -> None:
        """Give its memory back."""
        self._fetcher.give_back(self)
        if self.future is not None and not self._taken and not self.future.cancel():
            self.future.add_done_callback(_close)


def _no_memory(error: OSError) -> DecodeError:
    why = os.strerror(error.errno or 0)
    return DecodeError(Reason.UNAVAILABLE, f"it cannot be kept in memory: {why}")


def _close(future: Future[int]) -> None:
    if not future.cancelled() and future.exception() is None:
        os.close(future.result())
