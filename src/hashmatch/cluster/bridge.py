"""The bridge: a client of Dask in a process of its own, which never sees a list.

A Dask client unpickles whatever workers answer, results and exceptions alike, so a node that was
taken over can run code in this process. It has nothing to find: manifests go in, and lines of JSON
come out, which the coordinator checks. Run as ``python -m hashmatch.cluster.bridge DESCRIPTOR``.

This is the only module that imports ``distributed``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import sys
import uuid
from contextlib import suppress
from typing import Any

import dask
from distributed import Client as _Client
from distributed.security import Security as _Security

from hashmatch.cluster.link import MAX_MANIFEST, encode_frame, take_frames
from hashmatch.cluster.task import examine_manifest

Client: Any = _Client  # Dask's own annotations are partial
Security: Any = _Security

_LOOK_SECONDS = 0.5
_CONNECT_SECONDS = 5
_LOST_SECONDS = 5.0
_RECEIVE = 1 << 18
_MOST_TEXT = 500

_SETTINGS = {
    "distributed.comm.retry.count": 0,
    "distributed.comm.timeouts.connect": f"{_CONNECT_SECONDS}s",
    "distributed.client.heartbeat": "2s",
}


class _Bridge:
    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._run = uuid.uuid4().hex
        self._settings: asyncio.Future[dict[str, Any]] = asyncio.Future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sending = asyncio.Lock()
        self._client: Any = None

    async def run(self) -> None:
        """Serve the coordinator until it closes its end, or the scheduler is lost."""
        reading = asyncio.create_task(self._read())
        settings = await self._settings
        tls = settings["tls"]
        security = None
        if tls is not None:
            security = Security(
                require_encryption=True,
                tls_ca_file=tls["ca"],
                tls_client_cert=tls["certificate"],
                tls_client_key=tls["key"],
            )
        try:
            async with Client(
                settings["scheduler"],
                asynchronous=True,
                security=security,
                set_as_default=False,
                timeout=_CONNECT_SECONDS,
            ) as client:
                self._client = client
                watching = asyncio.create_task(self._watch(client))
                await asyncio.wait({reading, watching}, return_when=asyncio.FIRST_COMPLETED)
        except (OSError, ValueError, TimeoutError) as error:
            await self._say(0, {"lost": _shortly(error)})

    async def _watch(self, client: Any) -> None:
        """Tell which workers there are, until the scheduler does not answer."""
        known = None
        while True:
            try:
                found = await asyncio.wait_for(client.scheduler.ncores(), _LOST_SECONDS)
            except (OSError, TimeoutError) as error:
                await self._say(0, {"lost": _shortly(error)})
                return
            if found != known:
                known = found
                await self._say(0, {"workers": sorted(found)})
            await asyncio.sleep(_LOOK_SECONDS)

    async def _read(self) -> None:
        loop, buffer = asyncio.get_running_loop(), bytearray()
        while received := await loop.sock_recv(self._stream, _RECEIVE):
            buffer += received
            for frame in take_frames(buffer, MAX_MANIFEST):
                message = json.loads(frame.text)
                if not self._settings.done():
                    self._settings.set_result(message)
                    continue
                task = asyncio.create_task(self._examine(frame.attempt, message))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _examine(self, attempt: int, message: dict[str, Any]) -> None:
        future = self._client.submit(
            examine_manifest,
            message["manifest"].encode(),
            message["jobs"],
            key=f"hashmatch-{self._run}-{attempt}",
            workers=[message["worker"]],
            allow_other_workers=False,
            pure=False,
        )
        try:
            answer = await future
        except asyncio.CancelledError:
            return  # the worker or the scheduler is gone, which the coordinator is told
        except Exception as error:  # noqa: BLE001 # whatever a node raises
            await self._say(attempt, {"end": "failed", "why": type(error).__name__})
        else:
            await self._pass_on(attempt, answer)
        finally:
            future.release()

    async def _pass_on(self, attempt: int, answer: object) -> None:
        """Send what a node answered, line by line; its last line says how it ended."""
        lines = answer.splitlines() if type(answer) is bytes else []
        frames = [encode_frame(attempt, line, by_node=True) for line in lines]
        frames.append(encode_frame(attempt, b'{"end": "answered"}'))
        await self._send(b"".join(frames))

    async def _say(self, attempt: int, message: dict[str, Any]) -> None:
        await self._send(encode_frame(attempt, json.dumps(message).encode()))

    async def _send(self, data: bytes) -> None:
        async with self._sending:
            await asyncio.get_running_loop().sock_sendall(self._stream, data)


def _shortly(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:_MOST_TEXT]


def main() -> None:
    """Run the bridge over the descriptor that the coordinator passed."""
    logging.disable()
    stream = socket.socket(fileno=int(sys.argv[1]))
    stream.setblocking(False)

    async def run() -> None:
        await _Bridge(stream).run()

    with dask.config.set(_SETTINGS), suppress(OSError, KeyboardInterrupt):
        asyncio.run(run())


if __name__ == "__main__":
    main()
