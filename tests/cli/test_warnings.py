"""What the command line says about settings that are surely not what was meant."""

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
        ("30", "expect 1 false match per file (95% bound: 1, extrapolated): too many"),
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
    """An assumed algorithm and a list that others can read are reported even if quiet."""
    list_path.chmod(0o644)
    done = hashmatch_command("scan", list_path, "--list", list_path, "-q", "--jobs", "1")
    assert b"taken for phash" in done.stderr
    assert b"chmod 600" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["scan", "https://host.example/uploads", "--list", "list.txt"],
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
    assert b"hashmatch: https://host.example/" in done.stderr


def test_an_empty_quarantine_has_no_items(tmp_path: Path) -> None:
    """The table says that there are no items; as JSON lines, the output is empty."""
    folder = tmp_path / "quarantine"
    with Quarantine(folder):
        pass
    done = hashmatch_command("quarantine", "list", folder)
    assert (done.returncode, done.stderr) == (0, b"hashmatch: no items\n")
    done = hashmatch_command("quarantine", "list", folder, "--format", "jsonl")
    assert (done.returncode, done.stdout) == (0, b"")


def test_a_list_given_twice_is_used_once(list_path: Path) -> None:
    """The same file under any name is one list, and each repetition is reported once."""
    link = list_path.with_name("link.txt")
    link.symlink_to(list_path)
    given = [option for name in (list_path, link, list_path) for option in ("--list", name)]
    done = hashmatch_command("scan", list_path, *given, "--jobs", "1")
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0,
        b"1 file: 0 matches, 1 not an image (text 1)",
    )
    said = done.stderr.decode().splitlines()
    assert said == [
        f"hashmatch: --list {link} is the same file as --list {list_path}: it is used once",
        f"hashmatch: --list {list_path} is given twice: it is used once",
        "hashmatch: list.txt: no algorithm is named: 16 hex digits are taken for phash",
    ]


def test_an_empty_list_is_one_error(list_path: Path) -> None:
    """A list that cannot match anything is refused in one line."""
    list_path.write_bytes(b"# algorithm: phash\n")
    done = hashmatch_command("scan", list_path, "--list", list_path, "--jobs", "1")
    assert (done.returncode, done.stdout) == (65, b"")
    assert done.stderr.decode() == f"hashmatch: {list_path}: the list has no entry that can match\n"


def test_a_scan_of_nothing_expects_nothing(list_path: Path, tmp_path: Path) -> None:
    """No false matches are expected of files that are not there."""
    folder = tmp_path / "empty"
    folder.mkdir()
    done = hashmatch_command("scan", folder, "--list", list_path, "--jobs", "1")
    assert (done.returncode, done.stdout) == (0, b"0 files: 0 matches\n")
