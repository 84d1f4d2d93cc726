"""The command line as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from commands import hashmatch_command, records
from examine.sandbox import plants
from examine.sandbox.processes import descendants, wait_for, wait_until_idle

PROGRAM = [sys.executable, "-c", "from hashmatch.cli.main import main; main()"]


def environment(*folders: Path) -> dict[str, str]:
    """The environment, from which this hashmatch and these folders can be imported."""
    places = [*map(str, folders), *filter(None, sys.path)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(places)}


def start(*arguments: str | Path, plug_in: Sequence[Path] = (), **options: Any) -> Any:
    """Start a command."""
    return subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(*plug_in),
        **options,
    )


def scan(*arguments: str | Path, plug_in: Sequence[Path] = ()) -> tuple[int, list[dict[str, Any]]]:
    """The exit code and the records of a whole scan."""
    options = {"env": environment(*plug_in)} if plug_in else {}
    done = hashmatch_command("scan", *arguments, "--format", "jsonl", timeout=600, **options)
    assert done.returncode < 64, done.stderr.decode()
    return done.returncode, records(done.stdout)


BEFORE = 60
"""How many files of ``hanging_folder`` come before the one that hangs."""


def hanging_folder(root: Path) -> Path:
    """Many small pictures, one that hangs its worker, and some more; a plug-in for that."""
    folder = root / "pictures"
    folder.mkdir()
    data = [plants.picture(seed) for seed in range(5)]
    for number in range(BEFORE):
        (folder / f"{number:03}.jpg").write_bytes(data[number % 5])
    (folder / "500.jpg").write_bytes(plants.picture(1, plants.HANG))
    for number in range(600, 620):
        (folder / f"{number:03}.jpg").write_bytes(data[number % 5])
    plants.install(root / "plug-in")
    return folder


def start_hanging(root: Path, *options: str | Path, **settings: Any) -> tuple[Any, list[int]]:
    """Start a scan of ``hanging_folder``, and wait until it can do no more.

    Returns:
        The scan, and its workers and their zygote.
    """
    process = start(
        "scan", root / "pictures", "--jobs", "2", *options, plug_in=[root / "plug-in"], **settings
    )
    wait_for(lambda: any(map(plants.hangs, descendants(process.pid))))
    wait_until_idle(process.pid)
    return process, descendants(process.pid)
