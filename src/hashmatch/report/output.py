"""Where results go: standard output, or a file that is there whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from hashmatch.errors import OutputError
from hashmatch.files import sync_folder

# The medium's own failures; anything else that goes wrong meanwhile is not about the output
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})


@contextmanager
def open_output(path: Path | None) -> Iterator[TextIO]:
    """Open the results' destination for text in UTF-8.

    A file is written beside its place, synced, and renamed at the end; if something goes wrong
    before that, what was at ``path`` stays. Its mode is 0600, since it tells who matched. A link
    stays, and what it points to is replaced; a folder or a device is refused.

    Args:
        path: a file, or None for standard output.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        yield from _standard_output() if path is None else _file(path)
    except OSError as error:
        if error.errno in _FULL:
            raise _cannot_write(path, error) from error
        raise


def _file(path: Path) -> Iterator[TextIO]:
    try:
        target = path.resolve()
        if target.exists() and not target.is_file():
            raise OutputError("cannot write it: it is no regular file", path=str(path))
        descriptor, name = tempfile.mkstemp(prefix=".hashmatch-", suffix=".tmp", dir=target.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error
    temporary = Path(name)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="") as stream:
            yield stream
            stream.flush()
            os.fsync(descriptor)
        try:
            temporary.replace(target)
            sync_folder(target.parent)
        except OSError as error:
            raise _cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _standard_output() -> Iterator[TextIO]:
    if sys.stdout is None:  # Python's way of saying that it is closed
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    # Bytes in UTF-8 whatever the locale: names must come through as they are
    stream = io.TextIOWrapper(
        sys.stdout.buffer, encoding="utf-8", newline="", line_buffering=sys.stdout.isatty()
    )
    try:
        yield stream
        stream.flush()
    finally:
        stream.detach()


def _cannot_write(path: Path | None, error: OSError) -> OutputError:
    place = "standard output" if path is None else str(path)
    return OutputError(f"cannot write it: {os.strerror(error.errno or 0)}", path=place)
