"""Bucket scans that are killed at any moment continue as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from commands import ForkedCommand, hashmatch_command, records
from counts import LONG
from scan.trees import picture
from state.tables import stored

from . import servers
from .canned import running

KILLS = 40 if LONG else 2
OBJECTS = 2000 if LONG else 100


def test_killed_scans_read_no_object_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records are those of one whole scan; what was stored is not read again."""
    pytest.importorskip("botocore")
    chance = random.Random(5)
    with running() as server:
        for name, value in servers.environment(server.url).items():
            monkeypatch.setenv(name, value)
        for number in range(OBJECTS):
            body = picture(number % 7) if number % 10 == 0 else b"text %d" % number
            server.put(b"%d//%04d.jpg" % (number % 3, number), body)
        (tmp_path / "list.txt").write_text("# algorithm: phash\nca9a11fe0123bead\n")
        scan = ("scan", "s3://bucket", "--list", str(tmp_path / "list.txt"), "--format", "jsonl")
        whole = hashmatch_command(*scan, "--state", tmp_path / "whole.db")
        state = tmp_path / "scan.db"
        command = (*scan, "--state", str(state), "-o", str(tmp_path / "out"))
        server.delay = 0.01
        known = 0
        for _ in range(KILLS):
            started = ForkedCommand(*command)
            wanted = known + chance.randint(1, OBJECTS // KILLS // 2)
            while started.poll() is None and stored(state) < wanted:
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.02))
            with suppress(ProcessLookupError):
                os.kill(started.pid, signal.SIGKILL)
            started.wait(60)
            started.stdout.close()
            started.stderr.close()
            known = stored(state)
        server.delay = 0.0
        server.requests.clear()
        ended = hashmatch_command(*scan, "--state", state)
    assert ended.returncode == whole.returncode
    *files, summary = records(ended.stdout)
    assert files == records(whole.stdout)[:-1]
    assert len({each["path"] for each in files}) == len(files) == OBJECTS == stored(state)
    assert summary["run"]["state"]["recalled"] == known > 0
    assert server.requests["GET"] == OBJECTS - known
