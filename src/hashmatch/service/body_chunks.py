"""What the parsers of clamd's protocol and of ICAP share: a body in chunks of known lengths."""

from __future__ import annotations

from hashmatch.service.protocol_events import BodyData


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
