"""A process that has imported what zygotes import, and forks for each pool of the tests.

Importing NumPy, Pillow and the decoders takes a zygote longer than most tests take in all. A fork
of the nursery runs the same code on the same channel, and finds the modules loaded. It is no child
of the process that has it started. Tests of that, and of what a fresh interpreter can and cannot
do, ask for the fixture ``real_processes``.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from hashmatch.examine.sandbox import zygote
from hashmatch.examine.sandbox.loading import load_first, load_late, load_rest
from hashmatch.options import ExamineOptions

_LENGTH = 4
_REQUEST_BYTES = 65536


def is_customization(folder: str) -> bool:
    """Whether a folder on the path holds a module that Python runs as it starts, and no other."""
    return {*Path(folder).glob("*.py")} == {Path(folder, "sitecustomize.py")}


class NurseryProcess:
    """A fork of the nursery, with as much of ``Popen`` as the supervisor uses."""

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._descriptor = descriptor

    def poll(self) -> int | None:
        """Return 0 if it has ended; else None."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        if self.returncode is None:
            waiting = select.poll()
            waiting.register(self._descriptor, select.POLLIN)
            if not waiting.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired("zygote", timeout or 0)
            self.returncode = 0
            os.close(self._descriptor)
        return self.returncode

    def kill(self) -> None:
        """End it, if it has not ended."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)


def start_zygote(address: str, channel: int) -> NurseryProcess:
    """Have the nursery at an address fork a zygote with this channel."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        socket.send_fds(connection, [json.dumps(sys.path).encode()], [channel])
        answer, (descriptor,), _, _ = socket.recv_fds(connection, _LENGTH, 1)
    return NurseryProcess(int.from_bytes(answer, "big"), descriptor)


def _serve(listener: socket.socket, until: int) -> None:
    """Fork at each request, until the other end of a pipe is closed."""
    children: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([listener, until, *children], [], [])
        if until in ready:
            return
        for each in children.keys() & {*ready}:
            os.waitpid(children.pop(each), 0)
            os.close(each)
        if listener in ready:
            connection, _ = listener.accept()
            with connection, suppress(OSError):  # whoever asked may have been killed
                request, channels, _, _ = socket.recv_fds(connection, _REQUEST_BYTES, 1)
                for channel in channels:
                    pid = os.fork()
                    if pid == 0:
                        _become_zygote(json.loads(request), channel)
                    os.close(channel)
                    descriptor = os.pidfd_open(pid)
                    children[descriptor] = pid
                    socket.send_fds(connection, [pid.to_bytes(_LENGTH, "big")], [descriptor])


def _become_zygote(path: list[str], channel: int) -> NoReturn:
    """Run as a zygote that an interpreter of its own was started for."""
    os.dup2(channel, 3)
    os.closerange(4, os.sysconf("SC_OPEN_MAX"))
    sys.path[:] = path
    if any(map(is_customization, path)):
        sys.modules.pop("sitecustomize", None)
        import_module("sitecustomize")
    zygote.main(3)
    os._exit(0)


if __name__ == "__main__":
    load_first()
    load_rest(ExamineOptions(kinds=()))
    load_late()
    gc.collect()
    gc.freeze()
    _serve(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
