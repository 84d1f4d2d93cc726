"""A few threads that wait for the network."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

from hashmatch.files import Closing

T = TypeVar("T")


class Threads(Closing):
    """Does things in the background. One thread at a time may submit them.

    A thread is started only when all others are busy. ``stop`` is set when nobody wants results.
    """

    def __init__(self, most: int, stop: threading.Event) -> None:
        self._most = most
        self._stop = stop
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._started = 0
        self._open = 0
        self._lock = threading.Lock()

    def submit(self, step: Callable[[], T]) -> Future[T]:
        """Have a thread do something."""
        future: Future[T] = Future()
        self._tasks.put(partial(self._run, future, step))
        with self._lock:
            self._open += 1
            more = self._started < min(self._open, self._most)
            self._started += more
        if more:
            # A daemon, so that no server can delay the end of a scan
            threading.Thread(target=self._work, daemon=True).start()
        return future

    def close(self) -> None:
        """End the threads once they are done with what they are on."""
        self._stop.set()
        for _ in range(self._started):
            self._tasks.put(None)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            if not self._stop.is_set():
                task()
            del task  # it keeps its result

    def _run(self, future: Future[T], step: Callable[[], T]) -> None:
        if not future.set_running_or_notify_cancel():
            self._note_end()
            return
        try:
            result = step()
        except BaseException as error:  # noqa: BLE001 # whoever takes the result gets it
            self._note_end()
            future.set_exception(error)
        else:
            self._note_end()
            future.set_result(result)

    def _note_end(self) -> None:
        """Count this thread as free, before anybody can rely on it."""
        with self._lock:
            self._open -= 1
