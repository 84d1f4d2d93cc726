"""Runs the command ``hashmatch`` as users do, in a process of its own."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hashmatch

COMMAND = [sys.executable, "-P", "-m", "hashmatch"]
"""Not with the current folder on the path: some tests run it in folders with strange names."""

SOURCE = str(Path(hashmatch.__file__).resolve().parent.parent)


def environment(**changes: str) -> dict[str, str]:
    """The environment of the command: that of the tests, with hashmatch importable."""
    found = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "NO_COLOR"}}
    return found | {"PYTHONPATH": SOURCE} | changes


class _Server:
    """A ``command_server``, which has hashmatch loaded."""

    def __init__(self) -> None:
        here = Path(__file__).parent
        self._folder = TemporaryDirectory()
        self.address = str(Path(self._folder.name) / "socket")
        self._end, until = os.pipe()[::-1]
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.address)
            listener.listen()
            given = (listener.fileno(), until)
            self._process = subprocess.Popen(
                [sys.executable, "-P", here / "command_server.py", *map(str, given)],
                pass_fds=given,
                stderr=subprocess.DEVNULL,
                env=environment(PYTHONPATH=os.pathsep.join([SOURCE, str(here)])),
            )
        os.close(until)

    def close(self) -> None:
        """End it."""
        os.close(self._end)
        self._process.wait()
        self._folder.cleanup()


@cache
def _server() -> _Server:
    return _Server()


def close() -> None:
    """End the process that has hashmatch loaded, if there is one."""
    if _server.cache_info().currsize:
        _server().close()
        _server.cache_clear()


def quick_command() -> list[str]:
    """The command, in a fork of a process that has hashmatch loaded.

    It has its own exit code and streams, and the environment of whoever runs it. Signals to it,
    closed streams and what the interpreter reads from the environment want ``COMMAND``.
    """
    if not hasattr(os, "fork"):
        return COMMAND
    client = Path(__file__).with_name("command_client.py")
    # Isolated and without site, since Python's own start is most of so small a program
    return [sys.executable, "-I", "-S", str(client), _server().address]


def hashmatch_command(
    *arguments: str | bytes | Path, **options: Any
) -> subprocess.CompletedProcess[bytes]:
    """Run the command and wait for it.

    Args:
        *arguments: of the command.
        **options: what ``subprocess.run`` takes. With an ``env``, hashmatch is loaded anew.
    """
    command = COMMAND if "env" in options else quick_command()
    options = {"capture_output": True, "env": environment(), "timeout": 60} | options
    return subprocess.run([*command, *arguments], check=False, **options)


def install_command(folder: Path) -> Path:
    """Put the command into a folder ``bin``, for shell scripts to run, and return that."""
    command = folder / "bin" / "hashmatch"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {shlex.join(quick_command())} "$@"\n')
    command.chmod(0o755)
    return command.parent


def records(output: bytes) -> list[dict[str, Any]]:
    """The records that ``--format jsonl`` wrote."""
    return [json.loads(line) for line in output.splitlines()]
