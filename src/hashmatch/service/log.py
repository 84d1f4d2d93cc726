"""Structured logs: one JSON object per line on standard output, without hashes or file names."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO

from hashmatch.errors import place_of

_NAME = "hashmatch.service"
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


class _LogHandler(logging.StreamHandler[TextIO]):
    """Writes to a stream until its reader has left; then it says so once and writes no more."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 # the name is logging's
        """Keep a traceback for each event out of standard error."""
        if not isinstance(sys.exc_info()[1], BrokenPipeError):
            super().handleError(record)
            return
        self.addFilter(lambda _: False)
        with suppress(OSError):
            print(_READER_LEFT, file=sys.stderr, flush=True)


def set_up_logs() -> None:
    """Send the logs of the service, and warnings of uvicorn, to standard output."""
    handler = _LogHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    for name, level in ((_NAME, logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False


def log_event(
    event: str,
    *,
    level: int = logging.INFO,
    error: BaseException | None = None,
    **fields: object,
) -> None:
    """Log an event; fields that are None are left out.

    Args:
        event: a name such as ``answered``.
        level: as in ``logging``.
        error: logged by its type and place.
        fields: what JSON can hold. No hash, and no name of a file that a client sent.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    logging.getLogger(_NAME).log(level, event, exc_info=error, extra={"fields": given})
