"""The end of a run, as the audit trail and the state record it."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from commands import COMMAND, environment, hashmatch_command
from hashmatch.scan import State
from pictures import encode, photo
from state.tables import rows_of

NEEDS_FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


@pytest.fixture
def arguments(tmp_path: Path) -> list[str | Path]:
    """A state, a list and an output: the arguments of a scan of ``picture.png`` and a rematch."""
    (tmp_path / "picture.png").write_bytes(encode(photo(1, 96, 80), "PNG"))
    (tmp_path / "list.txt").write_text("# algorithm: phash\n0123456789abcdef far\n")
    (tmp_path / "list.txt").chmod(0o600)
    return ["--state", tmp_path / "scan.db", "--list", tmp_path / "list.txt", "--format", "jsonl"]


def _last_event(trail: Path) -> dict[str, Any]:
    return json.loads(trail.read_text().splitlines()[-1])["event"]


def _ends(state: Path) -> list[bool]:
    """For each run, whether the state says that it ended."""
    State(state, create=False).close()  # no run has it locked any more
    return [ended for (ended,) in rows_of(state, "SELECT summary NOT NULL FROM runs ORDER BY id")]


def test_scan_whose_results_cannot_take_their_place_has_not_ended(
    tmp_path: Path, arguments: list[str | Path]
) -> None:
    """If the results' folder is removed meanwhile, trail and state record an aborted run."""
    folder, trail = tmp_path / "results", tmp_path / "trail.jsonl"
    folder.mkdir()
    command = [*COMMAND, "scan", "--files-from", "-", *arguments, "--audit", trail]
    with subprocess.Popen(
        [*command, "--output", folder / "results.jsonl"],
        env=environment(),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        deadline = time.monotonic() + 60
        while not list(folder.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.02)
        shutil.rmtree(folder)
        _, told = process.communicate(bytes(tmp_path / "picture.png"), timeout=60)
    assert process.returncode == 70, told
    assert b"results.jsonl: cannot be written" in told
    assert b"audit head" not in told
    assert _last_event(trail) == {"type": "abort", "error": "OutputError"}
    assert _ends(tmp_path / "scan.db") == [False]


@NEEDS_FULL
@pytest.mark.parametrize("command", ["scan", "rematch"])
def test_run_whose_standard_output_is_full_has_not_ended(
    tmp_path: Path, arguments: list[str | Path], command: str
) -> None:
    """If standard output takes no results, trail and state record an aborted run."""
    scan = ("scan", tmp_path / "picture.png", *arguments)
    assert hashmatch_command(*scan).returncode == 0
    again = (*scan,) if command == "scan" else ("rematch", *arguments)
    trail = tmp_path / "trail.jsonl"
    with Path("/dev/full").open("wb") as full:
        options = {"capture_output": False, "stdout": full, "stderr": subprocess.PIPE}
        done = hashmatch_command(*again, "--audit", trail, **options)
    assert done.returncode == 70, done.stderr
    assert b"standard output: cannot be written" in done.stderr
    assert _last_event(trail) == {"type": "abort", "error": "OutputError"}
    assert _ends(tmp_path / "scan.db") == [True, False]
