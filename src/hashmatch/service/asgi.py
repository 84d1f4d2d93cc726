"""Serves an ASGI application on a socket that is open already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import uvicorn
from starlette.applications import Starlette

from hashmatch.service.http_connections import HttpBounds, HttpConnection

GRACE_SECONDS = 5


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
