"""Runs the command ``hashmatch`` as users do, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import hashmatch
from preloaded import Preloaded

COMMAND = [sys.executable, "-P", "-m", "hashmatch"]
"""Not with the current folder on the path: some tests run it in folders with strange names."""

SOURCE = str(Path(hashmatch.__file__).resolve().parent.parent)


def environment(**changes: str) -> dict[str, str]:
    """The environment of the command: that of the tests, with hashmatch importable."""
    found = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "NO_COLOR"}}
    return found | {"PYTHONPATH": SOURCE} | changes


@cache
def _preloaded() -> Preloaded:
    return Preloaded(environment())


def close() -> None:
    """End the process that has hashmatch loaded, if there is one."""
    if _preloaded.cache_info().currsize:
        _preloaded().close()
        _preloaded.cache_clear()


def hashmatch_command(
    *arguments: str | bytes | Path, cwd: str | bytes | Path | None = None, **options: Any
) -> subprocess.CompletedProcess[bytes]:
    """Run the command and wait for it.

    Args:
        *arguments: of the command.
        cwd: the folder to run it in.
        **options: what else ``subprocess.run`` takes. With any, hashmatch is loaded anew.
    """
    if hasattr(os, "fork") and not options:
        return _preloaded().run(arguments, Path.cwd() if cwd is None else cwd, environment())
    options = {"capture_output": True, "env": environment(), "timeout": 60, "cwd": cwd} | options
    return subprocess.run([*COMMAND, *arguments], check=False, **options)


def records(output: bytes) -> list[dict[str, Any]]:
    """The records that ``--format jsonl`` wrote."""
    return [json.loads(line) for line in output.splitlines()]
