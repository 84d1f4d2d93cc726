"""Serves an ASGI application on a socket that is open already.

Its clients are bounded in number and in how long they may say nothing. uvicorn ends a connection
that stays silent after an answer. This also ends one that never makes a request, or makes one a
byte at a time; the deadline of an upload bounds its body.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

GRACE_SECONDS = 5


class HttpBounds:
    """How many clients there may be, and how long each may take to make a request.

    Args:
        most: connections at a time. One more ends the one that has owed a request for longest.
        seconds: for a request's headers.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self.most = most
        self.seconds = seconds
        self.silent: OrderedDict[HttpConnection, asyncio.TimerHandle] = OrderedDict()


class HttpConnection(HttpToolsProtocol):
    """A client of the HTTP door."""

    def __init__(self, bounds: HttpBounds, **given: Any) -> None:
        super().__init__(**given)
        self._bounds = bounds

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        """Make room for the client, and expect a request."""
        super().connection_made(transport)
        if len(self.connections) > self._bounds.most and self._bounds.silent:
            next(iter(self._bounds.silent)).transport.abort()
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        """Start on a request."""
        self._stop_waiting()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Expect the next request."""
        super().on_response_complete()
        if not self.transport.is_closing():
            self._expect_request()

    def _expect_request(self) -> None:
        self._stop_waiting()
        later = self.loop.call_later(self._bounds.seconds, self.transport.abort)
        self._bounds.silent[self] = later

    def _stop_waiting(self) -> None:
        waiting = self._bounds.silent.pop(self, None)
        if waiting is not None:
            waiting.cancel()


class AsgiServer(uvicorn.Server):
    """uvicorn, without its own handling of signals: set ``should_exit`` to end it."""

    def __init__(self, app: Starlette, bounds: HttpBounds) -> None:
        config = uvicorn.Config(
            app,
            http=partial(HttpConnection, bounds),  # type: ignore[arg-type] # makes such a protocol
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        super().__init__(config)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the caller."""
        yield
