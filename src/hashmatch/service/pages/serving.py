"""Serves the review page in a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from hashmatch.service.addresses import Address, bind
from hashmatch.service.asgi import AsgiServer, HttpBounds
from hashmatch.service.log import log_event, logging_to
from hashmatch.service.pages.review import ReviewPages
from hashmatch.service.server import remove_sockets, shown_address

_MOST_CLIENTS = 200
_REQUEST_SECONDS = 60.0


def serve_review(pages: ReviewPages, address: Address, socket_mode: int) -> None:
    """Serve until SIGTERM or SIGINT, or raise ``SettingsError`` if nothing can listen there."""
    with logging_to(sys.stdout.fileno()):
        asyncio.run(_serve(pages, address, socket_mode))


async def _serve(pages: ReviewPages, address: Address, socket_mode: int) -> None:
    listener = bind(address, socket_mode)
    server = AsgiServer(pages.app(), HttpBounds(_MOST_CLIENTS, _REQUEST_SECONDS))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(
            number, lambda: setattr(server, "should_exit", True)
        )
    log_event("listening", door="review", address=shown_address(address, listener.getsockname()))
    log_event("started", process=os.getpid())
    await server.serve([listener])
    remove_sockets([address])
    log_event("stopped")
