"""What the parsers of clamd's protocol and of ICAP share: events, and a body in chunks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BodyData:
    """Bytes of an upload as they arrive, without the lengths between them."""

    data: bytes


@dataclass(frozen=True, slots=True)
class BodyEnd:
    """The upload is complete."""


@dataclass(frozen=True, slots=True)
class DescriptorSent:
    """The byte that carries the descriptor of clamd's ``FILDES`` has arrived."""


@dataclass(frozen=True, slots=True)
class PreviewEnd:
    """ICAP's preview is over, and there is more of the body."""


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """What arrives is not the protocol. Nothing that follows can be understood."""


class BodyChunks:
    """What has arrived and is not parsed yet, and how much of it belongs to a chunk."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._left = 0

    def _take_chunk(self) -> BodyData | None:
        """Take what has arrived of a chunk; None if nothing has."""
        if not self._buffer:
            return None
        data = bytes(self._buffer[: self._left])
        del self._buffer[: len(data)]
        self._left -= len(data)
        return BodyData(data)
