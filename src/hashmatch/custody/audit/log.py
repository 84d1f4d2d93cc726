"""Writing an audit trail."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from hashmatch._version import __version__
from hashmatch.custody.journal import Event, Journal, who
from hashmatch.errors import OutputError
from hashmatch.files import Closing


class AuditLog(Closing):
    """An audit trail that is open for writing, by one process at a time. A context manager.

    A run is ``start``, any number of ``add``, and ``finish``. Leaving the block before ``finish``
    records that the run was aborted. Records are written at once and outlast a killed process.
    ``start``, ``finish`` and whatever is added with ``sync`` also outlast a power cut; of the
    others it takes those of the last second or so. Not for several threads at a time.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._running = False
        self._counts: Counter[str] = Counter()

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
            event: a JSON object with the key ``type``; it holds no hash.
            sync: return only when the medium has it.

        Raises:
            OutputError: it could not be written.
        """
        self._journal.append(event, sync=sync)
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
        head: str = self._journal.append(event, sync=True)["digest"]
        return head

    def close(self) -> None:
        """Close the file, which lets the next writer in."""
        self._journal.close()

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
                    self._journal.append({"type": "abort", "error": name}, sync=True)
        finally:
            super().__exit__(kind, error, trace)
