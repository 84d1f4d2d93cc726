"""Runs ``hashmatch serve`` as operators do: a process of its own, on loopback."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import commands
from commands import COMMAND, ForkedCommand, environment
from hashmatch.service.policy import ActionPolicy
from hashmatch.service.ruling import CoreSettings

if TYPE_CHECKING:
    from clamd import ClamdUnixSocket

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
PICTURES = FIXTURES / "benign_images"
MATCHING = PICTURES / "originals" / "harbour.jpg"


def _started(arguments: list[str], files: int | None) -> subprocess.Popen[str]:
    """The command, in an interpreter of its own that may open so many files."""
    limit = [] if files is None else ["prlimit", f"--nofile={files}:{files}"]
    return subprocess.Popen(
        [*limit, *COMMAND, *arguments],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class Service:
    """A running ``hashmatch serve``."""

    def __init__(self, *arguments: str | Path, files: int | None = None) -> None:
        command = ["serve", *map(str, arguments)]
        forked = commands.forks and files is None
        self.process = ForkedCommand(*command) if forked else _started(command, files)
        self.events: list[dict[str, Any]] = []
        self._arriving: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.addresses: dict[str, str] = {}
        while (event := self.wait_for("listening", "started"))["event"] == "listening":
            self.addresses[event["door"]] = event["address"]

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self._arriving.put(json.loads(line))
        self._arriving.put(None)

    def wait_for(self, *events: str) -> dict[str, Any]:
        """The next of these events in the log."""
        while (event := self._arriving.get(timeout=60)) is not None:
            self.events.append(event)
            if event["event"] in events:
                return event
        pytest.fail(f"the service ended: {self.process.stderr and self.process.stderr.read()}")

    def client(self, **options: Any) -> httpx.Client:
        """An HTTP client of the service."""
        base = f"http://{self.addresses['http']}"
        return httpx.Client(base_url=base, trust_env=False, timeout=60, **options)

    def descendants(self) -> list[int]:
        """The zygote, and then its workers, of a service of ``real_zygotes``."""
        found, parents = [], [self.process.pid]
        while parents:
            for children in Path(f"/proc/{parents.pop(0)}/task").glob("*/children"):
                with suppress(OSError):  # the process may end meanwhile
                    numbers = [*map(int, children.read_text().split())]
                    found += numbers
                    parents += numbers
        return found

    def stop(self) -> int:
        """End it as systemd does, and return the exit code."""
        for pid in self.descendants():
            os.kill(pid, signal.SIGCONT)
        self.process.terminate()
        code = self.process.wait(60)
        self._reader.join(10)
        while not self._arriving.empty():
            if (event := self._arriving.get()) is not None:
                self.events.append(event)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return code


def clamd_client(path: str | Path) -> ClamdUnixSocket:
    """The client in Python of a door at this socket."""
    from clamd import ClamdUnixSocket  # noqa: PLC0415 # it imports all of pkg_resources

    return ClamdUnixSocket(str(path), timeout=60)


def core_settings(max_list_age: timedelta | None) -> CoreSettings:
    """The default policy, and bounds for a few small uploads."""
    return CoreSettings(
        policy=ActionPolicy(),
        workers=1,
        max_bytes=1 << 20,
        max_held=1 << 20,
        max_waiting=9,
        deadline=20,
        max_list_age=max_list_age,
    )


def copy_of_list(folder: Path) -> Path:
    """The example list, readable by its owner alone."""
    path = folder / "hashes.txt"
    shutil.copy(FIXTURES / "hashes.txt", path)
    path.chmod(0o600)
    return path


Start = Callable[..., Service]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts services with the example list, each to be stopped at the end."""
    services: list[Service] = []
    hash_list = copy_of_list(tmp_path)

    def run(*arguments: str | Path, files: int | None = None) -> Service:
        has_door = {"--http", "--clamd", "--icap"} & {*map(str, arguments)}
        door = () if has_door else ("--http", "127.0.0.1:0")
        services.append(Service("--list", hash_list, "--jobs", "1", *door, *arguments, files=files))
        return services[-1]

    yield run
    for service in services:
        if service.process.poll() is None:
            service.stop()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all tests of a module that change nothing."""
    folder = tmp_path_factory.mktemp("service")
    running = Service(
        *("--list", copy_of_list(folder), "--http", "127.0.0.1:0", "--jobs", "1"),
        *("--max-bytes", "2M", "--audit", folder / "audit.log"),
    )
    yield running
    assert running.stop() == 0
