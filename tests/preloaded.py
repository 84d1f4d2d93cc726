"""A process that has imported hashmatch, and forks for each command that a test runs.

A fork is a process of its own, with its own streams, signals and exit code. It does not import
NumPy, Typer and hashmatch again, which takes longer than most commands do.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pkgutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NoReturn

import hashmatch.cli
from hashmatch.__main__ import main
from hashmatch.cli.main import run

_STREAMS = 3
_LENGTH = 4


class Preloaded:
    """The process, as the tests have it.

    Args:
        environment: of the process, in which hashmatch can be imported.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=environment,
                stderr=subprocess.DEVNULL,
            )

    def run(
        self,
        arguments: Sequence[str | bytes | Path],
        folder: str | bytes | Path,
        environment: dict[str, str],
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run one command, with nothing on its standard input, and wait for it."""
        request = {
            "arguments": [os.fsdecode(argument) for argument in arguments],
            "folder": os.fsdecode(folder),
            "environment": environment,
        }
        null = Path(os.devnull)
        with TemporaryFile() as output, TemporaryFile() as errors, null.open("rb") as nothing:
            self._send(request, [nothing.fileno(), output.fileno(), errors.fileno()])
            code = self._wait(timeout)
            output.seek(0)
            errors.seek(0)
            return subprocess.CompletedProcess(arguments, code, output.read(), errors.read())

    def _send(self, request: dict[str, Any], streams: list[int]) -> None:
        data = json.dumps(request).encode()
        socket.send_fds(self._control, [len(data).to_bytes(_LENGTH, "big")], streams)
        self._control.sendall(data)

    def _wait(self, timeout: float) -> int:
        pid = _number(self._control)
        self._control.settimeout(timeout)
        try:
            return _number(self._control)
        except TimeoutError:
            os.kill(pid, 9)
            _number(self._control)
            raise
        finally:
            self._control.settimeout(None)

    def close(self) -> None:
        """End it."""
        self._control.close()
        self._process.wait()


def _number(control: socket.socket) -> int:
    return int.from_bytes(_exactly(control, _LENGTH), "big", signed=True)


def _exactly(control: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        received = control.recv(size - len(data))
        if not received:
            raise EOFError
        data += received
    return bytes(data)


def _serve(control: socket.socket) -> None:
    """Fork for one command after another, until nobody asks for one any more."""
    while True:
        length, streams, _, _ = socket.recv_fds(control, _LENGTH, _STREAMS)
        if not length:
            return
        request = json.loads(_exactly(control, int.from_bytes(length, "big")))
        pid = os.fork()
        if pid == 0:
            control.close()
            _become(request, streams)
        for stream in streams:
            os.close(stream)
        control.sendall(pid.to_bytes(_LENGTH, "big"))
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        control.sendall(code.to_bytes(_LENGTH, "big", signed=True))


def _become(request: dict[str, Any], streams: list[int]) -> NoReturn:
    """Run a command in this process as if it had been started for it."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv[1:] = request["arguments"]
    code: object = 1
    try:
        main()
        code = 0
    except SystemExit as ending:
        code = ending.code or 0
    finally:
        atexit._run_exitfuncs()  # the rest of Python's own end takes longer than most commands
        os._exit(code if isinstance(code, int) else 1)


def _load() -> None:
    """Import what commands import, and leave the garbage collector nothing to look at."""
    for module in pkgutil.walk_packages(hashmatch.cli.__path__, "hashmatch.cli."):
        import_module(module.name)
    run(["list", "bogus"])  # Typer loads more of itself when it first parses
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    _load()
    _serve(socket.socket(fileno=int(sys.argv[1])))
