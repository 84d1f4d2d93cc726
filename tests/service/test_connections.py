"""Slow clients keep nobody out."""

from __future__ import annotations

import resource
import socket
import time
from contextlib import ExitStack, suppress
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest

from counts import LONG
from service.conftest import Start
from service.file_hosts import CLAMD_HOSTS, ICAP_HOSTS, connect
from service.test_file_hosts import DATA, TEXT, begun, until

SLOW = 10_000 if LONG else 40


def by_http(address: str, data: bytes) -> str:
    """As a file host would read it."""
    answer = httpx.post(f"http://{address}/v1/match", content=data, trust_env=False, timeout=60)
    allowed = answer.status_code == 200 and answer.json()["recommended_action"] == "allow"
    return "clean" if allowed else "infected"


def rest(client: socket.socket) -> bytes:
    """What the service still sends before it ends the connection."""
    said = b""
    with suppress(ConnectionResetError):
        while data := client.recv(65536):
            said += data
    return said


def test_a_client_that_makes_no_request_is_let_go(start: Start) -> None:
    """HTTP waits for a request no longer than the deadline, for the first as for the next."""
    service = start("--http", "127.0.0.1:0", "--deadline", "0.5")
    with connect(service.addresses["http"]) as silent, connect(service.addresses["http"]) as begun:
        begun.sendall(b"GET /live HTTP/1.1\r\nHost: x\r\n\r\nGET /li")
        assert rest(begun).startswith(b"HTTP/1.1 200")
        assert rest(silent) == b""


def is_live(client: socket.socket) -> bool:
    """Whether the service answers on this connection."""
    connection = HTTPConnection("x")
    connection.sock = client
    connection.request("GET", "/live")
    with connection.getresponse() as answer:
        return bool(answer.read()) and answer.status == 200


def test_the_most_silent_client_makes_room(start: Start) -> None:
    """With as many clients as HTTP takes, one more ends the one that has asked nothing longest."""
    service = start("--http", "127.0.0.1:0", files=560)  # 512 for itself, and 12 connections
    address = service.addresses["http"]
    assert by_http(address, TEXT) == "clean"  # the first takes longer than uvicorn waits for others
    with ExitStack() as stack:
        first, second, *_ = (stack.enter_context(connect(address)) for _ in range(12))
        assert is_live(first)  # so the second has been silent for longest
        assert by_http(address, TEXT) == "clean"
        assert rest(second) == b""
        assert is_live(first)


@pytest.mark.parametrize("door", ["clamd", "http", "icap"])
def test_slow_clients_keep_nobody_out(start: Start, tmp_path: Path, door: str) -> None:
    """With far more half-open uploads than there is room for, one gets its verdict at once."""
    place = f"unix:{tmp_path}/c" if door == "clamd" else "127.0.0.1:0"
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    service = start(
        *(f"--{door}", place, "--action", "unscanned=reject", "--deadline", "120"),
        *("--clamd-profile", "ocis", "--icap-profile", "ocis"),
        files=hard if LONG else 560,  # 512 for itself, and 12 connections
    )
    address = service.addresses[door]
    ask = {"icap": ICAP_HOSTS["ocis"], "clamd": CLAMD_HOSTS["ocis"], "http": by_http}[door]
    until(lambda: ask(address, TEXT) == "clean")
    with ExitStack() as stack:
        slow = []
        for number in range(SLOW):
            slow.append(stack.enter_context(connect(address)))
            slow[-1].sendall(begun(door) if number % 3 else begun(door)[: number % 7])
            if number % 500 == 499:
                began = time.monotonic()
                assert ask(address, DATA) == "infected"
                assert time.monotonic() - began < 30  # of the 120 that the slow ones have
        began = time.monotonic()
        assert ask(address, DATA) == "infected"
        assert time.monotonic() - began < 30  # of the 120 that the slow ones have
        if not LONG and door != "http":  # the first of them made room, and was told so
            assert b"Hashmatch.Held." in slow[1].recv(4096)
