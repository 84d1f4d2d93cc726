"""Writing a journal."""

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
    """A journal that is open for writing, by one process at a time.

    Records are written at once and outlast a killed process; those added with ``sync`` also outlast
    a power cut, which takes, of the others, those of the last second or so. A last line that a
    crash tore stays where it is, and a record of type ``torn`` says so. Not for several threads at
    a time.

    Args:
        path: the file; made with mode 0600 where there is none. A symbolic link is refused.
        wait: seconds to wait for another writer to finish.

    Attributes:
        head: the digest of the last record; None while it is unknown, after a failed write.

    Raises:
        OutputError: it cannot be opened, has another writer, is no journal, or is damaged otherwise
            than by a crash.
        SettingsError: this system has no locks for files.
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
        """Add a record of something that happened.

        Args:
            event: a JSON object with the key ``type``.
            sync: return only when the medium has it.

        Returns:
            The record as it was written, which is the new last one.

        Raises:
            OutputError: it could not be written.
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
        # Unknown until the write is through, whatever interrupts it
        self.head = None
        self._file.write(canonical(record), sync=sync)
        if sync:
            self._synced = time.monotonic()
        self._seq += 1
        self.head = record["digest"]
        return record

    def close(self) -> None:
        """Close the file, which lets the next writer in."""
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
