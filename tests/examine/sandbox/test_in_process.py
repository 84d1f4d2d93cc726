"""The workers' code, run in this process over socket pairs, so that coverage sees every branch."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from garbage import open_descriptors
from hashmatch.examine.sandbox import Job, Reply, ThreadPool, walls
from hashmatch.examine.sandbox.protocol import decode_said, encode_job, take_frame
from hashmatch.examine.sandbox.worker import answers, serve
from hashmatch.model import HashKind, Reason
from hashmatch.options import ExamineOptions

from . import plants
from .test_pool import archive

KINDS = (HashKind("phash", 64),)
OPTIONS = ExamineOptions(kinds=KINDS, digests=("sha256",))


def test_a_worker_serves_files_until_there_are_no_more(tmp_path: Path) -> None:
    """Each file that arrives over the socket is answered, and its descriptor is closed."""
    path = tmp_path / "a.jpg"
    path.write_bytes(plants.picture(1))
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=serve, args=(theirs, OPTIONS))
    thread.start()
    before = open_descriptors()
    with ours, theirs, path.open("rb") as file:
        for number in range(3):
            job = Job(file.fileno(), exact=number == 1)
            socket.send_fds(ours, [encode_job(job, number)], [file.fileno()])
            buffer = bytearray()
            while (message := take_frame(buffer)) is None:
                buffer += ours.recv(65536)
            answer = decode_said(message, job, number, OPTIONS)
            assert isinstance(answer, Reply)
            assert answer.end
            assert answer.examination.format == "JPEG"
            assert answer.examination.exact
        ours.shutdown(socket.SHUT_WR)
        thread.join()
        assert open_descriptors() == before + 1  # our own file


def test_a_header_without_a_file_ends_a_worker() -> None:
    """A worker that gets no descriptor, or half a header, ends."""
    for header in (encode_job(Job(0), 1), b"half"):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.sendall(header)
            ours.shutdown(socket.SHUT_WR)
            serve(theirs, OPTIONS)
            theirs.close()
            assert ours.recv(1) == b""


def test_digests_alone_take_no_decoding(tmp_path: Path) -> None:
    """A job for digests returns them and nothing else, whatever the file is."""
    path = tmp_path / "a"
    path.write_bytes(plants.picture(1))
    with path.open("rb") as file:
        (answer,) = answers(Job(file.fileno(), digest_only=True), OPTIONS)
    assert isinstance(answer, Reply)
    assert answer.end
    assert len(answer.examination.digests) == 1
    assert not answer.examination.views


@pytest.mark.parametrize("jobs", [1, 3])
def test_threads_answer_as_workers_do(tmp_path: Path, jobs: int) -> None:
    """Where processes cannot be isolated, threads give the same replies to the same jobs."""
    members = {f"{n}.jpg": plants.picture(n) for n in range(4)}
    contents = [plants.picture(9), archive("zip", members), b"text", plants.picture(8)[:300]]
    files = []
    for number, data in enumerate(contents):
        (tmp_path / str(number)).write_bytes(data)
        files.append((tmp_path / str(number)).open("rb"))
    with ThreadPool(jobs).configure(OPTIONS) as pool:
        wanted = {Job(file.fileno()): [] for file in files}
        wanted[Job(files[1].fileno(), exact=True, skip=2, count=1)] = []
        wanted[Job(files[0].fileno(), digest_only=True)] = []
        for job in wanted:
            pool.submit(job)
        while pool.busy:
            for reply in pool.poll(5):
                wanted[reply.job].append((reply.member, reply.examination.reason, reply.end))
        assert pool.hungry
        assert pool.poll(0) == []
    for file in files:
        file.close()
    assert list(wanted.values()) == [
        [(None, None, True)],
        [*((f"{n}.jpg".encode(), None, False) for n in range(4)), (None, None, True)],
        [(None, None, True)],
        [(None, Reason.TRUNCATED, True)],
        [(b"2.jpg", None, True)],
        [(None, None, True)],
    ]


def test_a_mistake_in_a_thread_is_raised_where_it_is_waited_for() -> None:
    """An unexpected exception in a thread is not lost."""
    with ThreadPool(1).configure(OPTIONS) as pool:
        pool.submit(Job(object()))  # type: ignore[arg-type] # no descriptor, on purpose
        with pytest.raises(TypeError):
            pool.poll(5)


_ZYGOTE = """
import os, sys
from hashmatch.examine.sandbox import walls, zygote
# All but the limit on file sizes, under which nobody could write down what was covered
walls.resource.RLIMIT_FSIZE = walls.resource.RLIMIT_CORE
zygote.main(int(sys.argv[1]))
"""


def test_a_zygote_ends_with_its_supervisor_and_takes_its_workers_along() -> None:
    """When its supervisor is gone, a zygote kills the remaining workers."""
    from hashmatch.examine.sandbox.protocol import FORK, REAP, encode_options, frame  # noqa: PLC0415

    ours, theirs = socket.socketpair()
    channels = []
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", _ZYGOTE, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    def hear() -> dict[str, int]:
        buffer = bytearray()
        while (message := take_frame(buffer)) is None:
            buffer += ours.recv(65536)
        return message

    with ours:
        ours.sendall(
            frame({"options": encode_options(OPTIONS), "max_memory": 1 << 30, "walls": []})
        )
        assert hear()["no_core_dumps"] is True
        pids = []
        for _ in range(2):
            mine, its = socket.socketpair()
            with its:
                socket.send_fds(ours, [FORK + bytes(8)], [its.fileno()])
            channels.append(mine)
            pids.append(hear()["pid"])
        os.kill(pids[0], signal.SIGKILL)
        ours.sendall(REAP + pids[0].to_bytes(8, "big"))
        assert os.WTERMSIG(hear()["status"]) == signal.SIGKILL
    assert process.wait(60) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pids[1], 0)
    for channel in channels:
        channel.close()


def test_a_zygote_without_a_word_from_its_supervisor_ends() -> None:
    """If the supervisor dies before it says anything, nothing is left behind."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", _ZYGOTE, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
    ours.close()
    assert process.wait(60) == 0


def test_a_process_whose_parent_is_gone_ends_at_once() -> None:
    """A process that asks to die with a parent that is already dead dies."""
    pid = os.fork()
    if pid == 0:
        walls.die_with(1 << 22)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1


def test_measures_that_the_system_does_not_know_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A measure that is not possible is reported as not in force, without an error."""
    monkeypatch.setattr(walls.sys, "platform", "other")
    monkeypatch.setattr(walls.resource, "RLIMIT_AS", 9999)
    monkeypatch.setattr(walls.resource, "RLIMIT_CORE", 9999)
    monkeypatch.setattr(walls.resource, "RLIMIT_FSIZE", 9999)
    assert walls.enter_limits(1 << 30) == {
        "address_space": None,
        "no_core_dumps": False,
        "no_files_written": False,
        "no_new_privileges": False,
        "not_traceable": False,
        "no_network": False,
    }
