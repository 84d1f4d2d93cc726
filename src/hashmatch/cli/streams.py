"""The standard streams, whoever writes to them.

Every failure of standard output says what it is. And nothing that is written to a terminal collides
with the line there that tells how far a command has come.
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
    """One line on stderr that is written over, and wiped away before anything else is written."""

    _shown = False

    def show(self, text: str) -> None:
        """Show this instead; of what is too long for the terminal, the beginning."""
        try:
            columns = os.get_terminal_size(sys.stderr.fileno()).columns or _USUAL_COLUMNS
        except OSError:
            columns = _USUAL_COLUMNS
        self._put(f"\r{text[: columns - 1]}\x1b[K")
        self._shown = True

    def wipe(self) -> None:
        """Leave nothing of it."""
        if self._shown:
            self._shown = False
            self._put("\r\x1b[K")

    @staticmethod
    def _put(text: str) -> None:
        # Not through the stream, whose own writing wipes the line
        with suppress(OSError):
            os.write(sys.stderr.fileno(), text.encode())


status = StatusLine()


def say(*lines: str) -> None:
    """Tell the operator something on stderr, whatever file names it holds.

    If stderr is closed or full, nobody can be told; what the command does and how it exits must not
    depend on that.
    """
    with suppress(OSError, ValueError):
        for line in lines if sys.stderr is not None else ():
            sys.stderr.write(f"hashmatch: {printable(line)}\n")


def take_standard_streams() -> None:
    """Put our own streams in the place of ``sys.stdout``, also if it is closed, and ``sys.stderr``.

    Those of Python know nothing of the status line, nor that they are standard output.
    """
    out, err = sys.stdout, sys.stderr
    sys.stdout = _Closed() if out is None else _text(_StandardOutput(out.fileno()), out)
    if err is not None:
        sys.stderr = _text(_Stream(err.fileno()), err)


def _text(raw: io.RawIOBase, old: TextIO) -> TextIO:
    """A stream of text that is written as the old one was."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=old.encoding,
        errors=old.errors,
        # Where Python was told not to buffer, a line is the least that makes sense
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
        except BrokenPipeError:  # no failure: whoever reads has enough
            raise
        except OSError as error:
            raise _cannot_write(error.errno) from error


class _Closed(io.TextIOWrapper):
    """What stands for standard output that was closed before the command began."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO())

    @property
    def buffer(self) -> BinaryIO:
        raise _cannot_write(errno.EBADF)

    def write(self, _text: str, /) -> int:
        raise _cannot_write(errno.EBADF)


def _cannot_write(number: int | None) -> OutputError:
    return OutputError(f"cannot write it: {os.strerror(number or 0)}", path="standard output")
