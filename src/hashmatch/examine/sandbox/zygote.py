"""The process that workers are forked from.

A fresh interpreter, so nothing of the scanning process is in its memory, above all no list. It
loads the decoders once, gives up what rights it can, and forks in milliseconds, which matters when
a thousand hostile files each cost a worker.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

from hashmatch.errors import place_of
from hashmatch.examine.decode import lift_pillow_limit, load_decoders
from hashmatch.examine.sandbox.protocol import FORK, REAP, decode_options, frame, take_frame
from hashmatch.examine.sandbox.sandbox import die_with, enter_sandbox
from hashmatch.examine.sandbox.worker import serve
from hashmatch.model import ExamineOptions


def main(descriptor: int) -> None:
    """Serve the supervisor at that socket until it goes away."""
    # A Ctrl-C at the terminal is the supervisor's to handle
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=descriptor)
    settings = _receive(control)
    if settings is None:
        return
    options = decode_options(settings["options"])
    load_decoders(options.formats)
    if options.transforms is not None:
        from hashmatch.examine.transform import preload  # noqa: PLC0415 # few runs need it

        preload(options.transforms.names)
    lift_pillow_limit()
    control.sendall(frame(enter_sandbox(settings["max_memory"])))
    workers: set[int] = set()
    while request := _receive_request(control):
        command, number, channel = request
        if command == FORK and channel is not None:
            parent = os.getpid()
            pid = os.fork()
            if pid == 0:
                _become_worker(control, channel, options, parent)
            channel.close()
            workers.add(pid)
            control.sendall(frame({"pid": pid}))
        elif command == REAP:
            _, status, usage = os.wait4(number, 0)
            workers.discard(number)
            control.sendall(frame({"status": status, "peak_kib": usage.ru_maxrss}))
    for pid in workers:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)  # so that the time they took is counted as the scan's


def _become_worker(
    control: socket.socket, channel: socket.socket, options: ExamineOptions, parent: int
) -> None:
    code = 1
    try:
        die_with(parent)
        control.close()
        serve(channel, options)
        code = 0
    except ConnectionError:
        code = 0  # the supervisor has gone: nobody is left to answer
    except Exception as error:  # noqa: BLE001 # a mistake of ours: say where, and die of it
        with suppress(OSError):
            channel.sendall(frame({"died_of": place_of(error)}))
    finally:
        os._exit(code)


def _receive(control: socket.socket) -> dict[str, Any] | None:
    buffer = bytearray()
    while (message := take_frame(buffer)) is None:
        received = control.recv(65536)
        if not received:
            return None
        buffer += received
    return message


def _receive_request(control: socket.socket) -> tuple[bytes, int, socket.socket | None] | None:
    """One command, a number in 8 bytes, and perhaps a socket."""
    data, descriptors, _, _ = socket.recv_fds(control, 9, 1)
    if len(data) < 9:
        return None
    channel = socket.socket(fileno=descriptors[0]) if descriptors else None
    return data[:1], int.from_bytes(data[1:], "big"), channel


if __name__ == "__main__":
    main(int(sys.argv[1]))
    os._exit(0)  # nothing is left to tidy up, and the scan waits for this end
