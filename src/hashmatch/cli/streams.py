"""The standard streams of the command.

An error on standard output names it, and whatever is written to a terminal first wipes the status
line there.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, TextIO

from hashmatch.errors import OutputError
from hashmatch.text import printable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


_USUAL_COLUMNS = 80


class StatusLine:
    """One line on a terminal, overwritten by updates and wiped before any other output."""

    _shown = False

    def show(self, text: str) -> None:
        """Replace the line; text too long for the terminal is cut."""
        try:
            columns = os.get_terminal_size(sys.stderr.fileno()).columns or _USUAL_COLUMNS
        except OSError:
            columns = _USUAL_COLUMNS
        self._put(f"\r{text[: columns - 1]}\x1b[K")
        self._shown = True

    def wipe(self) -> None:
        """Remove the line."""
        if self._shown:
            self._shown = False
            self._put("\r\x1b[K")

    @staticmethod
    def _put(text: str) -> None:
        # Not through the stream, which wipes the line before it writes
        with suppress(OSError):
            os.write(sys.stderr.fileno(), text.encode())


status = StatusLine()


def say(*lines: str) -> None:
    """Print lines on stderr, with file names in them made printable.

    If stderr is closed or full, this does nothing: the command and its exit code must not depend on
    it.
    """
    with suppress(OSError, ValueError):
        for line in lines if sys.stderr is not None else ():
            sys.stderr.write(f"hashmatch: {printable(line)}\n")


def take_standard_streams() -> None:
    """Replace ``sys.stdout``, even if it is closed, and ``sys.stderr`` with our own streams.

    Python's own do not wipe the status line, and their errors do not name standard output.
    """
    out, err = sys.stdout, sys.stderr
    sys.stdout = _Closed() if out is None else _text(_StandardOutput(out.fileno()), out)
    if err is not None:
        sys.stderr = _text(_Stream(err.fileno()), err)


def _text(raw: io.RawIOBase, old: TextIO) -> TextIO:
    """A text stream with the encoding and buffering of the old one."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=old.encoding,
        errors=old.errors,
        # If Python runs unbuffered, write line by line
        line_buffering=bool(old.line_buffering or getattr(old, "write_through", False)),
    )


class _Stream(io.RawIOBase):
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        status.wipe()
        return os.write(self._descriptor, data)


class _StandardOutput(_Stream):
    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:  # not a failure: the reader has enough
            raise
        except OSError as error:
            raise _cannot_write(error.errno) from error


class _Closed(io.TextIOWrapper):
    """Replaces a standard output that was closed before the command began."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO())

    @property
    def buffer(self) -> BinaryIO:
        raise _cannot_write(errno.EBADF)

    def write(self, _text: str, /) -> int:
        raise _cannot_write(errno.EBADF)


def _cannot_write(number: int | None) -> OutputError:
    return OutputError(f"cannot be written: {os.strerror(number or 0)}", path="standard output")
