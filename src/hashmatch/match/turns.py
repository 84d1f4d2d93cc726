"""Lets one thread do the short tasks of all that ask at the same time: flat combining.

Decoding and hashing release Python's global lock dozens of times a picture. Threads that compete
for it spend more time on waking each other than on a small picture. So a thread that finds another
at work queues its task and sleeps, and the one at work does it as well.

Source: D. Hendler, I. Incze, N. Shavit, M. Tzafrir, "Flat Combining and the Synchronization-
Parallelism Tradeoff", SPAA 2010.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")

MOST = 32
"""Tasks that a thread does in one go, its own among them, before its caller gets its result."""

_BATCH = 8
"""Results to have ready before their threads are woken, which then compete for the global lock."""

_PATIENCE = 0.05
"""Seconds after which a sleeping thread looks for itself: one at work may have been interrupted."""

_here = threading.local()
"""Whether this thread is at work. What it does may ask for another task, which is done at once."""


class _Task:
    """What a thread wants done, and then its result or its error."""

    def __init__(self, do: Callable[[], Any]) -> None:
        self.do = do
        self.done = False
        self.value: Any = None
        self.error: Exception | None = None
        self._asleep = threading.Lock()
        self._asleep.acquire()

    def finish(self) -> None:
        """Do it, and keep an ``Exception`` for its own thread. An interrupt is for this one."""
        try:
            self.value = self.do()
        except Exception as error:  # noqa: BLE001 # raised again where it is waited for
            self.error = error
        self.done = True

    def sleep(self) -> None:
        """Wait until it is done, or its thread is to take over."""
        self._asleep.acquire(timeout=_PATIENCE)

    def wake(self) -> None:
        with suppress(RuntimeError):  # it is awake
            self._asleep.release()


class Turns:
    """Does tasks one at a time, in any of the threads that ask for them."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._working = threading.RLock()  # which knows its owner
        self._waiting: deque[_Task] = deque()

    def take(self, do: Callable[[], T]) -> T:
        """Have a task done, in this thread or in another; return its result, or raise its error.

        It should take a millisecond or two, since it holds others up.
        """
        if getattr(_here, "at_work", False):
            return do()
        if self._process != os.getpid():  # forked: whoever was at work is not in this process
            self._begin()
        task = _Task(do)
        self._waiting.append(task)
        try:
            while not task.done:
                if self._working.acquire(blocking=False):
                    try:
                        self._work(task)
                    finally:
                        self._working.release()
                else:
                    task.sleep()
        finally:
            with suppress(RuntimeError):  # unless it was interrupted before it could begin
                self._working.release()
            with suppress(ValueError):  # this thread was interrupted, or did it out of turn
                self._waiting.remove(task)
            with suppress(IndexError):  # that one came too late to be seen, or was too many
                self._waiting[0].wake()
        if task.error is not None:
            raise task.error
        value: T = task.value
        return value

    def _work(self, own: _Task) -> None:
        """Do what waits, first come, first served, and ``own`` at the latest at the end."""
        ready: list[_Task] = []
        _here.at_work = True
        try:
            for left in reversed(range(MOST)):
                task = self._next(own, last=not left)
                if not task.done:
                    task.finish()
                    ready.append(task)
                elif task is own:
                    break
                if len(ready) == _BATCH:
                    _wake(ready)
        finally:
            _here.at_work = False
            _wake(ready)

    def _next(self, own: _Task, *, last: bool) -> _Task:
        """Take the next task; ``own`` if none waits, or if it has not been done until the last."""
        if own.done or not last:
            with suppress(IndexError):
                return self._waiting.popleft()
        return own


def _wake(ready: list[_Task]) -> None:
    for task in ready:
        task.wake()
    ready.clear()
