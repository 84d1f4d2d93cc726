"""Structured logs: one JSON object per line on standard output, without hashes or file names.

A thread of its own writes them, so that a reader that falls behind never holds up an answer. A
thousand lines may wait for it; what comes on top of that is dropped and counted.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from hashmatch.errors import place_of

_NAME = "hashmatch.service"
_WAITING_LINES = 1000
_LAST_SECONDS = 1.0
_READER_LEFT = "hashmatch: the reader of the log has left: serving on without a log"


class JsonFormatter(logging.Formatter):
    """Formats a record as JSON. Of an exception it shows the type and place, never the message."""

    def format(self, record: logging.LogRecord) -> str:
        """One line: the time, level and event, then the fields given with ``log_event``."""
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            fields["error"] = place_of(record.exc_info[1])
        return json.dumps(fields)


class LogLines(logging.Handler):
    """Writes lines to a descriptor, from a thread, until their reader has left."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.dropped = 0  # how many lines found no room among those that wait
        self.reader_left = False  # nobody will read what is written from now on
        self._descriptor = descriptor
        self._waiting: queue.Queue[bytes | None] = queue.Queue(_WAITING_LINES)
        self._thread = threading.Thread(target=self._write, name="hashmatch-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the line; never wait."""
        if self.reader_left:
            return
        try:
            self._waiting.put_nowait(self.format(record).encode() + b"\n")
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Write what waits, if that takes no longer than a moment."""
        with suppress(queue.Full):
            self._waiting.put(None, timeout=_LAST_SECONDS)
            self._thread.join(_LAST_SECONDS)
        super().close()

    def _write(self) -> None:
        while (line := self._waiting.get()) is not None:
            try:
                while line:
                    line = line[os.write(self._descriptor, line) :]
            except OSError as error:
                self.reader_left = isinstance(error, BrokenPipeError)
                if self.reader_left:
                    with suppress(OSError):
                        print(_READER_LEFT, file=sys.stderr, flush=True)
                    return


_LINES: list[LogLines] = []
"""Where logs go, if anywhere."""


def dropped_lines() -> int:
    """How many lines of the log were dropped since the start."""
    return sum(each.dropped for each in _LINES)


@contextmanager
def logging_to(descriptor: int) -> Iterator[LogLines]:
    """Send the logs of the service, and warnings of uvicorn, to a descriptor."""
    handler = LogLines(descriptor)
    handler.setFormatter(JsonFormatter())
    _LINES.append(handler)
    loggers = [logging.getLogger(name) for name in (_NAME, "uvicorn")]
    for logger, level in zip(loggers, (logging.INFO, logging.WARNING), strict=True):
        logger.addHandler(handler)
        logger.setLevel(level)
        logger.propagate = False
    try:
        yield handler
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        handler.close()
        _LINES.remove(handler)


def log_event(
    event: str,
    *,
    level: int = logging.INFO,
    error: BaseException | None = None,
    **fields: object,
) -> None:
    """Log an event such as ``answered``, with its fields; those that are None are left out.

    An error is logged by its type and place. Fields hold no hash, and no name that a client sent.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    logging.getLogger(_NAME).log(level, event, exc_info=error, extra={"fields": given})
