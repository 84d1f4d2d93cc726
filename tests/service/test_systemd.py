"""What systemd gives the service, and what it hears."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from commands import environment
from hashmatch.errors import SettingsError
from hashmatch.service.addresses import address_of
from hashmatch.service.systemd import Systemd
from service.conftest import MATCHING, copy_of_list

UNITS = Path(__file__).resolve().parents[2] / "docs" / "systemd"

# Does what systemd does between fork and exec: the sockets from 3 on, and its own number
EXEC = """
import os, sys
names, count = sys.argv[1], int(sys.argv[2])
for number, old in enumerate(map(int, sys.argv[3 : 3 + count]), 3):
    os.dup2(old, number, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(count), LISTEN_FDNAMES=names)
os.execv(sys.executable, [sys.executable, "-m", "hashmatch", *sys.argv[3 + count :]])
"""


class Manager:
    """Stands in for systemd."""

    def __init__(self, folder: Path) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(folder / "http.sock"))
        self.listener.listen()
        self.path = folder / "http.sock"
        self.heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.heard.bind(str(folder / "notify"))
        self.heard.settimeout(60)
        self.hash_list = copy_of_list(folder)
        self.process: subprocess.Popen[bytes] | None = None
        self._folder = folder

    def start(self, name: str = "http", *options: str) -> subprocess.Popen[bytes]:
        """Start the service with the socket, which has a name."""
        given = (name, "1", str(self.listener.fileno()), "serve", "--list", str(self.hash_list))
        self.process = subprocess.Popen(
            [sys.executable, "-c", EXEC, *given, "--jobs", "1", "--http", "systemd", *options],
            env={
                **environment(),
                "NOTIFY_SOCKET": str(self._folder / "notify"),
                "WATCHDOG_USEC": "600000",
            },
            pass_fds=[self.listener.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        return self.process

    def hear(self) -> str:
        """The next message."""
        return self.heard.recv(4096).decode()

    def hear_until(self, message: str) -> None:
        """Wait for a message."""
        while self.hear() != message:
            pass

    def match(self) -> str:
        """Ask for a verdict by the socket."""
        transport = httpx.HTTPTransport(uds=str(self.path))
        with httpx.Client(transport=transport, base_url="http://x", timeout=60) as client:
            verdict: str = client.post("/v1/match", content=MATCHING.read_bytes()).json()["verdict"]
            return verdict


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """A manager with a socket."""
    made = Manager(tmp_path)
    yield made
    if made.process is not None:
        if made.process.poll() is None:
            made.process.send_signal(signal.SIGCONT)
            made.process.kill()
        made.process.communicate()
    made.listener.close()
    made.heard.close()


def test_a_socket_of_systemd_is_served_without_a_gap(manager: Manager) -> None:
    """A request that comes before the service is answered once it runs; the socket outlives it."""
    early = socket.socket(socket.AF_UNIX)
    early.connect(str(manager.path))
    early.sendall(b"GET /live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    process = manager.start()
    manager.hear_until("READY=1")
    assert b" 200 " in early.recv(100)
    early.close()
    assert manager.match() == "match"
    process.terminate()
    manager.hear_until("STOPPING=1")
    assert process.wait(60) == 0
    assert stat.S_ISSOCK(manager.path.stat().st_mode)


def test_the_watchdog_hears_nothing_once_the_service_hangs(manager: Manager) -> None:
    """Messages come within the time that systemd gives, and end when the process stops."""
    process = manager.start()
    manager.hear_until("READY=1")
    for _ in range(3):
        manager.hear_until("WATCHDOG=1")
    process.send_signal(signal.SIGSTOP)
    manager.heard.settimeout(0.7)
    with pytest.raises(TimeoutError):
        manager.hear_until("never")


def test_a_socket_needs_the_name_of_its_door(manager: Manager) -> None:
    """A socket with another name is refused at the start, and the message says what to set."""
    process = manager.start("hashmatch.socket")
    assert process.wait(60) == 64
    assert process.stderr is not None
    assert b"FileDescriptorName=http" in process.stderr.read()


def test_no_child_process_gets_the_environment_of_systemd() -> None:
    """The variables are taken out, those of another process too, which mean nothing here."""
    told = {
        "LISTEN_PID": "1",
        "LISTEN_FDS": "1",
        "LISTEN_FDNAMES": "http",
        "NOTIFY_SOCKET": "@x",
        "WATCHDOG_PID": str(os.getpid()),
        "WATCHDOG_USEC": "2000000",
        "HOME": "/",
    }
    systemd = Systemd(told)
    assert told == {"HOME": "/"}
    assert systemd.watchdog == 2
    with pytest.raises(SettingsError, match="0 sockets"):
        systemd.address("http")
    systemd.notify("READY=1")  # nobody listens there, and that does no harm


def test_what_does_not_listen_is_refused(tmp_path: Path) -> None:
    """A datagram socket and a file cannot be served."""
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with datagrams, pytest.raises(SettingsError, match="no listening"):
        address_of(datagrams.fileno(), "--http")
    with (tmp_path / "file").open("w") as file, pytest.raises(SettingsError, match="no socket"):
        address_of(file.fileno(), "--http")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_the_units_are_valid_and_hardened() -> None:
    """Nothing in the units is unknown to systemd. It rates their exposure low."""
    units = [str(UNITS / name) for name in ("hashmatch.service", "hashmatch.socket")]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, check=False)
    complaints = [
        line
        for line in done.stderr.decode().splitlines()
        if "hashmatch" in line and "not executable" not in line and "man hashmatch" not in line
    ]
    assert complaints == []
    rated = ["systemd-analyze", "security", "--offline=true", "--threshold=25", units[0]]
    assert subprocess.run(rated, capture_output=True, check=False).returncode == 0
