"""Runs the command ``hashmatch`` as users do, in a process of its own."""

from __future__ import annotations

import json
import os
import select
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any, TextIO

import command_client
import hashmatch
import nursery
from hashmatch.examine.sandbox import forker

COMMAND = [sys.executable, "-P", "-m", "hashmatch"]
"""Not with the current folder on the path: some tests run it in folders with strange names."""

forks = hasattr(os, "fork")
"""Whether commands may be forks of a process that has hashmatch loaded; see ``real_processes``."""

own_zygotes = False
"""Whether commands that are forks start zygotes of their own; see ``real_zygotes``."""

SOURCE = str(Path(hashmatch.__file__).resolve().parent.parent)


def environment(**changes: str) -> dict[str, str]:
    """The environment of the command: that of the tests, with hashmatch importable."""
    found = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "NO_COLOR"}}
    return found | {"PYTHONPATH": SOURCE} | changes


PATIENCE = 300
"""Seconds until a command counts as hung. One that takes 3 takes over 60 on a very busy machine."""

LIMITED = [sys.executable, "-B"]
"""Python for processes whose files cannot grow: a module's bytecode, cut short, would stay."""


def unmeasured() -> dict[str, str]:
    """The environment for those, in which coverage is not measured either."""
    return {key: value for key, value in environment().items() if "COVERAGE" not in key}


class Server:
    """A process that has loaded hashmatch, or part of it, and forks on request.

    Args:
        program: its file; it takes the descriptors of a listener, and of a pipe that ends with us.
        *arguments: what else it takes.
        env: its environment.
    """

    def __init__(self, program: str, *arguments: str, env: dict[str, str]) -> None:
        here = Path(__file__).parent
        self._folder = TemporaryDirectory()
        self.address = str(Path(self._folder.name) / "socket")
        self._end, until = os.pipe()[::-1]
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.address)
            listener.listen()
            given = (listener.fileno(), until)
            self._process = subprocess.Popen(
                [sys.executable, "-P", here / program, *map(str, given), *arguments],
                pass_fds=given,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**env, "PYTHONPATH": os.pathsep.join([SOURCE, str(here)])},
            )
        os.close(until)

    def close(self) -> None:
        """End it."""
        os.close(self._end)
        self._process.wait()
        self._folder.cleanup()


shared: dict[str, str] = {}
"""Addresses of preloaded processes that belong to whoever started this one; see ``addresses``."""


@cache
def _own_server() -> Server:
    nursery = [_nursery()] if has_nursery() else []
    return Server("command_server.py", *nursery, env=environment())


@cache
def _own_nursery() -> Server:
    return Server("nursery.py", env=forker.ENVIRONMENT)


def _server() -> str:
    return shared.get("server") or _own_server().address


def _nursery() -> str:
    return shared.get("nursery") or _own_nursery().address


def addresses() -> dict[str, str]:
    """Addresses of preloaded processes, for the processes that this one starts to share."""
    return {"server": _server(), "nursery": _nursery()} if forks and has_nursery() else {}


@cache
def has_nursery() -> bool:
    """Whether zygotes can be forks of a nursery: by ``pidfd_open``, on Linux 5.3 or later."""
    if not hasattr(os, "pidfd_open"):
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:  # the kernel, or whoever contains us
        return False
    return True


def quick_zygotes() -> Callable[[int], Any]:
    """In place of ``forker.start_zygote``: forks of a nursery, where plug-ins are as they are now.

    A nursery has loaded its plug-ins already. Where the path has changed, others may be found.
    """
    real, path = forker.start_zygote, [*sys.path]

    def start(channel: int) -> Any:
        added = [each for each in sys.path if each not in path]
        if sys.path != [*added, *path] or not all(map(nursery.is_customization, added)):
            return real(channel)
        return nursery.start_zygote(_nursery(), channel)

    return start if has_nursery() else real


def close() -> None:
    """End the processes that this one started to have hashmatch loaded."""
    for each in (_own_server, _own_nursery):
        if each.cache_info().currsize:
            each().close()
            each.cache_clear()


def quick_command() -> list[str]:
    """The command, in a fork of a process that has hashmatch loaded.

    It has its own exit code and streams, and the environment of whoever runs it. Signals to it,
    closed streams and what the interpreter reads from the environment want ``COMMAND``.
    """
    if not forks:
        return COMMAND
    client = Path(__file__).with_name("command_client.py")
    # Isolated and without site, since Python's own start is most of so small a program
    return [sys.executable, "-I", "-S", str(client), _server()]


class ForkedCommand:
    """A command that runs on, like ``quick_command``, with as much of ``Popen`` as tests use.

    Args:
        *arguments: of the command.
        output: where its standard output goes, and its errors after that; None for pipes.
        folder: where it runs; None for the current folder.
        source: a descriptor to read as its standard input; None for an empty one.
        server: the address of the process that forks for it; None for the usual one.
        **changes: of its environment.
    """

    def __init__(
        self,
        *arguments: str,
        output: tuple[int, int] | None = None,
        folder: str | None = None,
        source: int | None = None,
        server: str | None = None,
        **changes: str,
    ) -> None:
        self.returncode: int | None = None
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(server or _server())
        if output is None:
            (self.stdout, *first), (self.stderr, *second) = _pipe(), _pipe()
        with open(os.devnull) as nothing:
            stdin = nothing.fileno() if source is None else source
            streams = (stdin, *(output or (*first, *second)))
            known = environment(**changes)
            command_client.request(self._connection, arguments, known, streams, folder, own_zygotes)
        if output is None:
            for each in (*first, *second):
                os.close(each)
        self.pid = command_client.answer(self._connection)

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, and return the exit code."""
        if self.returncode is None:
            if not select.select([self._connection], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("hashmatch", timeout)
            self.returncode = command_client.answer(self._connection)
            self._connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it without warning, if it has not ended."""
        if self.poll() is None:
            self.send_signal(signal.SIGKILL)


def _pipe() -> tuple[TextIO, int]:
    """A pipe: its end to read, and the descriptor of the other."""
    readable, writable = os.pipe()
    return os.fdopen(readable), writable


def hashmatch_command(
    *arguments: str | bytes | Path, **options: Any
) -> subprocess.CompletedProcess[bytes]:
    """Run the command and wait for it.

    Args:
        *arguments: of the command.
        **options: what ``subprocess.run`` takes. With an ``env``, hashmatch is loaded anew.
    """
    if forks and options.keys() <= {"cwd", "timeout"}:
        return _forked([os.fsdecode(each) for each in arguments], **options)
    command = COMMAND if "env" in options else quick_command()
    options = {"capture_output": True, "env": environment(), "timeout": PATIENCE} | options
    return subprocess.run([*command, *arguments], check=False, **options)


def _forked(
    arguments: list[str], cwd: Path | str | None = None, timeout: float = PATIENCE
) -> subprocess.CompletedProcess[bytes]:
    """Run it without another interpreter in between."""
    with TemporaryFile() as output, TemporaryFile() as errors:
        streams = output.fileno(), errors.fileno()
        folder = None if cwd is None else str(cwd)
        command = ForkedCommand(*arguments, output=streams, folder=folder)
        try:
            code = command.wait(timeout)
        except subprocess.TimeoutExpired:
            command.send_signal(signal.SIGKILL)
            raise
        written = [(each.seek(0), each.read())[1] for each in (output, errors)]
    return subprocess.CompletedProcess(arguments, code, *written)


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
