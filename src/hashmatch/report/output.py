"""Open the destination of results: standard output, or a file that is written atomically."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from hashmatch.files import reported_as, write_atomically


@contextmanager
def open_output(path: Path | None) -> Iterator[TextIO]:
    """Open a file, or standard output for None, for text in UTF-8 under any locale.

    A file has mode 0600, since it says who matched, and replaces ``path`` only once it is complete;
    see ``write_atomically``. Raises ``OutputError`` if it cannot be written.
    """
    with ExitStack() as stack:
        if path is not None:
            raw, buffering = stack.enter_context(write_atomically(path)), False
        else:
            stack.enter_context(reported_as("standard output"))
            raw, buffering = _standard_output(), sys.stdout.isatty()
        stream = io.TextIOWrapper(raw, encoding="utf-8", newline="", line_buffering=buffering)
        try:
            yield stream
            stream.flush()
        finally:
            stream.detach()


def _standard_output() -> BinaryIO:
    if sys.stdout is None:  # Python's way of saying that it is closed
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    return sys.stdout.buffer
