"""Stands in for the command: asks a ``command_server`` to run it, and ends as it does.

It imports next to nothing, so that it starts at once.
"""

from __future__ import annotations

import json
import os
import socket
import sys

TYPE_CHECKING = False  # typing would take as long to import as the rest
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LENGTH = 4
"""Bytes of a number on a connection."""


def exactly(connection: socket.socket, size: int) -> bytes:
    """So many bytes.

    Raises:
        EOFError: the other side has gone.
    """
    data = bytearray()
    while len(data) < size:
        received = connection.recv(size - len(data))
        if not received:
            raise EOFError
        data += received
    return bytes(data)


def request(
    connection: socket.socket,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    streams: tuple[int, int, int],
    folder: str | None = None,
    own_zygotes: bool = False,
) -> None:
    """Have the server at the other end run the command, in this folder and with this umask."""
    umask = os.umask(0)
    os.umask(umask)
    wanted = {
        "arguments": arguments,
        "folder": folder or os.getcwd(),  # noqa: PTH109 # without importing pathlib
        "environment": environment,
        "umask": umask,
        "own_zygotes": own_zygotes,
    }
    data = json.dumps(wanted).encode()
    socket.send_fds(connection, [len(data).to_bytes(LENGTH, "big")], streams)
    connection.sendall(data)


def answer(connection: socket.socket) -> int:
    """What the server says: first the command's process id, then its exit code."""
    return int.from_bytes(exactly(connection, LENGTH), "big", signed=True)


def main() -> None:
    """Have the server at an address run the command with these arguments and streams."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(sys.argv[1])
        request(connection, sys.argv[2:], dict(os.environ), (0, 1, 2))
        answer(connection)
        code = answer(connection)
    if code < 0:
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    main()
