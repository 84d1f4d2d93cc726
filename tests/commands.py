"""Runs the command ``hashmatch`` as users do, in a separate process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import hashmatch

COMMAND = [sys.executable, "-P", "-m", "hashmatch"]
"""Not with the current folder on the path: some tests run it in folders with strange names."""

SOURCE = str(Path(hashmatch.__file__).resolve().parent.parent)


def environment(**changes: str) -> dict[str, str]:
    """The environment of the command: that of the tests, with hashmatch importable."""
    found = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "NO_COLOR"}}
    return found | {"PYTHONPATH": SOURCE} | changes


def hashmatch_command(
    *arguments: str | bytes | Path, **options: Any
) -> subprocess.CompletedProcess:
    """Run the command and wait for it.

    Args:
        *arguments: of the command.
        **options: what ``subprocess.run`` takes.
    """
    options = {"capture_output": True, "env": environment(), "timeout": 60} | options
    return subprocess.run([*COMMAND, *arguments], check=False, **options)


def records(output: bytes) -> list[dict[str, Any]]:
    """The records that ``--format jsonl`` wrote."""
    return [json.loads(line) for line in output.splitlines()]
