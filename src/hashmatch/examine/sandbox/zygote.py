"""The process that workers are forked from.

It is a fresh interpreter, so nothing of the scanning process is in its memory, above all no list.
It loads the decoders once and forks in milliseconds, which matters when a thousand hostile files
cost a worker each. It never reads untrusted bytes, and no worker has a channel to it.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import time
import warnings
from collections.abc import Collection
from contextlib import suppress
from typing import Any

from hashmatch.errors import place_of
from hashmatch.examine.sandbox.forker import kill_group
from hashmatch.examine.sandbox.loading import load_first, load_late, load_rest
from hashmatch.examine.sandbox.privileges import empty_folder
from hashmatch.examine.sandbox.protocol import (
    FORK,
    LOAD,
    REAP,
    decode_options,
    frame,
    take_frame,
)
from hashmatch.examine.sandbox.walls import enter_limits, raise_walls
from hashmatch.examine.sandbox.worker import serve
from hashmatch.options import ExamineOptions

_REAP_SECONDS = 1.0
"""How long to wait for a killed worker; a file on a dead network share can hold it longer."""

_CHANNEL = 3
"""A worker's only descriptor besides 0 to 2, which are /dev/null."""

_MOST_DESCRIPTORS = 1 << 16
"""A zygote has a handful of descriptors, but the system's limit can be a billion."""


class _Zygote:
    """Forks workers and reaps them."""

    def __init__(self, control: socket.socket, settings: dict[str, Any]) -> None:
        self._control = control
        self._options = decode_options(settings["options"])
        self._walls: list[str] = settings["walls"]
        self._was_root = os.geteuid() == 0
        self._folder = empty_folder() if "privileges" in self._walls else None
        load_rest(self._options)
        gc.freeze()  # or each worker would copy the pages of all that is loaded to look through it
        control.sendall(frame(enter_limits(settings["max_memory"])))
        self._workers: set[int] = set()

    def serve(self) -> None:
        """Do what the supervisor asks for until it is gone."""
        while request := self._receive():
            command, number, channel = request
            if command == FORK and channel is not None:
                with channel:
                    self._fork(channel)
            elif command == REAP:
                self._reap(number)
            elif command == LOAD:
                with suppress(Exception):  # a worker that still lacks it will say so
                    load_late()
        for pid in self._workers:
            kill_group(pid)
        for pid in self._workers:
            _wait(pid)  # so that their time counts as the scan's

    def _fork(self, channel: socket.socket) -> None:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._control.close()
            _become_worker(
                channel, self._options, self._walls, self._folder, self._was_root, parent
            )
        self._workers.add(pid)
        self._control.sendall(frame({"pid": pid}))

    def _reap(self, pid: int) -> None:
        self._workers.discard(pid)
        status, peak = _wait(pid)
        self._control.sendall(frame({"status": status, "peak_kib": peak}))

    def _receive(self) -> tuple[bytes, int, socket.socket | None] | None:
        """One command, a number of 8 bytes, and perhaps a socket."""
        data, descriptors, _, _ = socket.recv_fds(self._control, 9, 1)
        if len(data) < 9:
            return None
        channel = socket.socket(fileno=descriptors[0]) if descriptors else None
        return data[:1], int.from_bytes(data[1:], "big"), channel


def main(descriptor: int) -> None:
    """Serve the supervisor at this socket until it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor handles Ctrl-C
    warnings.simplefilter("ignore")  # nobody reads them, and printing one opens a source file
    control = socket.socket(fileno=descriptor)
    load_first()  # the supervisor reads its lists meanwhile
    buffer = bytearray()
    while (settings := take_frame(buffer)) is None:
        received = control.recv(65536)
        if not received:
            return
        buffer += received
    _Zygote(control, settings).serve()


def _become_worker(
    channel: socket.socket,
    options: ExamineOptions,
    walls: Collection[str],
    folder: int | None,
    was_root: bool,
    parent: int,
) -> None:
    code = 1
    try:
        os.setsid()  # so that whatever it starts can be killed with it
        channel, folder = _keep_only(channel, folder)
        holds = raise_walls(walls, folder, was_root=was_root, parent=parent)
        channel.sendall(frame({"walls": holds}))
        serve(channel, options)
        code = 0
    except ConnectionError:
        code = 0  # the supervisor is gone: nobody is left to answer
    except Exception as error:  # noqa: BLE001 # a bug of ours: report where it is, and die
        with suppress(OSError):
            channel.sendall(frame({"died_of": place_of(error)}))
    finally:
        os._exit(code)


def _keep_only(channel: socket.socket, folder: int | None) -> tuple[socket.socket, int | None]:
    """Close all descriptors except these two and 0 to 2, and move the channel to its place."""
    kept = os.dup(channel.fileno())  # copy first, so that neither overwrites the other
    spare = None if folder is None else os.dup(folder)
    channel.detach()
    os.dup2(kept, _CHANNEL)
    if spare is not None:
        os.dup2(spare, _CHANNEL + 1)
    limit = os.sysconf("SC_OPEN_MAX")  # -1 for none
    most = min(limit, _MOST_DESCRIPTORS) if limit > 0 else _MOST_DESCRIPTORS
    os.closerange(_CHANNEL + (1 if spare is None else 2), most)
    return (
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=_CHANNEL),
        None if spare is None else _CHANNEL + 1,
    )


def _wait(pid: int) -> tuple[int, int]:
    """How a killed worker ended: its status, and the most memory it used, in KiB."""
    deadline = time.monotonic() + _REAP_SECONDS
    pause = 0.0002
    while time.monotonic() < deadline:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            return status, usage.ru_maxrss
        time.sleep(pause)
        pause = min(2 * pause, 0.02)
    return signal.SIGKILL, 0


if __name__ == "__main__":
    main(int(sys.argv[1]))
    os._exit(0)  # there is nothing to clean up, and the scan is waiting for this process to end
