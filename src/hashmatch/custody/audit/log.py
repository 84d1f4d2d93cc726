"""Write an audit trail."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Self

from hashmatch._version import __version__
from hashmatch.custody.journal import Event, Journal, who
from hashmatch.errors import OutputError
from hashmatch.files import Closing


class AuditLog(Closing):
    """An audit trail that is open for writing, by one process and thread at a time.

    A run is ``start``, any number of ``add``, and ``finish``. Leaving the ``with`` block before
    ``finish`` records that the run was aborted. Records are written at once and outlast a killed
    process. ``start``, ``finish`` and records added with ``sync`` also outlast a power cut,
    which may take the other records of the last second.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._running = False
        self._counts: Counter[str] = Counter()

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, wait: float = 0.0) -> Self:
        """Open a trail to continue it, or begin one; see ``Journal`` for arguments and errors.

        If a crash tore the last line, it stays as it is, and a record of type ``torn`` follows.
        """
        return cls(Journal(path, wait=wait))

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
            command: the name of the command.
            settings: everything that could change the outcome of the run.
            lists: the name, version and digest of each list.
            versions: the versions of what is used besides hashmatch and Python.

        Raises:
            OutputError: the record cannot be written.
        """
        self._running = True
        self._counts.clear()
        event = {
            "type": "start",
            "command": command,
            "who": who(),
            "process": os.getpid(),
            "versions": {
                **(versions or {}),
                "hashmatch": __version__,
                "python": platform.python_version(),
            },
            "settings": dict(settings),
            "lists": [dict(each) for each in lists],
        }
        self._journal.append(event, sync=True)

    def add(self, event: Event, *, sync: bool = False) -> None:
        """Record something that happened.

        Args:
            event: a JSON object with the key ``type``; it must hold no hash.
            sync: return only once the record is on disk.

        Raises:
            OutputError: the record cannot be written.
        """
        self._journal.append(event, sync=sync)
        self._counts[event["type"]] += 1

    def finish(self, *, exit_code: int, counts: Mapping[str, Any]) -> str:
        """Record that the run ended.

        Args:
            exit_code: the exit code of the process.
            counts: what the run counted, by name.

        Returns:
            The head, which is the digest of the last record. Keep it elsewhere.

        Raises:
            OutputError: the record cannot be written.
        """
        event = {
            "type": "finish",
            "exit_code": exit_code,
            "counts": dict(counts),
            "events": dict(self._counts),
        }
        self._running = False
        head: str = self._journal.append(event, sync=True)["digest"]
        return head

    def close(self) -> None:
        """Close the file and let the next writer in."""
        self._journal.close()

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if self._running:
                # The operator needs the error that ended the run, not a second one
                with suppress(OutputError):
                    name = None if kind is None else kind.__name__
                    self._journal.append({"type": "abort", "error": name}, sync=True)
        finally:
            super().__exit__(kind, *rest)
