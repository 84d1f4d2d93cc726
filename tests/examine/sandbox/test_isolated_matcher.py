"""A matcher with its defaults: one pool that the threads of an upload pipeline share."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from garbage import open_descriptors
from hashmatch import Entry, HashList, HashmatchError, Matcher, PerceptualHash, SettingsError
from hashmatch.model import Outcome, Reason, Verdict
from matchers import in_process
from pictures import encode, flat, photo

from . import plants
from .processes import children, is_alive, wait_for, wait_until_gone
from .test_pool import archive


@pytest.fixture
def hash_list() -> HashList:
    """One picture's hash."""
    imagehash = pytest.importorskip("imagehash")
    value = PerceptualHash.from_imagehash(imagehash.phash(photo(1, 320, 240)))
    return HashList.from_entries([Entry("a", value)], name="one")


@pytest.fixture
def isolated(
    hash_list: HashList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Matcher]:
    """A matcher with two workers that planted files can kill."""
    monkeypatch.syspath_prepend(str(plants.install(tmp_path / "plug-in")))
    with Matcher(hash_list, workers=2) as matcher:
        matcher.match(b"its processes start with the first upload")
        yield matcher


def zygote_of(matcher: Matcher) -> int:
    """The process that the matcher's workers are forked from."""
    assert matcher._pool is not None
    assert matcher._pool._service is not None
    return matcher._pool._service._pool._zygote.pid


def hanging_below(zygote: int) -> bool:
    """Whether a worker has reached a picture that hangs."""
    return any(map(plants.hangs, children(zygote)))


def uploads() -> list[bytes]:
    """A near picture as several files, other pictures, blank ones, broken ones, and no picture."""
    near = [encode(photo(1, 320, 240), "JPEG", quality=q) for q in (60, 90)]
    near.append(encode(photo(1, 320, 240), "PNG"))
    others = [encode(photo(seed, 300, 300), "JPEG") for seed in range(2, 8)]
    return [*near, *others, encode(flat(), "PNG"), near[0][:-900], b"no picture", b"PK\3\4", b""]


def test_outcomes_are_those_of_decoding_in_process(
    isolated: Matcher, hash_list: HashList, tmp_path: Path
) -> None:
    """Bytes, paths and pictures have the same outcomes with workers as without."""
    plain = in_process(hash_list)
    expected = [plain.match(data) for data in uploads()]
    assert [isolated.match(data) for data in uploads()] == expected
    assert {o.verdict for o in expected} >= {Verdict.MATCH, Verdict.CLEAR, Verdict.UNSCANNED}
    (tmp_path / "a.jpg").write_bytes(uploads()[0])
    assert isolated.match(tmp_path / "a.jpg") == expected[0]
    assert isolated.match(photo(1, 320, 240)).verdict is Verdict.MATCH


def test_many_threads_each_get_their_own_outcome(isolated: Matcher, hash_list: HashList) -> None:
    """Eight threads that match at once never get the outcome of another thread's bytes."""
    data = uploads() * 8
    expected = [*map(in_process(hash_list).match, uploads())] * 8
    with ThreadPoolExecutor(8) as threads:
        assert [*threads.map(isolated.match, data)] == expected


@pytest.mark.parametrize("mark", [plants.SEGV, plants.KILL, plants.GARBAGE])
def test_bytes_that_end_a_worker_cost_only_themselves(isolated: Matcher, mark: bytes) -> None:
    """An upload that crashes its decoder is unscanned, and those around it are examined."""
    data = [plants.picture(2, side=200), plants.picture(3, mark), plants.picture(4, side=200)] * 2
    with ThreadPoolExecutor(6) as threads:
        outcomes = [*threads.map(isolated.match, data)]
    assert [outcome.reason for outcome in outcomes] == [None, Reason.DECODER_CRASH, None] * 2


