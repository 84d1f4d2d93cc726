"""Fetches that are killed: the list of the run that ends is that of an unbroken run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from commands import COMMAND, environment
from counts import LONG

from .body import PATHS, Body, BodyServer, Change, in_environment, serving, sources_file

NAMES = tuple(PATHS)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs fork and signals")


@pytest.mark.parametrize("name", NAMES if LONG else ["ncmec"])
def test_a_fetch_that_dies_at_any_step(tmp_path: Path, name: str) -> None:
    """A fetch may end at any change of a file, twice: the next makes the list as if it had not."""
    program = [sys.executable, str(Path(__file__).with_name("kill.py"))]
    done = subprocess.run(
        [*program, str(tmp_path), name, "1" if LONG else "55"],
        capture_output=True,
        env=environment(),
        check=False,
        timeout=500,
    )
    found = json.loads(done.stdout)
    assert found["wrong"] == []
    assert found["steps"] > (60 if LONG else 1)


def command(folder: Path, name: str) -> subprocess.Popen[bytes]:
    """Start to fetch."""
    return subprocess.Popen(
        [*COMMAND, "list", "fetch", name, "-o", "lists"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**in_environment()),
    )


@pytest.mark.parametrize("name", NAMES if LONG else ["tat"])
def test_kill_9_at_every_page(certificates: Path, tmp_path: Path, name: str) -> None:
    """SIGKILL while the server makes any page costs that page only."""
    now = int(time.time())
    body = Body([Change(number, now - 2_000 + number) for number in range(8)], now=now)
    running: list[subprocess.Popen[bytes]] = []
    served: list[int] = []

    def kill(page: int) -> None:
        served.append(page)
        if served.count(page) == 1:
            running[-1].send_signal(signal.SIGKILL)
            running[-1].wait()

    body.kill = kill
    with serving(body, certificates) as server:
        write_sources(server, tmp_path, certificates)
        for _ in range(3):
            running.append(command(tmp_path, name))
            running[-1].communicate(timeout=60)
            assert running[-1].returncode == -signal.SIGKILL
        running.append(command(tmp_path, name))
        out, err = running[-1].communicate(timeout=60)
    assert (running[-1].returncode, served) == (0, [1, 1, 2, 2, 3, 3]), err
    assert out.decode() == f"{name}: 3 pages with 8 records; 0 entries before, 8 now\n"


def write_sources(server: BodyServer, folder: Path, certificates: Path) -> None:
    """Write the file of sources beside the certificate."""
    (folder / "sources.toml").write_text(sources_file(server.server_address[1]))
    (folder / "ca.pem").write_bytes((certificates / "ca.pem").read_bytes())
