"""A real clamd is asked, too."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from hashmatch.cli.main import run
from service.conftest import FIXTURES, Service, Start
from service.icap_messages import Peer, reqmod
from service.test_clamd import DATA, HELD, REFUSE, say
from service.test_clamd_protocol import chunked

VIRUS = b"a signature of our own, which no other file has"


def scan(service: Service, data: bytes) -> str:
    """Send a file, and return the answer."""
    return say(service, b"nINSTREAM\n", chunked(data[:1000], *([data[1000:]] * (len(data) > 1000))))


@contextmanager
def scanner(path: Path, answer: bytes | None) -> Iterator[None]:
    """Something that reads what comes and answers so, or closes at once."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            client, _ = listener.accept()
            with client:
                received = b""
                while answer is not None and not received.endswith(b"\0\0\0\0"):
                    received += client.recv(65536) or b"\0\0\0\0"
                with suppress(OSError):
                    client.sendall(answer or b"")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield
    ended.set()
    with socket.socket(socket.AF_UNIX) as last, suppress(OSError):
        last.connect(str(path))
        last.sendall(b"\0\0\0\0")
    thread.join(10)
    listener.close()
    path.unlink()


def test_found_wins_and_an_error_of_either_is_an_error(start: Start, tmp_path: Path) -> None:
    """Whatever the other scanner says or fails to say, only two OKs are an OK."""
    other = tmp_path / "other"
    service = start(
        *("--clamd", f"unix:{tmp_path}/c", "--clamd-profile", "generic", *REFUSE),
        *("--chain", f"unix:{other}", "--max-bytes", "200K", "--deadline", "60"),
        *("--icap", "127.0.0.1:0", "--icap-profile", "generic"),
    )

    def by_icap(data: bytes) -> str:
        """The name, the error, or nothing."""
        with Peer(service.addresses["icap"]) as peer:
            peer.send(reqmod(data))
            said = peer.reply()
        return said.threat or said.status.partition(" 500 ")[2]

    clean = b"no picture"
    for answer, expected in (
        (b"stream: OK\0", "stream: OK\n"),
        (b"stream: Some.Virus-1 FOUND\0", "stream: Some.Virus-1 FOUND\n"),
        (b"INSTREAM size limit exceeded. ERROR\0", " ERROR\n"),
        (b"stream: OK, or not\0", " ERROR\n"),
        (b"", " ERROR\n"),
        (None, " ERROR\n"),
    ):
        with scanner(other, answer):
            assert scan(service, clean).endswith(expected), answer
            assert HELD.search(scan(service, DATA)), answer
            name = {"stream: OK\n": "", " ERROR\n": "Server error"}.get(expected, "Some.Virus-1")
            assert by_icap(clean) == name, answer
            assert by_icap(DATA).startswith("Hashmatch.Held."), answer
    assert scan(service, clean).endswith(" ERROR\n")  # nobody listens any more
    assert HELD.search(scan(service, DATA))


def test_a_scanner_that_reads_nothing_hides_no_match(start: Start, tmp_path: Path) -> None:
    """A match is found in time although the other scanner takes the connection and no bytes."""
    with socket.socket(socket.AF_UNIX) as stuck:
        stuck.bind(str(tmp_path / "other"))
        stuck.listen()
        service = start(
            *("--clamd", f"unix:{tmp_path}/c", "--clamd-profile", "generic", *REFUSE),
            *("--chain", f"unix:{tmp_path}/other", "--deadline", "8"),
        )
        assert HELD.search(scan(service, DATA + bytes(4 << 20)))


@pytest.mark.skipif(shutil.which("clamd") is None, reason="there is no clamd here")
def test_a_real_clamd_finds_its_virus(start: Start, tmp_path: Path) -> None:
    """With ClamAV's daemon behind it, the door finds a match and a virus, and passes the rest."""
    database = tmp_path / "signatures"
    database.mkdir()
    (database / "own.ndb").write_text(f"Test.Own-1:0:*:{VIRUS.hex()}\n")
    config = tmp_path / "clamd.conf"
    config.write_text(
        f"LocalSocket {tmp_path}/clamd.ctl\nDatabaseDirectory {database}\nForeground yes\n"
    )
    with subprocess.Popen(
        ["clamd", "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as daemon:
        try:
            service = start(
                *("--clamd", f"unix:{tmp_path}/c", "--clamd-profile", "generic", *REFUSE),
                *("--chain", f"unix:{tmp_path}/clamd.ctl"),
            )
            end = time.monotonic() + 60
            while scan(service, b"no picture") != "stream: OK\n":  # until clamd has started
                assert time.monotonic() < end
                time.sleep(0.2)
            assert scan(service, b"x" * 100 + VIRUS) == "stream: Test.Own-1.UNOFFICIAL FOUND\n"
            assert HELD.search(scan(service, DATA))
        finally:
            daemon.terminate()


def test_a_chain_needs_the_door(capsys: pytest.CaptureFixture[str]) -> None:
    """Without --clamd there is nothing to chain."""
    arguments = ["--http", "127.0.0.1:0", "--chain", "unix:/nowhere/c"]
    assert run(["serve", "--list", str(FIXTURES / "hashes.txt"), *arguments]) == 64
    assert "--chain needs --clamd or --icap" in capsys.readouterr().err
