"""Files of lines that only grow: one writer at a time, and no crash can garble what is written.

A line goes out in one write, at once, so that a killed process loses nothing that it reported as
written; ``sync`` makes it outlast a power cut as well. What a crash or a full disk tore off stays
in the file, and the next line begins after it. Nothing is ever taken back, so the file may have the
file system's own append-only flag.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hashmatch.errors import OutputError, SettingsError
from hashmatch.files import sync_folder

try:
    import fcntl
except ImportError:  # Windows: it can read such files, and write none
    fcntl = None  # type: ignore[assignment] # a module, or None where there is none

_WINDOWS = (1 << 16, 1 << 22, 1 << 26)
"""Bytes from the end in which to look for the last whole line, one after the other."""

_FLAGS = (
    os.O_RDWR
    | os.O_APPEND
    | os.O_CREAT
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    # A FIFO in the file's place must not hold us up
    | getattr(os, "O_NONBLOCK", 0)
)
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_RETRY_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Tail:
    """How a file of lines ends.

    Attributes:
        last: its last whole line, without the newline; empty where there is none.
        torn: what a crash left after that line; empty where there is nothing.
    """

    last: bytes
    torn: bytes


class AppendOnlyFile:
    """A file of lines that is open for writing.

    Args:
        path: the file; made with mode 0600 where there is none. A symbolic link is refused.
        is_whole: tells a whole line, without its newline, from what a crash may leave.
        beginning: what every line begins with.
        wait: seconds to wait for another writer to finish.

    Raises:
        OutputError: it cannot be opened, is no regular file, may be written by others than its
            owner, or has another writer.
        SettingsError: this system has no locks for files.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        is_whole: Callable[[bytes], bool],
        *,
        beginning: bytes,
        wait: float = 0.0,
    ) -> None:
        self.path = os.fspath(path)
        self._is_whole = is_whole
        self._beginning = beginning
        self._newline_missing = False
        if fcntl is None:
            raise SettingsError("this needs file locks, which this system lacks", path=self.path)
        try:
            self._descriptor = os.open(path, _FLAGS, 0o600)
        except OSError as error:
            raise self._error("cannot open it for writing", error) from error
        try:
            self._check()
            self._lock(wait)
        except OSError as error:
            os.close(self._descriptor)
            raise self._error("cannot lock it", error) from error
        except OutputError:
            os.close(self._descriptor)
            raise

    def tail(self) -> Tail:
        """Read how the file ends now.

        Raises:
            OutputError: the last line is whole but wrong, which no crash explains; or the file is
                something else.
        """
        size = os.fstat(self._descriptor).st_size
        for window in _WINDOWS:
            start = max(0, size - window)
            data = os.pread(self._descriptor, size - start, start)
            self._newline_missing = not data.endswith(b"\n") and data != b""
            found = self._find_last(data)
            if found is None and start == 0 and self._begins_well():
                # A disk that was full from the first line on
                found = Tail(b"", data)
            if found is not None and (self._newline_missing or not found.torn):
                return found
        if not self._begins_well():
            raise OutputError("it is no trail or manifest: name a new file", path=self.path)
        raise OutputError(
            "its end is damaged, and not by a crash: verify it, and begin a new file",
            path=self.path,
        )

    def _begins_well(self) -> bool:
        """Whether the file begins as a line does, torn or not; a power cut may leave zeros."""
        head = os.pread(self._descriptor, len(self._beginning), 0)
        return self._beginning.startswith(head.rstrip(b"\0"))

    def _find_last(self, data: bytes) -> Tail | None:
        lines = data.removesuffix(b"\n").split(b"\n")
        # More than one line may be torn: a disk that is still full tears the line that tells of it
        for position in range(len(lines) - 1, -1, -1):
            if self._is_whole(lines[position]):
                return Tail(lines[position], b"\n".join(lines[position + 1 :]))
        return None

    def write(self, line: bytes, *, sync: bool = False) -> None:
        """Append a line.

        Args:
            line: without its newline.
            sync: return only when the medium has it, and all that was written before.

        Raises:
            OutputError: it could not be written whole. Ask for the ``tail`` before the next one.
        """
        data = (b"\n" if self._newline_missing else b"") + line + b"\n"
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as error:
            raise self._error("cannot write to it", error) from error
        self._newline_missing = False
        if sync:
            self.sync()

    def sync(self) -> None:
        """Return when the medium has all that was written.

        Raises:
            OutputError: it failed.
        """
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise self._error("cannot write to it", error) from error

    def close(self) -> None:
        """Close the file, which lets the next writer in."""
        os.close(self._descriptor)

    def _check(self) -> None:
        found = os.fstat(self._descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OutputError("it is no regular file", path=self.path)
        if found.st_mode & _OTHERS_MAY_WRITE:
            raise OutputError("others than its owner may write to it: chmod 600", path=self.path)
        # The name must last as well, or a synced line could be in no folder after a power cut
        if found.st_size == 0:
            sync_folder(Path(self.path).absolute().parent)

    def _lock(self, wait: float) -> None:
        until = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise OutputError("another process is writing to it", path=self.path) from None
                time.sleep(_RETRY_SECONDS)
            else:
                return

    def _error(self, message: str, error: OSError) -> OutputError:
        return OutputError(f"{message}: {os.strerror(error.errno or 0)}", path=self.path)
