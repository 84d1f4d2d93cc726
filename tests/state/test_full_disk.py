"""What a full disk does to a state and to results."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from commands import LIMITED, unmeasured
from hashmatch import Matcher
from hashmatch.scan import State
from scan.trees import far_list, list_of, picture, plain_scan, put, state_scan
from state.tables import rows_of

FILES = 120

PROGRAM = """
import resource, sys
from hashmatch.cli.main import run
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.exit(run(sys.argv[2:]))
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Many small files, each of which takes space in a state."""
    data = picture(1, (40, 32))
    for number in range(FILES):
        put(tmp_path / "files" / f"{number:03d}.jpg", data + bytes(number))
    return tmp_path / "files"


def scan_within(limit: int, root: Path, *options: str | Path) -> subprocess.CompletedProcess:
    """Scan in a process whose files must not grow beyond so many bytes."""
    command = [*LIMITED, "-c", PROGRAM, str(limit), "scan", root, "-q"]
    command += ["--list", root.parent / "list.txt", "--format", "jsonl", *options]
    return subprocess.run(command, capture_output=True, check=False, env=unmeasured())


@pytest.mark.parametrize("limit", [0, 30_000, 90_000])
def test_full_disk_of_a_state_is_told_and_costs_nothing(root: Path, limit: int) -> None:
    """The scan exits with 70 and names the state, and continues once there is space."""
    state = root.parent / "scan.db"
    far_list().save(root.parent / "list.txt")
    found = scan_within(limit, root, "--state", state)
    said = found.stderr.decode()
    assert found.returncode == 70, said
    assert str(state) in said
    assert "internal error" not in said
    assert "Traceback" not in said
    State(state).close()
    assert rows_of(state, "PRAGMA integrity_check") == [("ok",)]
    ((kept,),) = rows_of(state, "SELECT count(*) FROM files")
    matcher = Matcher(far_list())
    records, counts = state_scan(root, state, matcher)
    assert records == plain_scan(root, matcher)
    assert (counts.recalled, counts.examined) == (kept, FILES - kept)


def test_full_disk_of_results_leaves_state_and_old_results(tmp_path: Path) -> None:
    """If the results do not fit, the old ones stay, and the state keeps what was found."""
    data = picture(1, (40, 32))
    for number in range(FILES // 2):
        put(tmp_path / "files" / f"{number:03d}.jpg", data)
    # Forty matches a file make long records, of which the case store keeps each once
    near = list_of(*[data] * 40)
    near.save(tmp_path / "list.txt")
    state, output = tmp_path / "scan.db", tmp_path / "out.jsonl"
    state_scan(tmp_path / "files", state, Matcher(near))
    output.write_text("the results of yesterday")
    options = ("--state", state, "--output", output, "--max-matches", "40")
    found = scan_within(350_000, tmp_path / "files", *options)
    assert found.returncode == 70
    assert str(output) in found.stderr.decode()
    assert output.read_text() == "the results of yesterday"
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == ["out.jsonl"]
    again = scan_within(10_000_000, tmp_path / "files", "--state", state, "--output", output)
    assert again.returncode == 1
    *_, summary = map(json.loads, output.read_text().splitlines())
    assert summary["run"]["state"]["recalled"] == FILES // 2
