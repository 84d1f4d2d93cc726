"""What the command line says of settings that are surely not what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import hashmatch_command
from hashmatch.custody.quarantine import Quarantine


@pytest.fixture
def list_path(tmp_path: Path) -> Path:
    """A list that names no algorithm, in a folder with nothing else."""
    path = tmp_path / "list.txt"
    path.write_bytes(b"0123456789abcdef one\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("threshold", "warning"),
    [
        ("30", "expect 1,000,000 false matches per million files"),
        ("phash=16", "expect at most 100 per million: --threshold phash-64=15"),
        ("pdq=31", "--threshold pdq: no list has a pdq hash"),
        ("8", None),
        ("phash=8", None),
    ],
)
def test_wrong_thresholds_are_warned_of(
    list_path: Path, threshold: str, warning: str | None
) -> None:
    """A threshold that chance reaches, or for hashes of no list, is warned of even if quiet."""
    done = hashmatch_command(
        "scan", list_path, "--list", list_path, "--threshold", threshold, "-q", "--jobs", "1"
    )
    assert done.returncode == 0
    said = done.stderr.decode()
    assert (warning in said) if warning else ("expect" not in said)


def test_quiet_silences_no_warning_about_a_list(list_path: Path) -> None:
    """An assumed algorithm and a list that others can read are said even if quiet."""
    list_path.chmod(0o644)
    done = hashmatch_command("scan", list_path, "--list", list_path, "-q", "--jobs", "1")
    assert b"taken for phash" in done.stderr
    assert b"chmod 600" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["scan", "s3://bucket/uploads", "--list", "list.txt"],
        ["scan", ".", "--list", "https://host.example/list.txt"],
        ["list", "check", "https://host.example/list.txt"],
    ],
    ids=lambda arguments: arguments[-1],
)
def test_urls_are_refused_as_such(list_path: Path, arguments: list[str]) -> None:
    """A URL in place of a file ends with 66, and the message says what to do."""
    done = hashmatch_command(*arguments, cwd=list_path.parent)
    assert (done.returncode, done.stdout) == (66, b"")
    assert b"hashmatch reads local files, not URLs: download it first" in done.stderr


def test_an_empty_quarantine_has_no_items(tmp_path: Path) -> None:
    """A list of nothing says so, and to a program it is an empty file."""
    folder = tmp_path / "quarantine"
    with Quarantine(folder):
        pass
    done = hashmatch_command("quarantine", "list", "--quarantine", folder)
    assert (done.returncode, done.stderr) == (0, b"hashmatch: no items\n")
    done = hashmatch_command("quarantine", "list", "--quarantine", folder, "--format", "jsonl")
    assert (done.returncode, done.stdout) == (0, b"")
