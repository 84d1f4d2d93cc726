"""Short tasks of several threads, done by one of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from hashmatch import Entry, HashList, Matcher, PerceptualHash
from hashmatch.examine.examination import is_plain, seems_quick
from hashmatch.match.turns import MOST, Turns
from pictures import encode, photo

WAIT = 60
"""Seconds after which a test fails that would otherwise wait for ever."""


class _Scene:
    """A thread that is at work, and others whose tasks wait behind it."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.turns = Turns()
        self._pool = pool
        self._begun, self._go_on = threading.Event(), threading.Event()
        self.first = pool.submit(self.turns.take, self._hold)

    def _hold(self) -> int:
        self._begun.set()
        assert self._go_on.wait(WAIT)
        return threading.get_ident()

    def queue(self, do: Callable[[], object]) -> Future[object]:
        """Have another thread ask for a task, and wait until it is queued."""
        assert self._begun.wait(WAIT)
        waiting = len(self.turns._waiting)
        asked = self._pool.submit(self.turns.take, do)
        end = time.monotonic() + WAIT
        while len(self.turns._waiting) == waiting and time.monotonic() < end:
            time.sleep(0.001)
        return asked

    def let_go(self) -> None:
        """Let the first thread finish its own task."""
        self._go_on.set()


@contextmanager
def _scene() -> Iterator[_Scene]:
    with ThreadPoolExecutor(MOST + 10) as pool:
        scene = _Scene(pool)
        try:
            yield scene
        finally:
            scene.let_go()


def test_the_thread_at_work_does_what_others_ask_for() -> None:
    """Tasks that wait are done in their order, in the thread that was at work."""
    done: list[int] = []

    def task(number: int) -> int:
        done.append(number)
        return threading.get_ident()

    with _scene() as scene:
        asked = [scene.queue(lambda number=number: task(number)) for number in range(6)]
        scene.let_go()
        assert {each.result(WAIT) for each in asked} == {scene.first.result(WAIT)}
    assert done == list(range(6))


def test_no_thread_works_for_others_without_end() -> None:
    """One does at most ``MOST`` tasks in one go. Another goes on with the rest."""
    with _scene() as scene:
        asked = [scene.queue(threading.get_ident) for _ in range(MOST + 5)]
        scene.let_go()
        doers = [each.result(WAIT) for each in asked]
        assert doers.count(scene.first.result(WAIT)) == MOST - 1
        assert doers[: MOST - 1] == [scene.first.result(WAIT)] * (MOST - 1)


def test_each_caller_gets_its_own_result_or_error_and_tasks_never_overlap() -> None:
    """Eight threads with 150 tasks each, some of which fail."""
    turns = Turns()
    inside: list[int] = []

    def task(number: int) -> int:
        inside.append(number)
        assert inside == [number]
        time.sleep(0)
        inside.clear()
        if number % 7 == 0:
            raise ValueError(number)
        return number

    def caller(first: int) -> None:
        for number in range(first, first + 150):
            if number % 7:
                assert turns.take(lambda number=number: task(number)) == number
                continue
            with pytest.raises(ValueError, match=f"^{number}$"):
                turns.take(lambda number=number: task(number))

    with ThreadPoolExecutor(8) as pool:
        for each in [pool.submit(caller, 1000 * thread) for thread in range(8)]:
            each.result(WAIT)
    assert not turns._waiting


def test_an_interrupt_ends_the_call_of_its_own_thread_alone() -> None:
    """A thread that is interrupted while it does another's task leaves it to that one."""
    with _scene() as scene:
        doers: list[int] = []

        def task() -> str:
            doers.append(threading.get_ident())
            if len(doers) == 1:
                raise KeyboardInterrupt
            return "done"

        asked, after = scene.queue(task), scene.queue(lambda: "too")
        scene.let_go()
        with pytest.raises(KeyboardInterrupt):
            scene.first.result(WAIT)
        assert asked.result(WAIT) == "done"
        assert after.result(WAIT) == "too"
        assert len(set(doers)) == 2
        assert scene.turns.take(lambda: 5) == 5


