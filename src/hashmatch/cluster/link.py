"""What the coordinator and its bridge say to each other: frames of JSON, over a socket pair.

The bridge unpickles what the cluster sends, as every client of Dask does. So whatever a node can
make it do, it can say no more than this, and the coordinator checks all of it.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import struct
import subprocess
from collections import deque
from typing import Any, NamedTuple

from hashmatch.examine.sandbox.forker import start_module
from hashmatch.examine.sandbox.jobs import ProtocolError
from hashmatch.examine.sandbox.protocol import MAX_FRAME, parse_message

HEADER = struct.Struct(">QBI")
"""The number of an attempt, or 0; whether a node said it; and the length of the JSON behind it."""

MAX_MANIFEST = 64 * 1024 * 1024
"""Bytes of a frame to the bridge, which holds a manifest."""

_RECEIVE = 1 << 18
_NEEDED = ("HOME", "PATH", "TMPDIR")
"""What Dask needs of the environment, the rest of which may hold secrets."""

_PATIENCE = 5.0


class Frame(NamedTuple):
    """What came over the wire."""

    attempt: int  # which attempt it is about; 0 for none
    by_node: bool  # a node said it, and not the bridge
    text: bytes  # JSON, not parsed yet


def encode_frame(attempt: int, text: bytes, *, by_node: bool = False) -> bytes:
    """A frame as it goes over the wire."""
    return HEADER.pack(attempt, by_node, len(text)) + text


def take_frames(buffer: bytearray, most: int = MAX_FRAME) -> list[Frame]:
    """Take all whole frames out of the buffer; raises ``ProtocolError`` if one is too long."""
    frames, place = [], 0
    while len(buffer) - place >= HEADER.size:
        attempt, by_node, length = HEADER.unpack_from(buffer, place)
        if length > most:
            raise ProtocolError
        end = place + HEADER.size + length
        if len(buffer) < end:
            break
        frames.append(Frame(attempt, by_node != 0, bytes(buffer[place + HEADER.size : end])))
        place = end
    del buffer[:place]
    return frames


class LostError(Exception):
    """The bridge has ended, or its messages are not valid."""


def start_bridge(channel: int) -> subprocess.Popen[bytes]:
    """Start the bridge process, whose end of the socket is ``channel``."""
    environment = {name: os.environ[name] for name in _NEEDED if name in os.environ}
    return start_module("hashmatch.cluster.bridge", channel, environment)


class Bridge:
    """The bridge process, as the coordinator has it.

    Its first message is the settings: where the scheduler is, and the TLS files. Raises ``OSError``
    if it cannot be started.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        with theirs:
            self._process = start_bridge(theirs.fileno())
        self.pid = self._process.pid
        self._received = bytearray()
        self._unsent: deque[memoryview] = deque()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._socket, selectors.EVENT_READ)
        self.say(0, settings)

    def say(self, attempt: int, message: dict[str, Any]) -> None:
        """Send a message, as soon as the bridge takes it."""
        self._unsent.append(memoryview(encode_frame(attempt, json.dumps(message).encode())))

    def listen(self, timeout: float) -> list[Frame]:
        """Wait for frames, at most ``timeout`` seconds, and send what waits to be sent.

        Raises ``LostError`` if the bridge has ended, or its messages are not valid.
        """
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)
        self._selector.modify(self._socket, events)
        try:
            for _, ready in self._selector.select(timeout):
                if ready & selectors.EVENT_WRITE:
                    self._send()
                if ready & selectors.EVENT_READ:
                    received = self._socket.recv(_RECEIVE)
                    if not received:
                        raise LostError
                    self._received += received
            return take_frames(self._received)
        except BlockingIOError:
            return []
        except (OSError, ProtocolError):
            raise LostError from None

    def _send(self) -> None:
        while self._unsent:
            sent = self._socket.send(self._unsent[0])
            if sent < len(self._unsent[0]):
                self._unsent[0] = self._unsent[0][sent:]
                return
            self._unsent.popleft()

    def close(self) -> None:
        """End it."""
        self._selector.close()
        self._socket.close()
        self._process.kill()
        self._process.wait(_PATIENCE)


def parse(frame: Frame) -> dict[str, Any]:
    """Parse what the bridge says itself, or raise ``LostError``."""
    try:
        return parse_message(frame.text)
    except ProtocolError:
        raise LostError from None
