"""No secret and no hash shows: not in output, logs, tracebacks, argument lists or kept files."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
import time
import traceback
from pathlib import Path

import pytest

from commands import COMMAND, environment
from hashmatch.cli.main import run
from hashmatch.fetch import FetchError

from .body import NOW, PATHS, SECRETS, Body, Change, in_environment, jwt, serving
from .conftest import Desk
from .test_kill import write_sources

CHANGES = [Change(number, NOW - 2_000 + number) for number in range(8)]
PLANTED = [*SECRETS.values(), jwt(1), *(each.hash for each in CHANGES)]


def assert_silent(*texts: str) -> None:
    """Check that neither a secret nor a hash is in any text."""
    for text in texts:
        for planted in PLANTED:
            assert planted not in text
            assert planted[:12] not in text


def kept_files(folder: Path) -> list[Path]:
    """The files below a folder, but for lists."""
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".hml"]


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("fault", ["", "malformed", "hash", "expired"])
def test_nothing_shows_at_debug_level(
    desk: Desk, name: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Logs of all libraries, errors, tracebacks and files but the staged pages stay silent."""
    caplog.set_level(logging.DEBUG)
    desk.body.changes = list(CHANGES)
    desk.body.faults = {2: [fault]}
    try:
        found = desk.fetch(name, attempts=1)
    except FetchError as error:
        assert_silent(str(error), repr(error), "".join(traceback.format_exception(error)))
    else:
        assert_silent(repr(found))
    assert caplog.records
    assert_silent(caplog.text, repr(desk.sources[name]))
    for path in kept_files(desk.folder):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600 or os.name != "posix"
        if not path.name.startswith("pages."):
            assert_silent(path.read_bytes().decode("latin-1"))


def test_the_command(certificates: Path, tmp_path: Path) -> None:
    """The command says what it fetched, keeps its arguments silent, and goes on after a fault."""
    now = int(time.time())
    changes = [Change(each.id, now - 2_000 + each.id) for each in CHANGES]
    body = Body(changes, faults={3: ["500"]}, now=now)
    arguments: list[str] = []
    with serving(body, certificates) as server:
        write_sources(server, tmp_path, certificates)
        path = tmp_path / "sources.toml"
        path.write_text(f"[none]\nkind = 'exec'\ncommand = ['/nowhere']\n{path.read_text()}")
        path.write_text(path.read_text().replace("\nca =", "\nattempts = 1\nca ="))

        def watch(_page: int) -> None:
            arguments.append(Path(f"/proc/{running.pid}/cmdline").read_text())

        body.kill = watch if sys.platform == "linux" else None
        command = [*COMMAND, "list", "fetch", "none", "tat", "stopncii", "-o", "lists"]
        outputs = []
        for faults, code in (({3: ["500"]}, 66), ({}, 66)):
            body.faults = faults
            running = subprocess.Popen(
                [*command, "--audit", "audit.jsonl"],
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment(**in_environment()),
                text=True,
            )
            outputs += running.communicate(timeout=60)
            assert running.returncode == code, outputs[-1]
    assert_silent(*outputs, *arguments, (tmp_path / "audit.jsonl").read_text())
    for name in ("stopncii", "tat"):
        assert f"hashmatch: {name}: page 3: the server answered 500\n" in outputs[1]
        assert f"{name}: 3 pages with 8 records; 0 entries before, 8 now\n" in outputs[2]
    assert "hashmatch: none: cannot run the command" in outputs[3]


def test_status(
    desk: Desk, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table and the JSON show each list's age and figures; exit 1 if one is too old."""
    desk.body.changes = list(CHANGES)
    desk.fetch("tat")
    desk.body.changes = [*CHANGES, Change(1, NOW, gone=True), Change(90, NOW)]
    desk.body.now += 50
    desk.fetch("tat")
    arguments = ["list", "status", "tat", "-o", str(desk.folder)]
    arguments += ["--sources", str(desk.folder.parent / "sources.toml")]

    class Clock:
        """A clock that shows two hours later."""

        at = NOW + 7_250

        @classmethod
        def now(cls, zone: object) -> object:
            from datetime import datetime  # noqa: PLC0415

            return datetime.fromtimestamp(cls.at, zone)  # type: ignore[arg-type]

    monkeypatch.setattr("hashmatch.cli.list_fetch.datetime", Clock)
    assert run(arguments) == 0
    out, _ = capfd.readouterr()
    rows = [line.split("  ") for line in out.splitlines()]
    cells = [[cell.strip() for cell in row if cell] for row in rows]
    assert cells == [
        ["source", "entries", "withdrawn", "age", "last success", "next fetch"],
        ["tat", "8", "1", "2 h", "2026-09-21 14:14Z", "in 22 h"],
    ]
    assert run([*arguments, "ncmec"]) == 1
    assert "no list" in capfd.readouterr().out
    assert run([*arguments, "--json"]) == 0
    (found,) = json.loads(capfd.readouterr().out)["sources"]
    assert found["age_seconds"] == 7_200
    assert found.keys() >= {"source", "entries", "last_success", "next_fetch", "withdrawn"}
    assert run([*arguments, "nobody"]) == 64
    Clock.at = NOW - 7_250  # the clock was wrong when the list was fetched
    assert run(arguments) == 1
    assert "made 2 h from now" in capfd.readouterr().out
