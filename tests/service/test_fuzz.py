"""Mutated messages at the doors: nothing crashes, hangs or keeps a descriptor."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from counts import LONG
from examine.sandbox.processes import wait_for
from service.conftest import Service, Start
from service.file_hosts import connect
from service.icap_messages import reqmod, respmod
from service.test_clamd_protocol import chunked
from service.test_icap import FORM, form

INPUTS = 100_000 if LONG else 100
EACH_SECONDS = 60

CLAMD = [
    b"PING",
    b"nVERSION\n",
    b"zINSTREAM\0" + chunked(b"ab", b"c" * 300),
    b"zIDSESSION\0zINSTREAM\0" + chunked(b"x") + b"zPING\0zSTATS\0zEND\0",
    b"nSCAN /etc/hostname\n",
    b"zFILDES\0\0",
]
ICAP = [
    b"OPTIONS icap://x/avscan ICAP/1.0\r\nHost: x\r\nEncapsulated: null-body=0\r\n\r\n",
    reqmod(b"ab", b"c" * 300),
    reqmod(b"abc", fields=b"Preview: 3\r\n", end=b"0; ieof\r\n\r\n"),
    reqmod(b"abc", fields=b"Preview: 3\r\n") + b"2\r\nde\r\n0\r\n\r\n",
    reqmod(form(b"x", b"y"), http=FORM),
    reqmod(b"\x1f\x8b\x08\0", http=b"Content-Encoding: gzip\r\n") + reqmod(b"z"),
    respmod(b"x" * 40, fields=b""),
]


def mutated(messages: list[bytes], choose: random.Random) -> bytes:
    """A message with bytes changed, cut out, repeated or put together with another's."""
    data = bytearray(choose.choice(messages))
    for _ in range(choose.randrange(4)):
        at = choose.randrange(len(data) + 1)
        until = min(len(data), at + choose.randrange(1, 20))
        kind = choose.randrange(5)
        if kind == 0:
            data[at:until] = choose.randbytes(until - at)
        elif kind == 1:
            del data[at:until]
        elif kind == 2:
            data[at:at] = data[at:until] * choose.randrange(1, 50)
        elif kind == 3:
            data[at:at] = choose.choice([b"\r\n", b"\0", b"-1", b"ffffffff", b" ", b":", b"0"])
        else:
            data[at:] = choose.choice(messages)
    return bytes(data)


def descriptors(service: Service) -> int:
    """How many the service has open."""
    return len(list(Path(f"/proc/{service.process.pid}/fd").iterdir()))


@pytest.mark.parametrize(("door", "messages"), [("clamd", CLAMD), ("icap", ICAP)])
def test_mutated_messages_do_no_harm(
    start: Start, tmp_path: Path, door: str, messages: list[bytes], record_property: Callable
) -> None:
    """Each gets its answers and its end; afterwards as many descriptors are open as before."""
    place = "127.0.0.1:0" if door == "icap" else f"unix:{tmp_path}/c"
    service = start(f"--{door}", place, "--action", "unscanned=reject", "--deadline", "30")
    choose = random.Random(18)

    def send(data: bytes) -> None:
        with connect(service.addresses[door]) as client:
            client.settimeout(EACH_SECONDS)
            half = choose.randrange(len(data) + 1)
            try:
                for piece in (data[:half], data[half:]):
                    client.sendall(piece)
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass
            except (BrokenPipeError, ConnectionResetError):
                pass

    for message in messages:
        send(message)
    before = descriptors(service)
    began = time.monotonic()
    for _ in range(INPUTS):
        send(mutated(messages, choose))
    record_property("seconds", time.monotonic() - began)
    wait_for(lambda: descriptors(service) <= before)
    assert service.stop() == 0
    assert not [event for event in service.events if event["event"] == "failed"]
