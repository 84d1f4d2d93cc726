"""Append to a journal."""

from __future__ import annotations

import hashlib
import os
import time
from datetime import UTC, datetime
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
from hashmatch.custody.journal.file import AppendOnlyFile

_SYNC_SECONDS = 1.0


class Journal:
    """A journal that is open for writing, by one process and thread at a time.

    Records are written at once and outlast a killed process. Those added with ``sync`` also outlast
    a power cut, which may take the other records of the last second. If a crash tore the last
    line, it stays as it is, and a record of type ``torn`` follows.

    Args:
        path: the file, created with mode 0600 if need be. A symbolic link is refused.
        wait: seconds to wait for another writer to finish.

    Attributes:
        head: the digest of the last record; None after a failed write, until the next one.

    Raises:
        OutputError: the file cannot be opened, has another writer, is not a journal, or has damage
            that no crash explains.
        SettingsError: this system has no file locks.
    """

    def __init__(self, path: str | os.PathLike[str], *, wait: float = 0.0) -> None:
        self._file = AppendOnlyFile(
            path, lambda line: parse(line) is not None, beginning=BEGINNING, wait=wait
        )
        self._seq = 0
        self._synced = 0.0
        self.head: str | None = None
        try:
            self._resume()
        except BaseException:
            self._file.close()
            raise

    def append(self, event: Event, *, sync: bool = False) -> dict[str, Any]:
        """Append a record of something that happened.

        Args:
            event: a JSON object with the key ``type``.
            sync: return only once the record is on disk.

        Returns:
            The record as it was written.

        Raises:
            OutputError: the record cannot be written.
        """
        if self.head is None:
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
        self._file.write(canonical(record), sync=sync)
        if sync:
            self._synced = time.monotonic()
        self._seq += 1
        self.head = record["digest"]
        return record

    def close(self) -> None:
        """Close the file and let the next writer in."""
        self._file.close()

    def _resume(self) -> None:
        tail = self._file.tail()
        record = parse(tail.last)
        self._seq, self.head = (
            (0, START_OF_CHAIN) if record is None else (record["seq"], record["digest"])
        )
        if tail.torn:
            digest = hashlib.sha256(tail.torn).hexdigest()
            self.append(torn_event(len(tail.torn), digest), sync=True)
