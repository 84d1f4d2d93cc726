"""Files of lines that only grow, one writer at a time.

A line goes out in one write, at once, so a killed process loses nothing that it reported as
written; with ``sync`` it outlasts a power cut as well. A line that a crash or a full disk tore
stays in the file, and the next one begins after it. Nothing is ever removed, so the file may carry
the append-only flag of the file system.
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
except ImportError:  # Windows can read such files but not write them
    fcntl = None  # type: ignore[assignment] # a module, or None without one

_WINDOWS = (1 << 16, 1 << 22, 1 << 26)
"""Bytes from the end in which to look for the last whole line; each is tried in turn."""

_FLAGS = (
    os.O_RDWR
    | os.O_APPEND
    | os.O_CREAT
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    # Do not block on a FIFO in place of the file
    | getattr(os, "O_NONBLOCK", 0)
)
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_RETRY_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Tail:
    """How a file of lines ends.

    Attributes:
        last: the last whole line, without its newline; empty if there is none.
        torn: what a crash left after that line; empty if nothing.
    """

    last: bytes
    torn: bytes


class AppendOnlyFile:
    """A file of lines that is open for writing.

    Args:
        path: the file, created with mode 0600 if need be. A symbolic link is refused.
        is_whole: tells a whole line, without its newline, from a torn one.
        beginning: how every line begins.
        wait: seconds to wait for another writer to finish.

    Raises:
        OutputError: the file cannot be opened, is not a regular file, is writable for others than
            its owner, or has another writer.
        SettingsError: this system has no file locks.
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
            raise SettingsError("this system has no file locks, which this needs", path=self.path)
        try:
            self._descriptor = os.open(path, _FLAGS, 0o600)
        except OSError as error:
            raise self._error("cannot open the file for writing", error) from error
        try:
            self._check()
            self._lock(wait)
        except OSError as error:
            os.close(self._descriptor)
            raise self._error("cannot lock the file", error) from error
        except OutputError:
            os.close(self._descriptor)
            raise

    def tail(self) -> Tail:
        """Read how the file ends now.

        Raises:
            OutputError: the file is something else, or its end has damage that no crash explains.
        """
        size = os.fstat(self._descriptor).st_size
        for window in _WINDOWS:
            start = max(0, size - window)
            data = os.pread(self._descriptor, size - start, start)
            self._newline_missing = not data.endswith(b"\n") and data != b""
            found = self._find_last(data)
            if found is None and start == 0 and self._begins_well():
                # The disk was full from the first line on
                found = Tail(b"", data)
            if found is not None and (self._newline_missing or not found.torn):
                return found
        if not self._begins_well():
            raise OutputError("not an audit trail or manifest: name a new file", path=self.path)
        raise OutputError(
            "the end of the file is damaged, and not by a crash: verify it, and begin a new file",
            path=self.path,
        )

    def _begins_well(self) -> bool:
        """Tell whether the file begins like a line, torn or not; a power cut may leave zeros."""
        head = os.pread(self._descriptor, len(self._beginning), 0)
        return self._beginning.startswith(head.rstrip(b"\0"))

    def _find_last(self, data: bytes) -> Tail | None:
        lines = data.removesuffix(b"\n").split(b"\n")
        # Several lines may be torn: a disk that is still full tears the line that reports it
        for position in range(len(lines) - 1, -1, -1):
            if self._is_whole(lines[position]):
                return Tail(lines[position], b"\n".join(lines[position + 1 :]))
        return None

    def write(self, line: bytes, *, sync: bool = False) -> None:
        """Append a line.

        Args:
            line: the line without its newline.
            sync: return only once it is on disk, with everything before it.

        Raises:
            OutputError: not all of it could be written. Read the ``tail`` before the next write.
        """
        data = (b"\n" if self._newline_missing else b"") + line + b"\n"
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as error:
            raise self._error("cannot write to the file", error) from error
        self._newline_missing = False
        if sync:
            self.sync()

    def sync(self) -> None:
        """Return once everything that was written is on disk.

        Raises:
            OutputError: the file cannot be synced.
        """
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise self._error("cannot write to the file", error) from error

    def close(self) -> None:
        """Close the file and let the next writer in."""
        os.close(self._descriptor)

    def _check(self) -> None:
        found = os.fstat(self._descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OutputError("not a regular file", path=self.path)
        if found.st_mode & _OTHERS_MAY_WRITE:
            raise OutputError(
                "other users may write to the file: run chmod 600 on it", path=self.path
            )
        # Sync the name too, or after a power cut the file could be in no folder
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
