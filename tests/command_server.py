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
import signal
import socket
import sys
from collections.abc import Iterable
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
    _load_botocore()
    gc.collect()
    gc.freeze()


def _load_botocore() -> None:
    """Import what reaches buckets, most of it late."""
    with suppress(ImportError):
        session = import_module("botocore.session").Session()
        keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
        session.create_client("s3", region_name="us-east-1", **keys).close()


def _serve(listener: socket.socket, until: int) -> None:
    """Take one request after another, until the other end of a pipe is closed."""
    commands: dict[int, socket.socket] = {}
    ended, bell = os.pipe()
    for each in (ended, bell):
        os.set_blocking(each, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # or the bell would not ring
    signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
    while True:
        ready, _, _ = select.select([listener, until, ended], [], [])
        if until in ready:
            return
        if ended in ready:
            os.read(ended, 4096)
        _tell_ends(commands)
        if listener in ready:
            connection, _ = listener.accept()
            with suppress(EOFError, OSError):  # whoever asked may have been killed
                pid = _start(connection, (listener, *commands.values()), (until, ended, bell))
                commands[pid] = connection
                connection.sendall(pid.to_bytes(LENGTH, "big"))


def _tell_ends(commands: dict[int, socket.socket]) -> None:
    """Say how commands ended, to those who wait for them."""
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:  # it also counts their time as the tests'
            connection = commands.pop(found[0], None)
            if connection is not None:
                with connection, suppress(BrokenPipeError):
                    code = os.waitstatus_to_exitcode(found[1])
                    connection.sendall(code.to_bytes(LENGTH, "big", signed=True))


def _start(connection: socket.socket, others: Iterable[socket.socket], ours: Iterable[int]) -> int:
    """Read a request and fork a command for it, which has none of these sockets and descriptors."""
    length, streams, _, _ = socket.recv_fds(connection, LENGTH, 3)
    if not length:
        raise EOFError
    request = json.loads(exactly(connection, int.from_bytes(length, "big")))
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for each in (connection, *others):
            each.close()
        for descriptor in ours:
            os.close(descriptor)
        _become(request, streams)
    for stream in streams:
        os.close(stream)
    return pid


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
