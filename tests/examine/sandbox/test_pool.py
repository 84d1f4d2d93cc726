"""The supervisor and its real processes: planted deaths, real signals, hostile answers."""

from __future__ import annotations

import errno
import io
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from counts import LONG
from hashmatch.errors import HashmatchError, SettingsError
from hashmatch.examine.examination import examine
from hashmatch.examine.sandbox import Job, Pool, Reply, WorkerLimits, forker, make_pool
from hashmatch.examine.sandbox.clock import Clock
from hashmatch.examine.sandbox.start import make_no_pool, make_pool_soon
from hashmatch.model import Examination, HashKind, Reason
from hashmatch.options import ExamineOptions

from . import plants
from .processes import children, descendants, is_alive, wait_for, wait_until_gone

OPTIONS = ExamineOptions(kinds=(HashKind("phash", 64),))
SMALL = 512 * 1024 * 1024
LEAST = 384 * 1024 * 1024
PATIENT = WorkerLimits(SMALL, 30.0)


class HangClock(Clock):
    """Time that passes only while every worker with a file hangs, and then in jumps."""

    pool: Pool

    def look(self) -> float:
        """Advance by more than any file may take, if no other file has begun."""
        at_work = [worker.pid for worker in self.pool._workers if worker.job]
        tried = [job for job in self.pool._backlog if job.until is not None]
        if at_work and not tried and all(map(plants.hangs, at_work)):
            self.now += 2 * PATIENT.max_seconds
        return self.now


