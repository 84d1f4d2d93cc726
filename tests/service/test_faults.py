"""What goes wrong: nothing that was not examined is ever told as clear."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from commands import COMMAND, environment
from examine.sandbox.processes import wait_for
from hashmatch import HashList
from hashmatch.service.core import VerdictCore
from hashmatch.service.ruling import Asked, Ruling
from hashmatch.service.server import WatchedFiles
from hashmatch.service.unanswered import UnansweredError, Why
from matchers import in_process
from service.conftest import (
    FIXTURES,
    MATCHING,
    Service,
    Start,
    clamd_client,
    copy_of_list,
    core_settings,
)

pytestmark = pytest.mark.usefixtures("real_zygotes")
DATA = MATCHING.read_bytes()


def ask(service: Service) -> tuple[int, str]:
    """Send a picture that matches: the status, and the verdict or the reason for none."""
    with service.client() as client:
        answer = client.post("/v1/match", content=DATA)
    found = answer.json()
    assert found.get("verdict") not in ("clear", "not_image")
    return answer.status_code, found.get("verdict") or found["reason"]


def until_matched(service: Service) -> None:
    """Ask until the service has recovered."""
    end = time.monotonic() + 60
    while ask(service) != (200, "match"):
        assert time.monotonic() < end
        time.sleep(0.1)


def test_killed_processes_never_clear_an_upload(start: Start) -> None:
    """While its processes are killed, answers are matches or failures; then it recovers."""
    service = start()
    until_matched(service)
    stopped = threading.Event()

    def kill() -> None:
        while not stopped.wait(0.05):
            for pid in service.descendants()[::-1][:2]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    answers = {ask(service) for _ in range(40)}
    stopped.set()
    killer.join()
    assert answers <= {(200, "match"), (200, "unscanned"), (503, "pool_failed")}
    until_matched(service)
    with service.client() as client:
        assert client.get("/ready").status_code == 200
        assert "hashmatch_pool_restarts 0.0" not in client.get("/metrics").text


def test_a_frozen_pool_is_a_timeout(start: Start) -> None:
    """With all its processes frozen, uploads time out, and the service says that it is stuck."""
    service = start("--deadline", "1")
    until_matched(service)
    for pid in service.descendants():
        os.kill(pid, signal.SIGSTOP)
    assert ask(service) == (503, "timeout")
    assert ask(service) == (503, "timeout")
    with service.client() as client:
        assert client.get("/live").status_code == 503
        assert "timeout" in client.get("/ready").json()["troubles"]


def test_a_full_queue_is_told(start: Start) -> None:
    """While as many uploads as allowed are examined, the next gets 503; later, there is room."""
    service = start("--max-waiting", "1", "--deadline", "20")
    until_matched(service)
    with connected(service) as slow:
        slow.sendall(b"POST /v1/match HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
        assert ask(service) == (200, "match")  # what has not arrived takes no place
    processes = service.descendants()
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    with connected(service) as frozen:
        frozen.sendall(b"POST /v1/match HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        with service.client() as client:
            while "queue_full" not in client.get("/ready").json()["troubles"]:
                time.sleep(0.01)
        assert ask(service) == (503, "queue_full")
        for pid in processes:
            os.kill(pid, signal.SIGCONT)
        assert b" 200 " in frozen.recv(4096)
    until_matched(service)


def connected(service: Service) -> socket.socket:
    """A connection to the HTTP door."""
    host, _, port = service.addresses["http"].partition(":")
    return socket.create_connection((host, int(port)), timeout=60)


def test_a_slow_upload_times_out(start: Start) -> None:
    """A body that does not arrive within the deadline is a timeout."""
    service = start("--deadline", "0.3")
    host, _, port = service.addresses["http"].partition(":")
    with socket.create_connection((host, int(port))) as slow:
        slow.sendall(b"POST /v1/match HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
        answer = b""
        while not answer.endswith(b"}"):
            answer += slow.recv(4096)
    assert b" 503 " in answer
    assert b'"timeout"' in answer


def test_the_bytes_of_all_uploads_are_bounded(start: Start) -> None:
    """An upload for which there is no room gets 503; others still get their verdicts."""
    service = start("--max-held", str(len(DATA)))
    with service.client() as client:
        answer = client.post("/v1/match", content=DATA + b"x")
        assert (answer.status_code, answer.json()["reason"]) == (503, "memory_full")
    until_matched(service)


def test_a_bad_new_list_is_refused_and_the_old_one_stays(start: Start, tmp_path: Path) -> None:
    """A bad, missing or empty list changes nothing but the log, the figures and /ready."""
    service = start()
    until_matched(service)
    hash_list = tmp_path / "hashes.txt"
    good = hash_list.read_bytes()
    for spoil in (lambda: hash_list.write_bytes(b"not a list"), hash_list.unlink):
        spoil()
        service.process.send_signal(signal.SIGHUP)
        assert service.wait_for("reload_refused")["why"]
        assert ask(service) == (200, "match")
        with service.client() as client:
            assert client.get("/ready").json()["reload"] == "refused"
            assert 'hashmatch_reloads_total{result="refused"}' in client.get("/metrics").text
    hash_list.write_bytes(good)
    hash_list.chmod(0o600)
    service.wait_for("reloaded")
    with service.client() as client:
        assert client.get("/ready").json()["reload"] == "ok"


def test_a_list_that_changes_while_it_is_loaded_is_loaded_again(tmp_path: Path) -> None:
    """Changes count from before the lists are read; a file that still changes is waited for."""
    path = tmp_path / "hashes.txt"
    path.write_text("one")
    watched = WatchedFiles([str(path)])
    path.write_text("changed before the service began to watch")
    looks = [watched.have_changed() for _ in range(3)]
    path.write_text("changed again")
    assert (looks, watched.have_changed()) == ([False, True, False], False)
    assert watched.have_changed()


def test_a_changed_table_of_suppressions_takes_effect(start: Start, tmp_path: Path) -> None:
    """An entry that an operator suppresses while the service runs matches no upload any more."""
    table = tmp_path / "suppress.csv"
    table.write_text("entry,reason,by,date\nsynthetic-0002,wrong,ada,2026-01-31\n")
    service = start("--suppress", table)
    until_matched(service)
    table.write_text("entry,reason,by,date\nsynthetic-0001,wrong,ada,2026-01-31\n")
    assert service.wait_for("reloaded")["cause"] == "changed"
    with service.client() as client:
        assert client.post("/v1/match", content=DATA).json()["verdict"] == "clear"


def test_a_changed_list_takes_effect_without_a_gap(start: Start, tmp_path: Path) -> None:
    """While lists are replaced, each request is answered, and by the old list or the new one."""
    service = start()
    until_matched(service)
    answers: list[tuple[int, str]] = []
    stopped = threading.Event()

    def keep_asking() -> None:
        with service.client() as client:
            while not stopped.is_set():
                answer = client.post("/v1/match", content=DATA)
                answers.append((answer.status_code, answer.json()["verdict"]))

    asking = threading.Thread(target=keep_asking)
    asking.start()
    reloads = 0
    while reloads < 5 or len(answers) < 10:
        service.process.send_signal(signal.SIGHUP)
        service.wait_for("reloaded")
        reloads += 1
    stopped.set()
    asking.join()
    assert set(answers) == {(200, "match")}
    other = tmp_path / "other.txt"
    lines = (FIXTURES / "hashes.txt").read_text().splitlines(keepends=True)
    other.write_text("".join(line for line in lines if "synthetic-0001" not in line))
    other.chmod(0o600)
    other.replace(tmp_path / "hashes.txt")
    assert service.wait_for("reloaded")["cause"] == "changed"
    with service.client() as client:
        found = client.post("/v1/match", content=DATA).json()
    assert "synthetic-0001" not in [match["entry"] for match in found["matches"]]


def test_clients_that_leave_do_no_harm(start: Start) -> None:
    """After many clients that hang up before their answer, each place is free again."""
    service = start("--max-waiting", "4")
    until_matched(service)
    for _ in range(12):
        with suppress(httpx.TimeoutException), service.client() as client:
            client.post("/v1/match", content=DATA, timeout=0.005)
    until_matched(service)
    with service.client() as client:
        wait_for(lambda: "hashmatch_active_uploads 0.0" in client.get("/metrics").text)


def test_a_list_that_grows_too_old_stops_verdicts() -> None:
    """Once a list is over the age allowed, uploads get ``list_stale``."""
    hash_list = HashList.load(FIXTURES / "hashes.txt")
    made = datetime.fromisoformat(hash_list.created or "").replace(tzinfo=UTC)
    for days, expected in ((6, None), (8, Why.LIST_STALE)):
        assert core_says(hash_list, made + timedelta(days=days)) is expected


def test_a_core_that_stops_takes_nothing_in() -> None:
    """From ``stop`` on, uploads get ``stopping``."""
    hash_list = HashList.load(FIXTURES / "hashes.txt")
    assert core_says(hash_list, datetime.now(UTC), stop=True) is Why.STOPPING


def test_a_mistake_of_ours_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected error while matching is ``internal``."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("hashmatch.match.matcher.Matcher.match", fail)
    hash_list = HashList.load(FIXTURES / "hashes.txt")
    assert core_says(hash_list, datetime.now(UTC), age=None) is Why.INTERNAL


def core_says(
    hash_list: HashList, now: datetime, *, age: int | None = 7, stop: bool = False
) -> Why | None:
    """Ask a core at a given time; why there is no verdict, or None if there is one."""

    async def chunks() -> AsyncIterator[bytes]:
        yield DATA

    async def run() -> Ruling:
        with VerdictCore(matcher, lambda: [hash_list], settings, now=lambda: now) as core:
            if stop:
                core.stop()
            return await core.examine(chunks(), Asked("test", "request"))

    settings = core_settings(None if age is None else timedelta(days=age))
    with in_process(hash_list) as matcher:
        try:
            assert asyncio.run(run()).outcome.verdict == "match"
        except UnansweredError as error:
            return error.why
    return None


def test_a_log_that_nobody_reads_is_given_up(tmp_path: Path) -> None:
    """Once the reader of its log has left, the service says so once and goes on serving."""
    socket_path = tmp_path / "c"
    arguments = ["--list", copy_of_list(tmp_path), "--jobs", "1", "--clamd", f"unix:{socket_path}"]
    with subprocess.Popen(
        [*COMMAND, "serve", *map(str, arguments), "--action", "unscanned=reject"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout
        while "started" not in running.stdout.readline():
            assert running.poll() is None
        running.stdout.close()
        client = clamd_client(socket_path)
        for _ in range(3):
            assert client.instream(io.BytesIO(DATA))["stream"][0] == "FOUND"
        running.terminate()
        assert running.stderr
        assert running.stderr.read().splitlines() == [
            "hashmatch: the reader of the log has left: serving on without a log"
        ]
    assert running.returncode == 141  # the code of a command whose reader has left


def test_a_log_that_nobody_reads_on_holds_nothing_up(tmp_path: Path) -> None:
    """While the reader of the log is stuck, answers come; lines are dropped, and counted."""
    doors = ["--http", f"unix:{tmp_path}/h", "--clamd", f"unix:{tmp_path}/c"]
    arguments = ["--list", copy_of_list(tmp_path), "--jobs", "1", *doors]
    command = [*COMMAND, "serve", *map(str, arguments), "--action", "unscanned=reject"]
    with (
        subprocess.Popen(
            command, env=environment(), stdout=subprocess.PIPE, pipesize=4096
        ) as running,
        ExitStack() as stack,
    ):
        stack.callback(running.kill)
        assert running.stdout
        while b"started" not in running.stdout.readline():
            assert running.poll() is None
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(30)
            client.connect(f"{tmp_path}/c")
            client.sendall(b"zIDSESSION\0" + b"zSCAN /x\0" * 1500 + b"zEND\0")
            assert client.makefile("rb").read().count(b" FOUND\0") == 1500  # no root allows it
        transport = httpx.HTTPTransport(uds=f"{tmp_path}/h")
        with httpx.Client(transport=transport, base_url="http://x") as client:
            assert client.post("/v1/match", content=DATA).json()["verdict"] == "match"
            figures = client.get("/metrics").text
        dropped = re.search(r"^hashmatch_log_lines_dropped (\S+)$", figures, re.MULTILINE)
        assert dropped
        assert float(dropped[1]) > 400
        running.terminate()
        assert running.wait(60) == 0
