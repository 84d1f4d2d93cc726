"""No file host takes a match, or a failure of the service, for a clean file."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hashmatch import HashList
from hashmatch.service.clamd import ClamdDoor
from hashmatch.service.connections import Connections
from hashmatch.service.core import VerdictCore
from hashmatch.service.icap import IcapDoor
from hashmatch.service.profiles import PROFILES
from matchers import in_process
from service.conftest import FIXTURES, MATCHING, Start, core_settings
from service.file_hosts import CLAMD_HOSTS, ICAP_HOSTS, connect
from service.icap_messages import Peer, reqmod
from service.test_clamd_protocol import chunked

pytestmark = pytest.mark.usefixtures("real_zygotes")
DATA = MATCHING.read_bytes()
TEXT = b"no picture"
Ask = Callable[[str, bytes], str]


def squid_icap(address: str, data: bytes) -> str:
    """With ``bypass=on``, Squid passes what it gets no page for."""
    with Peer(address) as peer:
        peer.send(reqmod(data, fields=b""))
        said = peer.reply()
    if said.status != "ICAP/1.0 200 OK" or not said.http.startswith(b"HTTP/"):
        return "clean"
    return "infected" if said.threat else "failed"


def hosts_by_answer() -> dict[tuple[str, str], dict[str, Ask]]:
    """The hosts by door and by what they are told where there is no verdict."""
    found: dict[tuple[str, str], dict[str, Ask]] = {}
    for name, ask in {**ICAP_HOSTS, "squid": squid_icap}.items():
        found.setdefault(("icap", str(PROFILES[name].icap)), {})[name] = ask
    for name, ask in CLAMD_HOSTS.items():
        found.setdefault(("clamd", str(PROFILES[name].clamd)), {})[name] = ask
    return found


@pytest.mark.parametrize(("door", "answer"), hosts_by_answer())
def test_no_fault_is_taken_for_clean(start: Start, tmp_path: Path, door: str, answer: str) -> None:
    """Whatever goes wrong, a match is held or the upload fails; what is harmless passes."""
    hosts = hosts_by_answer()[door, answer]
    place = "127.0.0.1:0" if door == "icap" else f"unix:{tmp_path}/c"
    service = start(
        *(f"--{door}", place, f"--{door}-profile", next(iter(hosts))),
        *("--action", "unscanned=reject", "--max-waiting", "1", "--deadline", "1"),
        *("--max-bytes", str(len(DATA))),
    )
    address = service.addresses[door]

    def said(data: bytes) -> set[str]:
        return {ask(address, data) for ask in hosts.values()}

    until(lambda: said(TEXT) == {"clean"})
    until(lambda: said(DATA) == {"infected"})
    assert "clean" not in said(DATA + b"x")  # too large

    (tmp_path / "hashes.txt").unlink()
    service.process.send_signal(signal.SIGHUP)
    service.wait_for("reload_refused")
    until(lambda: said(DATA) == {"infected"})  # the old list stays

    for _ in range(4):  # clients that leave
        with connect(address) as client:
            client.sendall(begun(door))
    stopped = threading.Event()

    def kill() -> None:
        while not stopped.wait(0.02):
            for pid in service.descendants()[::-1][:2]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    while_killed = said(DATA) | said(DATA)
    stopped.set()
    killer.join()
    assert "clean" not in while_killed
    until(lambda: said(TEXT) == {"clean"})

    with connect(address) as slow:
        slow.sendall(begun(door))
        answered = slow.recv(4096)
        assert answered
        assert b"204" not in answered
        assert b": OK" not in answered
    for pid in service.descendants():
        os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as late:
        first = late.submit(next(iter(hosts.values())), address, DATA)  # takes the one place
        assert "clean" not in said(DATA)
        assert first.result() != "clean"


@pytest.mark.parametrize(("door", "answer"), hosts_by_answer())
def test_a_list_that_is_too_old_makes_nothing_clean(door: str, answer: str) -> None:
    """Once a list is over the age allowed, no host takes an upload for clean."""
    hash_list = HashList.load(FIXTURES / "hashes.txt")
    made = datetime.fromisoformat(hash_list.created or "").replace(tzinfo=UTC)
    settings = core_settings(timedelta(days=7))
    hosts = hosts_by_answer()[door, answer]

    async def said(days: int) -> set[str]:
        profile = PROFILES[next(iter(hosts))]
        with (
            VerdictCore(
                matcher, lambda: [hash_list], settings, now=lambda: made + timedelta(days=days)
            ) as core,
            socket.create_server(("127.0.0.1", 0)) as listener,
        ):
            clamd = ClamdDoor(core, profile, lambda: None, None, ())
            converse = clamd.converse if door == "clamd" else IcapDoor(core, profile, None).converse
            serving = asyncio.create_task(Connections(door, converse, 9).serve(listener))
            address = f"127.0.0.1:{listener.getsockname()[1]}"
            answers = {await asyncio.to_thread(ask, address, TEXT) for ask in hosts.values()}
            serving.cancel()
            await asyncio.wait([serving])
            return answers

    with in_process(hash_list) as matcher:
        assert asyncio.run(said(6)) == {"clean"}
        assert "clean" not in asyncio.run(said(8))


def begun(door: str) -> bytes:
    """The begin of an upload."""
    if door == "http":
        head = b"POST /v1/match HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(DATA)
        return head + DATA[:100]
    if door == "clamd":
        return b"nINSTREAM\n" + chunked(DATA)[:100]
    return reqmod(DATA)[:500]


def until(holds: Callable[[], bool]) -> None:
    """Wait for the service to start its workers, or to recover."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_service_that_stops_gives_the_answers_it_owes(start: Start, tmp_path: Path) -> None:
    """A client in the middle of an upload is not left with a connection that just closes."""
    service = start(
        *("--clamd", f"unix:{tmp_path}/c", "--icap", "127.0.0.1:0"),
        *("--action", "unscanned=reject", "--deadline", "60"),
    )
    with ExitStack() as stack:
        clients = []
        for door in ("clamd", "icap"):
            clients.append(stack.enter_context(connect(service.addresses[door])))
            clients[-1].sendall(begun(door))
        idle = stack.enter_context(Peer(service.addresses["icap"]))
        idle.send(reqmod(DATA))
        assert idle.reply().threat
        assert service.stop() == 0
        assert idle.rest() == b""
        for client in clients:
            assert b"Hashmatch.Held." in client.recv(4096)