def timeless(jobs: int) -> Pool:
    """A pool in which a file is late only if it hangs, never because the machine is busy."""
    clock = HangClock()
    clock.pool = Pool(jobs, WorkerLimits(LEAST, PATIENT.max_seconds), clock=clock)
    return clock.pool.configure(OPTIONS)


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for files, with the plug-in in force in every worker."""
    monkeypatch.syspath_prepend(str(plants.install(tmp_path / "plug-in")))
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


def run(pool: Pool, contents: Sequence[bytes], folder: Path) -> list[list[Reply]]:
    """Put files through a pool, and return the result of each."""
    paths = []
    for number, data in enumerate(contents):
        paths.append(folder / str(number))
        paths[-1].write_bytes(data)
    return [replies for _, replies in sorted(run_paths(pool, paths))]


def run_paths(pool: Pool, paths: Sequence[Path]) -> Iterator[tuple[int, list[Reply]]]:
    """Put files through a pool, some at a time, and yield the place and the replies of each."""
    jobs: dict[Job, tuple[int, list[Reply]]] = {}
    coming = iter(enumerate(paths))
    more = True
    while more or jobs:
        while more and pool.hungry and len(jobs) < 64:
            if (item := next(coming, None)) is None:
                more = False
                break
            job = Job(os.open(item[1], os.O_RDONLY))
            jobs[job] = (item[0], [])
            pool.submit(job)
        for reply in pool.poll(5):
            place, replies = jobs[reply.job]
            replies.append(reply)
            if reply.end:
                os.close(reply.job.descriptor)
                del jobs[reply.job]
                yield place, replies


def sole(replies: list[Reply]) -> Examination:
    """The examination of a file that is not an archive."""
    (reply,) = replies
    assert reply.end
    assert reply.member is None
    return reply.examination


def workers_of(pool: Pool) -> list[int]:
    """The worker processes, according to the system."""
    return children(pool._zygote.pid)


def test_what_is_loaded_late_is_loaded_for_the_first_file(tmp_path: Path) -> None:
    """Though other workers wait that lack it, a file gets a decoder that is loaded late."""
    with io.BytesIO() as file:
        Image.effect_noise((64, 64), 90).save(file, "AVIF")
        data = file.getvalue()
    with Pool(6, PATIENT).configure(OPTIONS) as pool:
        (replies,) = run(pool, [data], tmp_path)
    assert sole(replies).reason is None


ENDINGS = {
    plants.KILL: Reason.DECODER_CRASH,
    plants.SEGV: Reason.DECODER_CRASH,
    plants.EXIT: Reason.DECODER_CRASH,
    plants.BUG: Reason.DECODER_CRASH,
    plants.GARBAGE: Reason.DECODER_CRASH,
    plants.MEMORY: Reason.TOO_LARGE,
    plants.HANG: Reason.TIMEOUT,
}


@pytest.mark.usefixtures("own_zygote")
def test_a_file_that_ends_its_worker_is_blamed_alone(planted: Path) -> None:
    """Whatever a file does to its worker, only that file gets a reason; others get hashes."""
    contents = [plants.picture(number) for number in range(9)]
    with timeless(2) as pool:
        for mark, reason in ENDINGS.items():
            contents[4] = plants.picture(4, mark)
            found = [sole(replies) for replies in run(pool, contents, planted)]
            reasons = [examination.reason for examination in found]
            assert reasons == [None] * 4 + [reason] + [None] * 4, mark
            assert all(examination.views for place, examination in enumerate(found) if place != 4)


def test_a_mistake_of_ours_is_told_by_its_place(planted: Path) -> None:
    """A worker that dies of an exception reports its type and line, not its message."""
    with Pool(1, PATIENT).configure(OPTIONS) as pool:
        (found,) = (sole(r) for r in run(pool, [plants.picture(1, plants.BUG)], planted))
    assert found.detail is not None
    assert found.detail.startswith("the decoder died of Surprise in sitecustomize.py:")


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff\xff\xff\xff",  # a frame longer than any
        b"\0\0\0\x02[]",
        b"\0\0\0\x02{}",
        b"\0\0\0\x03\xff\xfe\xfd",
        b"\0\0\0\x0c" + b'{"died_of":1',
        b"\0\0\0\x15" + b'{"died_of":"hash beef"}'[:21],
        b"\0\0\x20\0" + b"[" * 0x2000,
    ],
)
def test_bytes_that_are_no_answer_cost_a_worker_its_life(planted: Path, garbage: bytes) -> None:
    """A worker that a file took over is replaced at its first wrong answer; the file is blamed."""
    plants.install(planted.parent / "plug-in", garbage)
    contents = [plants.picture(1), plants.picture(2, plants.GARBAGE), plants.picture(3)]
    with Pool(1, PATIENT).configure(OPTIONS) as pool:
        found = [sole(replies) for replies in run(pool, contents, planted)]
    assert [e.reason for e in found] == [None, Reason.DECODER_CRASH, None]
    assert found[1].detail == "the decoder died"


def archive(kind: str, members: dict[str, bytes]) -> bytes:
    """A zip or a tar.gz of these members."""
    file = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as packed:
            for name, data in members.items():
                packed.writestr(name, data)
    else:
        with tarfile.open(fileobj=file, mode="w:gz") as packed_tar:
            for name, data in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                packed_tar.addfile(info, io.BytesIO(data))
    return file.getvalue()


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
@pytest.mark.usefixtures("own_zygote")
def test_members_that_kill_their_worker_are_blamed_one_by_one(planted: Path, kind: str) -> None:
    """After a member that killed its worker, the rest of the archive is examined."""
    marks = {2: plants.KILL, 3: plants.SEGV, 6: plants.HANG, 7: plants.MEMORY}
    members = {f"{n}.jpg": plants.picture(n, marks.get(n, b"")) for n in range(9)}
    inner = archive(
        "zip", {"deep.jpg": plants.picture(30, plants.KILL), "ok.jpg": members["0.jpg"]}
    )
    members["inner.zip"] = inner
    with timeless(2) as pool:
        (replies,) = run(pool, [archive(kind, members)], planted)
    told = [(reply.member, reply.examination.reason) for reply in replies]
    reasons = {
        2: Reason.DECODER_CRASH,
        3: Reason.DECODER_CRASH,
        6: Reason.TIMEOUT,
        7: Reason.TOO_LARGE,
    }
    assert told == [
        *((f"{n}.jpg".encode(), reasons.get(n)) for n in range(9)),
        (b"inner.zip!/deep.jpg", Reason.DECODER_CRASH),
        (b"inner.zip!/ok.jpg", None),
        (b"inner.zip", None),
        (None, None),
    ]
    assert [reply.end for reply in replies] == [False] * 12 + [True]


def test_one_member_is_examined_again_alone(planted: Path) -> None:
    """A job for one member answers with that member and ends, though its worker dies once."""
    path = planted / "a.zip"
    path.write_bytes(archive("zip", {f"{n}.jpg": plants.picture(n) for n in range(4)}))
    with Pool(1, PATIENT).configure(OPTIONS) as pool, path.open("rb") as file:
        pool.submit(Job(file.fileno(), exact=True, skip=2, count=1))
        os.kill(workers_of(pool)[0], signal.SIGKILL)
        replies = collect(pool)
    assert [(r.member, r.end) for r in replies] == [(b"2.jpg", True)]


def test_an_archive_that_has_fewer_members_than_asked_for_says_so(planted: Path) -> None:
    """A job for a member that is not there ends with the archive's own examination."""
    path = planted / "a.zip"
    path.write_bytes(archive("zip", {"0.jpg": plants.picture(0)}))
    with Pool(1, PATIENT).configure(OPTIONS) as pool, path.open("rb") as file:
        pool.submit(Job(file.fileno(), exact=True, skip=5, count=1))
        assert [(r.member, r.end) for r in collect(pool)] == [(None, True)]


