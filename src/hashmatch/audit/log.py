"""Writing an audit trail."""

from __future__ import annotations

import hashlib
import os
import platform
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from hashmatch._version import __version__
from hashmatch.audit.chain import START_OF_CHAIN, Event, digest_of, parse
from hashmatch.errors import OutputError
from hashmatch.journal import Journal, canonical, torn_event

_SYNC_SECONDS = 1.0


class AuditLog:
    """An audit trail that is open for writing, by one process at a time. A context manager.

    A run is ``start``, any number of ``add``, and ``finish``. Leaving the block before ``finish``
    records that the run was aborted. Records are written at once and outlast a killed process.
    ``start``, ``finish`` and whatever is added with ``sync`` also outlast a power cut; of the
    others it takes those of the last second or so.

    Not for several threads at a time.

    Attributes:
        head: the digest of the last record; None while it is unknown, after a failed write.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._seq = 0
        self._running = False
        self._synced = 0.0
        self._counts: Counter[str] = Counter()
        self.head: str | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, wait: float = 0.0) -> Self:
        """Open a trail to go on where it ends, or begin one.

        A last line that a crash tore stays where it is, and a record of type ``torn`` says so.

        Args:
            path: the file; made with mode 0600 where there is none. A symbolic link is refused.
            wait: seconds to wait for another writer to finish.

        Raises:
            OutputError: it cannot be opened, has another writer, or is damaged otherwise than by a
                crash.
            SettingsError: this system has no locks for files.
        """
        journal = Journal(path, lambda line: parse(line) is not None, wait=wait)
        log = cls(journal)
        try:
            log._resume()
        except BaseException:
            journal.close()
            raise
        return log

    def start(
        self,
        *,
        command: str,
        settings: Mapping[str, Any],
        lists: Iterable[Mapping[str, Any]] = (),
        versions: Mapping[str, str] | None = None,
    ) -> None:
        """Record that a run begins: who runs what, where, with which settings and lists.

        Args:
            command: the command's name.
            settings: whatever could change what comes of the run.
            lists: each list's name, version and digest.
            versions: of what is used besides hashmatch and Python.

        Raises:
            OutputError: it could not be written.
        """
        self._running = True
        self._counts.clear()
        event = {
            "type": "start",
            "command": command,
            "who": {"uid": _uid(), "user": _user_name(), "host": platform.node()},
            "process": os.getpid(),
            "versions": {
                **(versions or {}),
                "hashmatch": __version__,
                "python": platform.python_version(),
            },
            "settings": dict(settings),
            "lists": [dict(each) for each in lists],
        }
        self._append(event, sync=True)

    def add(self, event: Event, *, sync: bool = False) -> None:
        """Record something that happened.

        Args:
            event: a JSON object with the key ``type``; it holds no hash.
            sync: return only when the medium has it.

        Raises:
            OutputError: it could not be written.
        """
        self._append(event, sync=sync or time.monotonic() - self._synced > _SYNC_SECONDS)
        self._counts[event["type"]] += 1

    def finish(self, *, exit_code: int, counts: Mapping[str, Any]) -> str:
        """Record that the run ended.

        Args:
            exit_code: what the process will exit with.
            counts: how many of what.

        Returns:
            The head: the digest of the last record, to be kept elsewhere.

        Raises:
            OutputError: it could not be written.
        """
        event = {
            "type": "finish",
            "exit_code": exit_code,
            "counts": dict(counts),
            "events": dict(self._counts),
        }
        self._running = False
        return self._append(event, sync=True)

    def close(self) -> None:
        """Close the file, which lets the next writer in."""
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._running:
                # What ended the run is worth more to the operator than a second complaint
                with suppress(OutputError):
                    name = None if kind is None else kind.__name__
                    self._append({"type": "abort", "error": name}, sync=True)
        finally:
            self.close()

    def _append(self, event: Event, *, sync: bool) -> str:
        if self.head is None:
            self._resume()
        record = {
            "seq": self._seq + 1,
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "event": event,
            "previous": self.head,
        }
        digest = digest_of(record)
        # Unknown until the write is through, whatever interrupts it
        self.head = None
        self._journal.write(canonical({**record, "digest": digest}), sync=sync)
        if sync:
            self._synced = time.monotonic()
        self._seq += 1
        self.head = digest
        return digest

    def _resume(self) -> None:
        tail = self._journal.tail()
        record = parse(tail.last)
        self._seq, self.head = (
            (0, START_OF_CHAIN) if record is None else (record["seq"], record["digest"])
        )
        if tail.torn:
            digest = hashlib.sha256(tail.torn).hexdigest()
            self._append(torn_event(len(tail.torn), digest), sync=True)


def _uid() -> int | None:
    return os.getuid() if hasattr(os, "getuid") else None


def _user_name() -> str | None:
    """The name of who runs this, from the system and not from variables that anyone can set."""
    try:
        import pwd  # noqa: PLC0415 # absent on Windows
    except ImportError:
        return None
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return None
