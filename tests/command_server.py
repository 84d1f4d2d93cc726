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
import select
import socket
import sys
from contextlib import suppress
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import typer

import hashmatch.cli
import hashmatch.service
import nursery
from command_client import LENGTH, exactly
from hashmatch.__main__ import main
from hashmatch.cli.main import run
from hashmatch.cli.reference import reference
from hashmatch.errors import HashmatchError
from hashmatch.examine.sandbox import forker
from hashmatch.examine.sandbox.start import make_no_pool

_START_ZYGOTE = forker.start_zygote
_FIXTURES = Path(__file__).parent.parent / "fixtures"


def _load() -> None:
    """Import what commands import, and leave the garbage collector nothing to look at."""
    sys.path.remove(str(Path(__file__).parent))  # no worker is to import a test
    for package in (hashmatch.cli, hashmatch.service):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            with suppress(HashmatchError, ImportError):  # an extra, which its command asks for
                import_module(module.name)
    typer.main.get_command = cache(typer.main.get_command)  # the options are always the same
    reference()
    listed = "--list", f"{_FIXTURES}/hashes.txt"
    with TemporaryDirectory() as folder:  # so that what commands import late is there as well
        run(["scan", f"{_FIXTURES}/benign_images/originals", *listed, "--state", f"{folder}/state"])
        run(["list", "check", listed[1]])
    make_no_pool()  # of those that a command starts ahead
    gc.collect()
    gc.freeze()


def _serve(listener: socket.socket, until: int) -> None:
    """Take one request after another, until the other end of a pipe is closed."""
    while True:
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:  # also counts the time they took as the tests'
                pass
        ready, _, _ = select.select([listener, until], [], [])
        if until in ready:
            return
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            os.close(until)
            _answer(connection)
        connection.close()


def _answer(connection: socket.socket) -> NoReturn:
    """Start the command, and say how it ends."""
    length, streams, _, _ = socket.recv_fds(connection, LENGTH, 3)
    request = json.loads(exactly(connection, int.from_bytes(length, "big")))
    pid = os.fork()
    if pid == 0:
        connection.close()
        _become(request, streams)
    for stream in streams:
        os.close(stream)
    connection.sendall(pid.to_bytes(LENGTH, "big"))
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    connection.sendall(code.to_bytes(LENGTH, "big", signed=True))
    os._exit(0)


def _become(request: dict[str, Any], streams: list[int]) -> NoReturn:
    """Run a command in this process as if it had been started for it."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.umask(request["umask"])
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv[1:] = request["arguments"]
    if request["own_zygotes"]:
        forker.start_zygote = _START_ZYGOTE
    code: object = 1
    try:
        main()
        code = 0
    except SystemExit as ending:
        code = ending.code or 0
    finally:
        atexit._run_exitfuncs()  # the rest of Python's own end takes longer than most commands
        os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    _load()
    if sys.argv[3:]:
        forker.start_zygote = partial(nursery.start_zygote, sys.argv[3])
    _serve(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
