"""Ports for servers that must be told one, since they cannot choose it and say which it is."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

_LOWEST, _HIGHEST = 10_000, 32_000
"""Below those that systems give to clients and to servers that ask for any port."""


def free_port() -> int:
    """A port of this machine that nobody listens on, and that nobody else is soon given."""
    while True:
        port = random.SystemRandom().randint(_LOWEST, _HIGHEST)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