def test_closing_tells_those_who_wait_and_those_who_come(isolated: Matcher) -> None:
    """If the matcher is closed, waiting threads and later calls get an error.

    The worker, which hangs, is gone.
    """
    zygote = zygote_of(isolated)
    pids = [zygote, *children(zygote)]
    told: list[Outcome | HashmatchError] = []

    def match() -> None:
        try:
            told.append(isolated.match(plants.picture(1, plants.HANG)))
        except HashmatchError as error:
            told.append(error)

    thread = threading.Thread(target=match)
    thread.start()
    wait_for(partial(hanging_below, zygote))
    isolated.close()
    thread.join(30)
    assert not thread.is_alive()
    assert "closed meanwhile" in str(told)
    with pytest.raises(HashmatchError, match="is closed"):
        isolated.match(b"anything")
    isolated.close()
    wait_until_gone(pids)


def test_without_its_processes_it_starts_others(isolated: Matcher) -> None:
    """If the process that forks workers is killed, waiting callers get an error, later ones none.

    The matcher stays open, and no error says otherwise.
    """
    descriptors = open_descriptors()
    for _ in range(2):
        zygote = zygote_of(isolated)
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(isolated.match, plants.picture(1, plants.HANG))
            wait_for(partial(hanging_below, zygote))
            os.kill(zygote, signal.SIGKILL)
            with pytest.raises(HashmatchError, match="has died"):
                waiting.result(60)
        assert isolated.match(uploads()[0]).verdict is Verdict.MATCH
        assert zygote_of(isolated) != zygote
    assert open_descriptors() == descriptors


def ending_of(pid: int, seconds: float = 60) -> int | None:
    """The exit status of a child process; None if it hangs, in which case it is killed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def test_forked_processes_have_workers_of_their_own(isolated: Matcher) -> None:
    """A matcher built before a fork serves parent and child, and closing it there harms no one."""
    pid = os.fork()
    if pid == 0:
        try:
            verdicts = [isolated.match(uploads()[0]).verdict for _ in range(2)]
            isolated.close()
            os._exit(0 if verdicts == [Verdict.MATCH] * 2 else 1)
        finally:
            os._exit(2)
    assert isolated.match(uploads()[0]).verdict is Verdict.MATCH
    assert ending_of(pid) == 0
    assert isolated.match(uploads()[0]).verdict is Verdict.MATCH


def test_forked_processes_hold_nothing_up(isolated: Matcher) -> None:
    """A forked child that lives on does not keep the parent's workers alive."""
    zygote = zygote_of(isolated)
    pid = os.fork()
    if pid == 0:
        time.sleep(600)
        os._exit(0)
    closing = threading.Thread(target=isolated.close, daemon=True)
    closing.start()
    closing.join(60)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert not closing.is_alive()
    assert not is_alive(zygote)


