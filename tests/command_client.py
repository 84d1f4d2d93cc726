"""Stands in for the command: asks a ``command_server`` to run it, and ends as it does.

It imports next to nothing, so that it starts at once.
"""

from __future__ import annotations

import json
import os
import socket
import sys

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


def main() -> None:
    """Have the server at an address run the command with these arguments and streams."""
    umask = os.umask(0)
    os.umask(umask)
    request = {
        "arguments": sys.argv[2:],
        "folder": os.getcwd(),  # noqa: PTH109 # without importing pathlib
        "environment": dict(os.environ),
        "umask": umask,
    }
    data = json.dumps(request).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(sys.argv[1])
        socket.send_fds(connection, [len(data).to_bytes(LENGTH, "big")], (0, 1, 2))
        connection.sendall(data)
        code = int.from_bytes(exactly(connection, LENGTH), "big", signed=True)
    if code < 0:
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    main()
