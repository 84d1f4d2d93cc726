"""Append to a journal: a file of lines that only grows, one writer at a time.

A record goes out in one write, at once, so a killed process loses nothing that it reported as
written; with ``sync`` it outlasts a power cut as well. A line that a crash or a full disk tore
stays in the file, and the next one begins after it. Nothing is ever removed, so the file may carry
the append-only flag of the file system.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hashmatch.custody.journal.chain import (
    BEGINNING,
    START_OF_CHAIN,
    Event,
    canonical,
    digest_of,
    parse,
    torn_event,
)
from hashmatch.errors import OutputError, SettingsError
from hashmatch.files import raising, sync_folder

try:
    import fcntl
except ImportError:  # Windows can read such files but not write them
    fcntl = None  # type: ignore[assignment] # a module, or None without one

_SYNC_SECONDS = 1.0
_RETRY_SECONDS = 0.01

_WINDOWS = (1 << 16, 1 << 22, 1 << 26)
"""Bytes from the end in which to look for the last whole record; each is tried in turn."""

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


class Journal:
    """A journal that is open for writing, by one process and thread at a time.

    Records added without ``sync`` outlast a killed process, but a power cut may take those of the
    last second. If a crash tore the last line, a record of type ``torn`` follows it.

    Args:
        path: the file, created with mode 0600 if need be. A symbolic link is refused.
        wait: seconds to wait for another writer to finish.

    Attributes:
        head: the digest of the last record; None after a failed write, until the next one.

    Raises:
        OutputError: the file cannot be opened, is not a journal, is writable for others than its
            owner, has another writer, or has damage that no crash explains.
        SettingsError: this system has no file locks.
    """

    def __init__(self, path: str | os.PathLike[str], *, wait: float = 0.0) -> None:
        self._path = os.fspath(path)
        self._seq = 0
        self._synced = 0.0
        self._newline_missing = False
        self.head: str | None = None
        if fcntl is None:
            raise SettingsError("this system lacks the file locks that this needs", path=self._path)
        with raising(OutputError, "cannot open the file for writing", self._path):
            self._descriptor = os.open(path, _FLAGS, 0o600)
        try:
            with raising(OutputError, "cannot use the file", self._path):
                self._check()
                self._lock(wait)
                self._resume()
        except BaseException:
            os.close(self._descriptor)
            raise

    def append(self, event: Event, *, sync: bool = False) -> dict[str, Any]:
        """Append a record, and return it as it was written.

        Args:
            event: a JSON object with the key ``type``.
            sync: return only once the record is on disk, with everything before it.

        Raises:
            OutputError: the record cannot be written.
        """
        if self.head is None:
            with raising(OutputError, "cannot use the file", self._path):
                self._resume()
        record: dict[str, Any] = {
            "seq": self._seq + 1,
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "event": event,
            "previous": self.head,
        }
        record["digest"] = digest_of(record)
        sync = sync or time.monotonic() - self._synced > _SYNC_SECONDS
        # Unknown until the write is complete, even if it is interrupted
        self.head = None
        self._write(canonical(record), sync=sync)
        if sync:
            self._synced = time.monotonic()
        self._seq += 1
        self.head = record["digest"]
        return record

    def close(self) -> None:
        """Close the file and let the next writer in."""
        os.close(self._descriptor)

    def _check(self) -> None:
        found = os.fstat(self._descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OutputError("not a regular file", path=self._path)
        if found.st_mode & _OTHERS_MAY_WRITE:
            raise OutputError(
                "other users may write to the file: run chmod 600 on it", path=self._path
            )
        # Sync the name too, or after a power cut the file could be in no folder
        if found.st_size == 0:
            sync_folder(Path(self._path).absolute().parent)

    def _lock(self, wait: float) -> None:
        until = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise OutputError("another process is writing to it", path=self._path) from None
                time.sleep(_RETRY_SECONDS)
            else:
                return

    def _resume(self) -> None:
        """Continue after the last whole record, and report what a crash left after it."""
        last, torn = self._tail()
        record = parse(last)
        self._seq, self.head = (
            (0, START_OF_CHAIN) if record is None else (record["seq"], record["digest"])
        )
        if torn:
            self.append(torn_event(len(torn), hashlib.sha256(torn).hexdigest()), sync=True)

    def _tail(self) -> tuple[bytes, bytes]:
        """The last whole record, as a line, and what a crash left after it; empty if nothing.

        Raises ``OutputError`` for another file, and for damage at its end that no crash explains.
        """
        size = os.fstat(self._descriptor).st_size
        for window in _WINDOWS:
            start = max(0, size - window)
            data = os.pread(self._descriptor, size - start, start)
            self._newline_missing = not data.endswith(b"\n") and data != b""
            found = _last_record(data)
            if found is None and start == 0 and self._begins_well():
                found = b"", data  # the disk was full from the first line on
            if found is not None and (self._newline_missing or not found[1]):
                return found
        if not self._begins_well():
            raise OutputError("not an audit trail or manifest: name a new file", path=self._path)
        raise OutputError(
            "the end of the file is damaged, and not by a crash: verify it, and begin a new file",
            path=self._path,
        )

    def _begins_well(self) -> bool:
        """Whether the file begins like a record, torn or not; a power cut may leave zeros."""
        head = os.pread(self._descriptor, len(BEGINNING), 0)
        return BEGINNING.startswith(head.rstrip(b"\0"))

    def _write(self, line: bytes, *, sync: bool) -> None:
        data = (b"\n" if self._newline_missing else b"") + line + b"\n"
        with raising(OutputError, "cannot write to the file", self._path):
            while data:
                data = data[os.write(self._descriptor, data) :]
            self._newline_missing = False
            if sync:
                os.fsync(self._descriptor)


def _last_record(data: bytes) -> tuple[bytes, bytes] | None:
    lines = data.removesuffix(b"\n").split(b"\n")
    # Several lines may be torn: a disk that is still full tears the line that reports it
    for position in range(len(lines) - 1, -1, -1):
        if parse(lines[position]) is not None:
            return lines[position], b"\n".join(lines[position + 1 :])
    return None