@pytest.mark.timing
def test_whoever_was_interrupted_takes_nobody_along(isolated: Matcher) -> None:
    """If Ctrl-C interrupts a caller whose bytes are queued, others can still use the pool."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    descriptors = open_descriptors()
    previous = signal.signal(signal.SIGALRM, interrupt)
    pids = children(zygote_of(isolated))
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(10) as threads:
        others = [threads.submit(isolated.match, uploads()[0]) for _ in range(10)]
        time.sleep(0.3)  # their jobs fill the workers' queues
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(KeyboardInterrupt):
                isolated.match(uploads()[0])
        finally:
            signal.signal(signal.SIGALRM, previous)
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        assert {other.result(60).verdict for other in others} == {Verdict.MATCH}
    assert isolated.match(uploads()[0]).verdict is Verdict.MATCH
    assert open_descriptors() == descriptors


def test_lists_of_other_hashes_get_other_workers(isolated: Matcher, hash_list: HashList) -> None:
    """Lists with another kind of hash take effect at once, and the earlier workers end."""
    imagehash = pytest.importorskip("imagehash")
    zygote = zygote_of(isolated)
    value = PerceptualHash.from_imagehash(imagehash.dhash(photo(2, 300, 300)), "dhash")
    isolated.replace(HashList.from_entries([Entry("b", value)], name="other"))
    verdicts = [isolated.match(data).verdict for data in uploads()[:4]]
    assert verdicts == [Verdict.CLEAR] * 3 + [Verdict.MATCH]
    wait_until_gone([zygote])
    isolated.replace(hash_list)
    assert isolated.match(uploads()[0]).verdict is Verdict.MATCH


def test_other_lists_take_no_answer_away(isolated: Matcher) -> None:
    """Uploads that are being examined while lists are replaced, time and again, get an outcome."""
    kept = isolated.hash_lists
    other = Entry("b", PerceptualHash.from_hex("0123456789abcdef", "dhash"))
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(isolated.match, uploads()[3]) for _ in range(24)]
        for number in range(4):
            others = [HashList.from_entries([other], name="other")]
            isolated.replace(others if number % 2 == 0 else kept)
            time.sleep(0.1)
        assert {each.result(60).verdict for each in waiting} == {Verdict.CLEAR}


@pytest.mark.usefixtures("own_zygote")
def test_processes_start_with_the_first_upload_and_end_with_the_matcher(
    hash_list: HashList,
) -> None:
    """Building a matcher starts no process, and collecting it as garbage leaves none behind."""
    before = children(os.getpid())
    matcher = Matcher(hash_list)
    assert children(os.getpid()) == before
    matcher.match(uploads()[0])
    zygote = zygote_of(matcher)
    assert is_alive(zygote)
    del matcher
    gc.collect()
    wait_until_gone([zygote])


_PROGRAM = """
import sys
from hashmatch import HashList, Matcher
matcher = Matcher(HashList.load(sys.argv[1]))
print(matcher.match(sys.argv[2]).verdict, matcher._pool._service._pool._zygote.pid)
"""


def test_a_program_that_closes_nothing_ends_and_leaves_nothing(
    hash_list: HashList, tmp_path: Path
) -> None:
    """An interpreter with a matcher in use ends quickly and quietly, and so do its workers."""
    (tmp_path / "list.txt").write_text(f"phash:{next(iter(hash_list)).hash}\n")
    (tmp_path / "a.jpg").write_bytes(uploads()[0])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _PROGRAM, tmp_path / "list.txt", tmp_path / "a.jpg"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    verdict, pid = done.stdout.split()
    assert (verdict, done.stderr) == ("match", "")
    wait_until_gone([int(pid)])


def test_where_nothing_can_isolate_a_matcher_says_so(
    hash_list: HashList, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system without isolation is an error until the caller chooses to decode in process."""
    monkeypatch.delattr(socket, "send_fds")
    with pytest.raises(SettingsError, match="pass isolate=False"):
        Matcher(hash_list)
    assert Matcher(hash_list, isolate=False).match(uploads()[0]).verdict is Verdict.MATCH


def test_members_that_end_a_worker_cost_only_themselves(isolated: Matcher) -> None:
    """A member that crashes its decoder is unscanned, and those around it are examined."""
    members = {"a": plants.picture(2), "b": plants.picture(3, plants.SEGV), "c": uploads()[0]}
    outcome = isolated.match(archive("zip", members))
    assert outcome.verdict is Verdict.MATCH
    assert outcome.reason is Reason.DECODER_CRASH
    reasons = {part.path: part.outcome.reason for part in outcome.parts}
    assert reasons == {b"a": None, b"b": Reason.DECODER_CRASH, b"c": None, b"": None}


@pytest.mark.usefixtures("own_zygote")
def test_pictures_are_not_sent_to_workers(hash_list: HashList) -> None:
    """A PIL.Image is already decoded, so matching it starts no process."""
    before = children(os.getpid())
    with Matcher(hash_list) as matcher:
        assert matcher.match(photo(1, 320, 240)).verdict is Verdict.MATCH
        assert children(os.getpid()) == before
