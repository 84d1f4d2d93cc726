"""The command line as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
    process = start("scan", *arguments, "--format", "jsonl", plug_in=plug_in)
    output, errors = process.communicate(timeout=600)
    assert process.returncode < 64, errors.decode()
    return process.returncode, [json.loads(line) for line in output.splitlines()]
