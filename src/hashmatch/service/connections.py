"""Clients that connect to a door, each served by a task of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress

from hashmatch.service.log import log_event

_RECEIVE = 1 << 16
_NO_DESCRIPTOR_SECONDS = 0.1


class Client:
    """A connected client."""

    def __init__(self, connected: socket.socket, heard: Callable[[Client], None]) -> None:
        connected.setblocking(False)
        self._socket = connected
        self._heard = heard
        # the answer to give if the connection must end before there is a better one. Some clients
        # take a connection that just closes for a clean file
        self.owed: bytes | None = None
        # the client has had an answer and asks nothing now. One that has just connected is not
        # idle: it may be about to send a file
        self.is_idle = False
        # those that the client sent. Whoever uses one takes it out and closes it
        self.descriptors: list[int] = []

    async def receive(self) -> bytes:
        """What the client sends next; empty once it has closed its side."""
        data = await asyncio.get_running_loop().sock_recv(self._socket, _RECEIVE)
        self._heard(self)
        return data

    async def receive_with_descriptors(self) -> bytes:
        """As ``receive``, for clients of a unix socket that send open files, too."""
        while True:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._socket, _RECEIVE, 1)
            except BlockingIOError:
                await self._readable()
            else:
                self._heard(self)
                self.descriptors += descriptors
                return data

    async def send(self, data: bytes) -> None:
        """Send bytes. Before an answer, set ``owed`` to None."""
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    def close(self) -> None:
        """End the connection, and send the answer that is owed if the socket takes it at once."""
        if self.owed is not None:
            with suppress(OSError):
                self._socket.send(self.owed)
        for descriptor in self.descriptors:
            os.close(descriptor)
        self._socket.close()

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        loop.add_reader(self._socket, _set, ready)
        try:
            await ready
        finally:
            loop.remove_reader(self._socket)


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


class Connections:
    """Serves the clients of a door, up to a number of them.

    One more ends the connection that has been silent for longest, so slow clients cannot keep
    others out.
    """

    def __init__(self, door: str, converse: Callable[[Client], Awaitable[None]], most: int) -> None:
        self._door = door
        self._converse = converse
        self._most = most
        self._tasks: OrderedDict[Client, asyncio.Task[None]] = OrderedDict()

    async def serve(self, listener: socket.socket) -> None:
        """Accept connections until cancelled."""
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    connected, _ = await loop.sock_accept(listener)
                except OSError:  # no descriptor is left until others have closed theirs
                    self._end_most_silent()
                    await asyncio.sleep(_NO_DESCRIPTOR_SECONDS)
                    continue
                if len(self._tasks) >= self._most:
                    self._end_most_silent()
                client = Client(connected, self._tasks.move_to_end)
                self._tasks[client] = loop.create_task(self._serve(client))
                await asyncio.sleep(0)  # lets it begin: many may connect at once
        finally:
            listener.close()

    async def drain(self, seconds: float) -> None:
        """End the idle connections, and the others once the clients have had time for an answer."""
        for client, task in self._tasks.items():
            if client.is_idle:
                task.cancel()
        tasks = set(self._tasks.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()

    def _end_most_silent(self) -> None:
        if self._tasks:
            client, task = next(iter(self._tasks.items()))
            self._tasks.move_to_end(client)  # it may take a moment to end
            task.cancel()

    async def _serve(self, client: Client) -> None:
        try:
            await self._converse(client)
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # the client has left, says nothing, or makes room for another
        except Exception as error:  # noqa: BLE001 # one client must not end the door
            log_event("failed", level=logging.ERROR, error=error, door=self._door)
        finally:
            client.close()
            del self._tasks[client]
