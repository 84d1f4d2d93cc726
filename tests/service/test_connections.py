"""Slow clients keep nobody out."""

from __future__ import annotations

import resource
import time
from contextlib import ExitStack
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
    answer = httpx.post(f"http://{address}/v1/match", content=data, trust_env=False, timeout=20)
    allowed = answer.status_code == 200 and answer.json()["recommended_action"] == "allow"
    return "clean" if allowed else "infected"


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
                assert time.monotonic() - began < 5
        began = time.monotonic()
        assert ask(address, DATA) == "infected"
        assert time.monotonic() - began < 5
        if not LONG and door != "http":  # the first of them made room, and was told so
            assert b"Hashmatch.Held." in slow[1].recv(4096)
