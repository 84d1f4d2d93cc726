"""Standard output, of which every failure says what it is, whoever writes."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, BinaryIO

from hashmatch.errors import OutputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def take_standard_output() -> None:
    """Put a stream in the place of ``sys.stdout`` that fails with an ``OutputError``."""
    old = sys.stdout
    if old is None:
        sys.stdout = _Closed()
        return
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_StandardOutput(old.fileno())),
        encoding=old.encoding,
        errors=old.errors,
        # Where Python was told not to buffer, a line is the least that makes sense
        line_buffering=bool(old.line_buffering or getattr(old, "write_through", False)),
    )


class _StandardOutput(io.RawIOBase):
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return os.write(self._descriptor, data)
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