def collect(pool: Pool) -> list[Reply]:
    """All replies until every job has ended."""
    replies: list[Reply] = []
    while pool.busy:
        replies += pool.poll(5)
    return replies


@pytest.mark.usefixtures("own_zygote")
def test_planted_deaths_lose_no_file_and_blame_no_other(planted: Path) -> None:
    """Each of many deaths is blamed only on the file that caused it, in bounded time."""
    files, each = (5_000, 250) if LONG else (250, 3)
    expected = {
        plants.KILL: Reason.DECODER_CRASH,
        plants.SEGV: Reason.DECODER_CRASH,
        plants.MEMORY: Reason.TOO_LARGE,
        plants.HANG: Reason.TIMEOUT,
    }
    rng = random.Random(7)
    chosen = rng.sample(range(files), each * len(expected))
    marks = dict(zip(chosen, [*expected] * each, strict=True))
    base = [plants.picture(seed) for seed in range(10)]
    paths = []
    for place in range(files):
        paths.append(planted / str(place))
        paths[-1].write_bytes(plants.marked(base[place % 10], marks.get(place, b"")))
    began = time.monotonic()
    with timeless(2) as pool:
        found = {place: sole(replies) for place, replies in run_paths(pool, paths)}
    spent = time.monotonic() - began
    assert sorted(found) == list(range(files))
    wrong = {
        place: examination.reason
        for place, examination in found.items()
        if examination.reason != (expected[marks[place]] if place in marks else None)
    }
    assert wrong == {}
    assert spent < each * 10 + files * 0.05 + 30  # twelve deaths each


def test_small_files_are_handed_over_by_the_handful(planted: Path) -> None:
    """A worker holds several small files, a large one alone, and each gets its own answer."""
    contents = [plants.picture(seed) for seed in range(30)]
    large = contents[20] = plants.picture(20) + bytes(100_000)
    held: set[tuple[bool, int]] = set()

    class Watched(Pool):
        def poll(self, timeout: float) -> list[Reply]:
            for worker in self._workers:
                sizes = {os.fstat(job.descriptor).st_size for job, _ in worker.hands}
                held.add((len(large) in sizes, len(worker.hands)))
            return super().poll(timeout)

    with Watched(1, PATIENT).configure(OPTIONS) as pool:
        found = [replies[-1].examination for replies in run(pool, contents, planted)]
    assert max(count for _, count in held) > 3
    assert {count for is_large, count in held if is_large} <= {1}
    assert found == [examine(data, OPTIONS) for data in contents]