def test_an_interrupted_caller_withdraws_its_task() -> None:
    """A task whose thread no longer waits for it is not done."""
    with _scene() as scene:
        done: list[int] = []
        assert scene._begun.wait(WAIT)
        with pytest.MonkeyPatch.context() as patch:

            def interrupted(_: object) -> None:
                raise KeyboardInterrupt

            patch.setattr("hashmatch.match.turns._Task.sleep", interrupted)
            with pytest.raises(KeyboardInterrupt):
                scene.turns.take(lambda: done.append(1))
        scene.let_go()
        scene.first.result(WAIT)
        assert scene.turns.take(lambda: 5) == 5
        assert not done


def test_an_interrupt_as_a_thread_begins_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal that arrives between the turn and the work ends the turn, too."""
    turns = Turns()
    taken = turns._working

    class Interrupted:
        def acquire(self, *, blocking: bool) -> bool:
            assert taken.acquire(blocking=blocking)
            monkeypatch.setattr(turns, "_working", taken)
            raise KeyboardInterrupt

    monkeypatch.setattr(turns, "_working", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        turns.take(lambda: 1)
    with ThreadPoolExecutor(1) as pool:
        free = pool.submit(taken.acquire, blocking=False)
        assert free.result(WAIT)


def test_a_task_may_ask_for_another() -> None:
    """A task within a task is done at once, also where two threads would wait for each other."""
    one, other = Turns(), Turns()
    assert one.take(lambda: one.take(lambda: 3)) == 3
    both_inside = threading.Barrier(2)

    def crossing(mine: Turns, theirs: Turns) -> int:
        def task() -> int:
            both_inside.wait(WAIT)
            return theirs.take(lambda: 4)

        return mine.take(task)

    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(crossing, *pair) for pair in ((one, other), (other, one))]
        assert [each.result(WAIT) for each in asked] == [4, 4]


def test_a_forked_child_does_not_wait_for_a_thread_of_its_parent() -> None:
    """In another process nobody is at work yet."""
    turns = Turns()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(turns._working.acquire).result(WAIT)
        turns._process -= 1  # as the parent's would be
        assert turns.take(lambda: 6) == 6


def test_only_small_and_plain_jpegs_are_quick() -> None:
    """Others take their time, or hold more than they seem to, and are matched side by side."""
    small = encode(photo(1, 200, 200), "JPEG")
    assert seems_quick(small)
    assert is_plain(small)
    for other in (
        encode(photo(1, 400, 300), "JPEG"),
        encode(photo(1, 60, 60), "PNG"),
        b"",
        "a/path",
    ):
        assert not seems_quick(other)
    scans = encode(photo(1, 200, 200), "JPEG", progressive=True)
    assert is_plain(scans)
    last = scans[scans.rindex(b"\xff\xda") : -2]
    for other in (small + b"PK\5\6" + bytes(18), small[:-5], scans[:-2] + 30 * last + scans[-2:]):
        assert not is_plain(other)


def test_threads_that_match_get_the_outcomes_of_one() -> None:
    """Small and large pictures, broken ones and a match: eight threads find what one finds."""
    files = [encode(photo(number, 150, 150), "JPEG") for number in range(12)]
    files += [
        files[0] + b"PK\5\6" + bytes(18),
        files[0][:-300],
        b"no picture",
        encode(photo(3, 500, 400), "JPEG"),
    ]
    near = HashList.from_entries([Entry("e", PerceptualHash.from_hex("0f" * 8))])
    with Matcher(near, isolate=False) as matcher, ThreadPoolExecutor(8) as pool:
        alone = [matcher.match(data) for data in files]
        assert list(pool.map(matcher.match, files * 4, timeout=WAIT)) == alone * 4
