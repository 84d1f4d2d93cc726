"""Forks on request, in a process that has already loaded what tests start again and again.

A fork is a process of its own, with its own streams, signals and exit code.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NoReturn

from command_client import LENGTH, exactly

Run = Callable[[dict[str, Any]], object]
"""What a fork does with the request that it was made for, once it has all that belongs to it."""


def serve(run: Run, listener: socket.socket, until: int) -> None:
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
                ours = (listener, *commands.values())
                pid = _start(run, connection, ours, (until, ended, bell))
                commands[pid] = connection
                connection.sendall(pid.to_bytes(LENGTH, "big"))


def _tell_ends(commands: dict[int, socket.socket]) -> None:
    """Say how commands ended, to those who wait for them."""
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:  # it also counts their time as the tests'
            connection = commands.pop(found[0], None)
            if connection is not None:
                with connection, suppress(OSError):  # as below
                    code = os.waitstatus_to_exitcode(found[1])
                    connection.sendall(code.to_bytes(LENGTH, "big", signed=True))


def _start(
    run: Run, connection: socket.socket, others: Iterable[socket.socket], ours: Iterable[int]
) -> int:
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
        _become(run, request, streams)
    for stream in streams:
        os.close(stream)
    return pid


def _become(run: Run, request: dict[str, Any], streams: list[int]) -> NoReturn:
    """Run in this process as if it had been started for the request."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.umask(request["umask"])
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv[1:] = request["arguments"]
    code: object = 1
    try:
        run(request)
        code = 0
    except SystemExit as ending:
        code = ending.code or 0
    finally:
        atexit._run_exitfuncs()  # the rest of Python's own end takes longer than most commands
        os._exit(code if isinstance(code, int) else 1)