def test_files_that_cannot_be_sent_yet_are_sent_later(
    planted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user may have only so many files on their way between processes; the rest waits."""
    send = socket.send_fds
    refused: list[tuple[Any, ...]] = []

    def limited(*arguments: Any) -> int:
        if len(refused) < 3:
            refused.append(arguments)
            raise OSError(errno.ETOOMANYREFS, "too many references")
        return send(*arguments)

    with Pool(2, PATIENT).configure(OPTIONS) as pool:
        monkeypatch.setattr(socket, "send_fds", limited)
        found = [sole(each) for each in run(pool, [plants.picture(1)] * 5, planted)]
    assert len(refused) == 3
    assert all(examination.format == "JPEG" for examination in found)


def test_workers_killed_from_outside_cost_no_file(planted: Path) -> None:
    """If workers are killed at random, every file is still examined and none is blamed."""
    files = 5_000 if LONG else 500
    base = [plants.picture(seed, side=200) for seed in range(10)]
    paths = []
    for place in range(files):
        paths.append(planted / str(place))
        paths[-1].write_bytes(base[place % 10])
    rng = random.Random(3)
    found: dict[int, Examination] = {}
    kills = 0
    with Pool(2, PATIENT).configure(OPTIONS) as pool:
        for place, replies in run_paths(pool, paths):
            found[place] = sole(replies)
            if len(found) % 25 == 0 and (alive := workers_of(pool)):
                os.kill(rng.choice(alive), signal.SIGKILL)
                kills += 1
    assert kills > files / 50
    assert sorted(found) == list(range(files))
    assert {examination.reason for examination in found.values()} == {None}


def test_a_file_is_not_blamed_for_being_hit_again_and_again(planted: Path) -> None:
    """A file whose worker is killed from outside five times in a row is still examined."""
    path = planted / "a"
    path.write_bytes(plants.picture(1, plants.SLOW))
    with Pool(1, PATIENT).configure(OPTIONS) as pool, path.open("rb") as file:
        pool.submit(Job(file.fileno()))
        for _ in range(5):
            (pid,) = workers_of(pool)
            until_at_work(pool)
            os.kill(pid, signal.SIGKILL)
            wait_until_gone([pid])
            assert pool.poll(5) == []
        assert [reply.examination.reason for reply in collect(pool)] == [None]


def until_at_work(pool: Pool) -> None:
    """Wait until the one worker has a job."""
    while pool._workers[0].job is None:
        assert pool.poll(0.01) == []


def test_what_a_worker_said_in_time_counts(planted: Path) -> None:
    """An answer that is still unread when the time is up is accepted, and its worker lives."""
    path = planted / "a"
    path.write_bytes(plants.picture(1))
    time_ = [0.0]
    with (
        Pool(1, PATIENT, clock=Clock(lambda: time_[0])).configure(OPTIONS) as pool,
        path.open("rb") as file,
    ):
        (pid,) = workers_of(pool)
        pool.submit(Job(file.fileno()))
        select.select([pool._workers[0].channel], [], [])
        for _ in range(40):  # a look counts for a second at most
            time_[0] += 1
            pool._clock.look()
        assert [reply.examination.reason for reply in pool.poll(0)] == [None]
        assert workers_of(pool) == [pid]


def test_the_zygotes_death_is_an_error_and_no_hang(planted: Path) -> None:
    """If the process that forks workers dies, the pool says so at once, and its workers end."""
    with Pool(2, PATIENT).configure(OPTIONS) as pool:
        pids = workers_of(pool)
        os.kill(pool._zygote.pid, signal.SIGKILL)
        with pytest.raises(HashmatchError, match="has died"):
            run(pool, [plants.picture(1)] * 50, planted)
        wait_until_gone(pids)


@pytest.mark.usefixtures("own_zygote")
def test_an_idle_pool_notices_that_its_zygote_died() -> None:
    """Waiting for replies ends with an error if the processes are gone."""
    with Pool(1, PATIENT).configure(OPTIONS) as pool:
        os.kill(pool._zygote.pid, signal.SIGKILL)
        with pytest.raises(HashmatchError, match="has died"):
            pool.poll(30)


def test_a_zygote_that_dies_before_it_is_asked_is_an_error() -> None:
    """A pool whose process ended at once cannot be configured, and says so."""
    pool = Pool(1, PATIENT)
    os.kill(pool._zygote.pid, signal.SIGKILL)
    pool._zygote._process.wait()
    with pytest.raises(HashmatchError, match="has died"):
        pool.configure(OPTIONS)
    pool.close()


@pytest.mark.usefixtures("own_zygote")
def test_closing_ends_every_process_whatever_it_is_on(planted: Path) -> None:
    """A closed pool leaves no process behind: neither one that hangs nor a zombie."""
    path = planted / "hang"
    path.write_bytes(plants.picture(1, plants.HANG))
    pool = Pool(2, PATIENT).configure(OPTIONS)
    pids = [pool._zygote.pid, *workers_of(pool)]
    with path.open("rb") as file:
        pool.submit(Job(file.fileno()))
        pool.poll(0.2)
        pool.close()
    assert not any(map(is_alive, pids))
    assert not set(children(os.getpid())) & set(pids)


@pytest.mark.usefixtures("own_zygote")
def test_a_pool_takes_the_process_that_was_started_ahead() -> None:
    """A process started ahead serves the next pool; one that no pool takes ends, and is reaped."""
    make_pool_soon()
    (ahead,) = forker._ahead
    with make_pool(1, PATIENT).configure(OPTIONS) as pool:
        assert isinstance(pool, Pool)
        assert pool._zygote is ahead
        make_no_pool()
        assert is_alive(ahead.pid)
    make_pool_soon()
    (unused,) = forker._ahead
    make_no_pool()
    assert not forker._ahead
    assert not is_alive(unused.pid)


def test_time_in_which_nobody_looked_is_no_files_own(planted: Path) -> None:
    """If a scan was stopped for longer than a file may take, the file is not late."""
    path = planted / "a"
    path.write_bytes(plants.picture(1, side=400))
    time_ = [0.0]
    clock = Clock(lambda: time_[0])
    with (
        Pool(1, WorkerLimits(SMALL, 1.5), clock=clock).configure(OPTIONS) as pool,
        path.open("rb") as file,
    ):
        (pid,) = workers_of(pool)
        os.kill(pid, signal.SIGSTOP)  # as Ctrl-Z does to all
        pool.submit(Job(file.fileno()))
        time_[0] += 3
        assert pool.poll(0) == []
        os.kill(pid, signal.SIGCONT)
        found = [reply.examination.reason for reply in collect(pool)]
    assert found == [None]


def test_a_worker_that_dies_idle_is_replaced(planted: Path) -> None:
    """A worker killed between two files is replaced, and the next file is examined as usual."""
    with Pool(1, PATIENT).configure(OPTIONS) as pool:
        for number in range(3):
            (pid,) = workers_of(pool)
            os.kill(pid, signal.SIGKILL)
            wait_until_gone([pid])
            (replies,) = run(pool, [plants.picture(number)], planted)
            assert sole(replies).reason is None


@pytest.mark.usefixtures("own_zygote")
def test_cpu_time_of_workers_is_counted_as_the_scans(planted: Path) -> None:
    """Once the pool is closed, the system can say how much time its workers used."""
    before = sum(os.times()[2:4])
    with Pool(2, PATIENT).configure(OPTIONS) as pool:
        run(pool, [plants.picture(n, side=400) for n in range(8)] * 20, planted)
    assert sum(os.times()[2:4]) - before > 0.3


@pytest.mark.parametrize("limits", [(1, 20.0), (1 << 30, 0.0), (1 << 30, -1.0)])
def test_limits_that_nothing_can_be_decoded_with_are_refused(limits: tuple[int, float]) -> None:
    """Too little memory, or no time at all, is refused as a setting."""
    with pytest.raises(SettingsError):
        WorkerLimits(*limits)


@pytest.mark.usefixtures("own_zygote")
def test_workers_can_write_no_file_and_reach_no_network() -> None:
    """What the protection report says is true of the actual processes."""
    with Pool(1, PATIENT).configure(OPTIONS) as pool:
        (pid,) = workers_of(pool)
        limits = Path(f"/proc/{pid}/limits").read_text()
        status = Path(f"/proc/{pid}/status").read_text()
        network = Path(f"/proc/{pid}/net/dev").read_text()
        assert pool.protection["address_space"] == SMALL
        assert f"{SMALL}" in next(x for x in limits.splitlines() if x.startswith("Max address"))
        for name in ("Max file size", "Max core file size"):
            line = next(x for x in limits.splitlines() if x.startswith(name))
            assert line.split()[-3:-1] == ["0", "0"]
        assert pool.protection["no_new_privileges"]
        assert "NoNewPrivs:\t1" in status
        if pool.protection["no_network"]:
            assert {line.split(":")[0].strip() for line in network.splitlines()[2:]} <= {"lo"}
            assert (
                Path(f"/proc/{pid}/ns/net").stat().st_ino != Path("/proc/self/ns/net").stat().st_ino
            )


def test_no_worker_outlives_a_supervisor_that_was_killed(planted: Path) -> None:
    """If the scanning process is killed with SIGKILL, its workers die too, even one that hangs."""
    path = planted / "hang"
    path.write_bytes(plants.picture(1, plants.HANG))
    program = (
        "import os, sys; from hashmatch.examine.sandbox import *\n"
        "from hashmatch.model import HashKind; from hashmatch.options import ExamineOptions\n"
        "pool = Pool(2).configure(ExamineOptions(kinds=(HashKind('phash', 64),)))\n"
        f"pool.submit(Job(os.open({str(path)!r}, os.O_RDONLY)))\n"
        "print('ready', flush=True)\n"
        "while True: pool.poll(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"ready\n"
        wait_for(lambda: any(map(plants.hangs, descendants(process.pid))))
        pids = children(process.pid)
        pids += [worker for pid in pids for worker in children(pid)]
        assert len(pids) == 3
        process.kill()
        process.wait()
    wait_until_gone(pids)
