"""Interruptions of a real scan, by real signals."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from examine.sandbox.processes import wait_until_gone
from hashmatch.custody.audit import verify

from . import commands


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with pictures of which one hangs, and a list beside it."""
    commands.hanging_folder(tmp_path)
    (tmp_path / "list.txt").write_text("# algorithm: phash\n0123456789abcdef a\n")
    (tmp_path / "list.txt").chmod(0o600)  # or a notice says that others can read it
    return tmp_path


def begin(folder: Path, *options: str | Path, **settings: Any) -> tuple[Any, list[int]]:
    """Start a scan that hangs."""
    scan = ("--list", folder / "list.txt", "--format", "jsonl", *options)
    return commands.start_hanging(folder, *scan, **settings)


@pytest.mark.timing
def test_ctrl_c_stops_at_once_with_a_truthful_summary(folder: Path) -> None:
    """Within a second of SIGINT a scan ends with 130, and its summary counts the records."""
    process, pids = begin(folder)
    asked = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert time.monotonic() - asked < 1
    assert process.returncode == 130, errors
    *records, summary = [json.loads(line) for line in output.splitlines()]
    assert summary["type"] == "summary"
    assert summary["run"]["interrupted"] is True
    assert summary["files"] == len(records) == sum(summary["verdicts"].values()) == commands.BEFORE
    assert errors == b""  # the summary says it all
    wait_until_gone(pids)


def test_ctrl_c_reaches_the_whole_terminal_and_workers_overhear_it(folder: Path) -> None:
    """SIGINT to every process of the scan, as a terminal sends it, ends it just the same."""
    process, pids = begin(folder)
    for pid in (*pids, process.pid):
        os.kill(pid, signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert json.loads(output.splitlines()[-1])["files"] == commands.BEFORE
    assert b"Traceback" not in errors
    wait_until_gone(pids)


@pytest.mark.timing
def test_a_zygote_killed_in_mid_scan_is_an_error_with_a_clear_message(folder: Path) -> None:
    """Without its decoding processes a scan ends with 70 at once, and says why."""
    process, pids = begin(folder)
    asked = time.monotonic()
    os.kill(pids[0], signal.SIGKILL)
    output, errors = process.communicate(timeout=60)
    assert time.monotonic() - asked < 2
    assert process.returncode == 70
    assert b"has died" in errors
    assert b"Traceback" not in errors
    assert all(json.loads(line)["type"] == "file" for line in output.splitlines())
    wait_until_gone(pids)


@pytest.mark.parametrize(
    ("kill", "ending"), [(os.kill, signal.SIGTERM), (os.killpg, signal.SIGHUP)]
)
def test_a_scan_that_is_told_to_stop_ends_well(
    folder: Path, kill: Callable[[int, int], None], ending: signal.Signals
) -> None:
    """SIGTERM and SIGHUP are like Ctrl-C with their own code, even if workers get them too."""
    trail, results = folder / "trail", folder / "results"
    process, pids = begin(
        folder, "--audit", str(trail), "--output", str(results), start_new_session=True
    )
    kill(process.pid, ending)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + ending, errors
    assert f"stopped by {ending.name}".encode() in errors
    *records, summary = [json.loads(line) for line in results.read_text().splitlines()]
    assert (summary["exit_code"], summary["run"]["interrupted"]) == (128 + ending, True)
    assert summary["files"] == len(records) == commands.BEFORE
    found = verify(trail)
    assert (found.problem_count, found.gaps) == (0, ())
    assert not list(folder.glob(".hashmatch-*"))
    wait_until_gone(pids)


def test_a_signal_that_is_ignored_stays_so(folder: Path) -> None:
    """A scan under ``nohup`` continues after SIGHUP, and stops at the next SIGTERM."""
    process, pids = begin(folder, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    os.kill(process.pid, signal.SIGHUP)
    time.sleep(0.2)
    assert process.poll() is None
    os.kill(process.pid, signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    wait_until_gone(pids)


def test_a_scan_that_is_killed_leaves_no_process_behind(folder: Path) -> None:
    """If the scanning process is killed, its workers end with it, even one that hangs."""
    process, pids = begin(folder)
    process.kill()
    process.communicate(timeout=60)
    wait_until_gone(pids)


@pytest.mark.timing
def test_a_hang_costs_its_time_and_nothing_else(folder: Path) -> None:
    """With a short timeout the same folder is scanned to its end, in order."""
    code, records = commands.scan(
        *(folder / "pictures", "--list", folder / "list.txt", "--jobs", "2", "--timeout", "1.5"),
        plug_in=[folder / "plug-in"],
    )
    assert code == 2
    *files, summary = records
    assert [record["path"] for record in files] == sorted(record["path"] for record in files)
    assert [r["reason"] for r in files] == [None] * commands.BEFORE + ["timeout"] + [None] * 20
    assert summary["reasons"]["timeout"] == 1
