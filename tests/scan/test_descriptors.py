"""Scans in a process that may open few files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from commands import environment
from hashmatch.sources.descriptors import Descriptors, descriptors
from pictures import encode, photo

resource = pytest.importorskip("resource")

FEW = 64
LARGE = (560, 420)
FAR = "0123456789abcdef"


def hashmatch(limit: int, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    """The command, in a process that may open so many files."""
    return subprocess.run(
        [sys.executable, "-m", "hashmatch", *map(str, arguments), "--jobs", "1"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)),  # no threads
        capture_output=True,
        env=environment(),
        check=False,
    )


def records(path: Path) -> list[dict[str, object]]:
    """Those of files."""
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line["type"] == "file"]


def make_list(path: Path, *lines: str) -> Path:
    """A list of these hashes."""
    path.write_text("\n".join(["# algorithm: phash", *lines, ""]))
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("limit", [64, 256, 1024, 4096, resource.RLIM_INFINITY])
def test_what_may_be_open_follows_the_limit(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What may be open together leaves room for lists, the state and workers."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    found = descriptors()
    assert min(found) >= 4
    assert limit in {64, resource.RLIM_INFINITY} or sum(found) <= limit - 64
    assert (found == Descriptors()) == (limit not in {64, 256})


def test_candidates_of_a_whole_folder_are_opened_a_few_at_a_time(tmp_path: Path) -> None:
    """Even if every known file may be near to a new list, each of them can be opened."""
    folder = tmp_path / "files"
    pictures = [encode(photo(seed, *LARGE), "JPEG") for seed in range(5)]
    for number in range(80):
        path = folder / f"{number:03}" / "x.jpg"
        path.parent.mkdir(parents=True)
        path.write_bytes(pictures[number % 5] + number.to_bytes(2, "big"))
    every = hashmatch(FEW, "hash", folder / "000", folder / "001", "--output", tmp_path / "near")
    assert every.returncode == 0
    lines = [line for line in (tmp_path / "near").read_text().splitlines() if line[0] != "#"]
    near, far = make_list(tmp_path / "near", *lines), make_list(tmp_path / "far", FAR)
    fixed = ["--state", tmp_path / "s.db", "--format", "jsonl", "--output", tmp_path / "out"]
    assert hashmatch(FEW, "scan", folder, "--list", far, *fixed).returncode == 0
    for command in (["scan", folder], ["rematch"]):
        found = hashmatch(FEW, *command, "--list", near, *fixed)
        assert (found.returncode, found.stderr.count(b"Traceback")) == (1, 0)
        verdicts = Counter((each["verdict"], each["reason"]) for each in records(tmp_path / "out"))
        assert verdicts == {("match", None): 32, ("clear", None): 48}


def test_deep_folders_are_walked_to_their_end(tmp_path: Path) -> None:
    """However deep folders are nested, the files before and after each of them are opened."""
    folder = tmp_path / "files"
    path, small = folder, encode(photo(1, 20, 20), "PNG")
    for _ in range(70):
        path.mkdir()
        for name in ("a.png", "z.png"):
            (path / name).write_bytes(small)
        path /= "m"
    far = make_list(tmp_path / "far", FAR)
    fixed = ["--list", far, "--format", "jsonl", "--output", tmp_path / "out"]
    assert hashmatch(FEW, "scan", folder, *fixed).returncode == 0
    assert len(records(tmp_path / "out")) == 140
