"""Files that a command would both read and write."""

from __future__ import annotations

import inspect
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from commands import hashmatch_command
from hashmatch.cli.command import uses_of
from hashmatch.cli.main import app
from pictures import encode, photo

TEXT = b"# algorithm: phash\n0123456789abcdef one\n"


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a picture and a file of each kind that commands take, named after its kind."""
    place = tmp_path_factory.mktemp("scanned")
    (place / "up").mkdir()
    (place / "up" / "a.png").write_bytes(encode(photo(1, 64, 48), "PNG"))
    for name in ("list", "other", "used"):
        (place / name).write_bytes(TEXT)
        (place / name).chmod(0o600)
    (place / "paths").write_bytes(b"up/a.png\n")
    scan = ("scan", "up", "--list", "list", "--jobs", "1", "--format", "jsonl")
    more = ("--state", "state", "--audit", "audit", "--output", "results")
    done = hashmatch_command(*scan, *more, cwd=place)
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture
def place(scanned: Path, tmp_path: Path) -> Path:
    """A copy of that folder, for a test to destroy."""
    return Path(shutil.copytree(scanned, tmp_path / "place"))


@pytest.mark.parametrize(
    ("command", "first", "second"),
    [
        ("scan up --list used --output used", "--list", "--output"),
        ("scan up --list list --output ./list", "--list", "--output"),
        ("scan up --list fd:0 --output list", "--list", "--output"),
        ("scan up --list list --state state --output state", "--output", "--state"),
        ("scan up --list list --audit audit --output audit", "--output", "--audit"),
        ("scan up --list list --state new --audit up/../new", "--state", "--audit"),
        ("scan --files-from paths --list list --output paths", "--output", "--files-from"),
        ("scan up/a.png --list list --output up/a.png", "PATH", "--output"),
        ("scan up --list list --suppress used --seen-versions used", "--suppress", "--seen-ver"),
        ("scan up --list list --output list.sig", "--list", "--output"),
        ("hash up/a.png --output up/a.png", "PATH", "--output"),
        ("rematch --state state --list list --output state", "--state", "--output"),
        ("report results -o results", "RESULTS.jsonl", "--output"),
        ("report --state state -o state", "--state", "--output"),
        ("review export --state state -o state", "--state", "--output"),
        ("review stats --state state -o state", "--state", "--output"),
        ("list compile list -o list", "LIST", "--output"),
        ("list merge other list -o list", "LIST...", "--output"),
        ("list keygen --key k --public-key k", "--key", "--public-key"),
        ("list sign list --key list.sig", "LIST", "--key"),
        ("evaluate up --list list --cache list", "--list", "--cache"),
        ("scan up --list - --list fd:0", "--list", "--list"),
        ("scan --list - --files-from -", "--files-from", "--list"),
    ],
)
def test_what_is_read_is_not_written(place: Path, command: str, first: str, second: str) -> None:
    """Two options that name one file are refused by their names, and no file changes."""
    before = contents(place)
    with (place / "list").open("rb") as stream:
        done = hashmatch_command(*command.split(), cwd=place, stdin=stream)
    assert (done.returncode, done.stdout) == (64, b"")
    told = done.stderr.decode()
    assert "same" in told
    assert first in told
    assert second in told
    assert contents(place) == before


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_another_name_is_the_same_file(place: Path, link: Any) -> None:
    """A hard or a symbolic link does not hide that the output is the list."""
    link(place / "list", place / "link")
    done = hashmatch_command("scan", "up", "--list", "list", "--output", "link", cwd=place)
    assert done.returncode == 64
    assert (place / "list").read_bytes() == (place / "link").read_bytes() == TEXT


def test_an_output_may_lie_in_what_is_scanned(place: Path) -> None:
    """Results below a scanned folder are fine, and so is reading one list for two options."""
    scan = ("scan", "up", "--list", "list", "--list", "./list", "--jobs", "1")
    assert hashmatch_command(*scan, "--output", "up/results", cwd=place).returncode == 0
    assert (place / "up" / "results").read_bytes()


def test_a_cache_that_is_none_is_left_alone(place: Path) -> None:
    """``evaluate --cache`` refuses a file that holds something else."""
    done = hashmatch_command("evaluate", "up", "--cache", "used", "--jobs", "1", cwd=place)
    assert done.returncode == 64
    assert b"used: not a cache of an evaluation" in done.stderr
    assert (place / "used").read_bytes() == TEXT


def test_a_run_that_is_refused_leaves_no_trace(place: Path) -> None:
    """A wrong list leaves no audit trail, and a folder that others may enter stays as it was."""
    (place / "used").write_bytes(b"no hash\n")
    (place / "new").mkdir()
    (place / "new").chmod(0o755)
    before = sorted(place.rglob("*"))
    for command, code in (
        ("scan up --list used --audit trail --jobs 1", 65),
        ("rematch --state state --list used --audit trail --jobs 1", 65),
        ("scan up --list list --quarantine new --jobs 1", 70),
    ):
        done = hashmatch_command(*command.split(), cwd=place)
        assert done.returncode == code, done.stderr
        assert sorted(place.rglob("*")) == before


def test_every_option_that_names_a_file_says_what_is_done_with_it() -> None:
    """Every option that names a file or a folder has its mark."""
    unmarked = {
        (command.name, name)
        for command in commands_of(typer.main.get_command(app))
        for name, parameter in inspect.signature(command.callback, eval_str=True).parameters.items()
        if "Path" in str(parameter.annotation) or "FILE" in str(parameter.annotation)
        if not uses_of(parameter.annotation)
    }
    assert not unmarked


def commands_of(command: Any) -> Iterator[Any]:
    """All commands below a group."""
    for name, child in command.commands.items():
        loaded = child.make_context(name, [], resilient_parsing=True).command
        yield from commands_of(loaded) if hasattr(loaded, "commands") else [loaded]


def contents(folder: Path) -> dict[Path, bytes]:
    """What every file in a folder holds."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
