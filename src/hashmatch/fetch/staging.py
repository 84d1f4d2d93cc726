"""Keeps the pages of a fetch on disk, in the body's own format, until all are there.

A page is appended to its file and synced; then its event is appended to the journal and synced. The
journal is the truth: whatever a file has beyond it was never received. All files have mode 0600.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from hashmatch.fetch.progress import Event, FetchProgress
from hashmatch.files import cannot_write, sync_folder

_JOURNAL = ".journal.jsonl"


class Staging:
    """A folder of staged pages; ``progress`` is where the fetch is, by the journal.

    Whatever writes raises ``OutputError`` if it cannot.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._journal_bytes = 0
        self.progress = self._replay()

    def path(self, file: str) -> Path:
        """Where a staged file is."""
        return self._folder / file

    def restart(self, event: Event) -> None:
        """Drop what is staged, and begin."""
        self.drop()
        try:
            self._folder.mkdir(mode=0o700, parents=True)
            sync_folder(self._folder.parent)
        except OSError as error:
            raise cannot_write(self._folder, error) from error
        self.commit(event)

    def drop(self) -> None:
        """Delete what is staged, the journal first: without it, nothing is staged."""
        self.path(_JOURNAL).unlink(missing_ok=True)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._journal_bytes, self.progress = 0, FetchProgress()

    @contextmanager
    def receive(self, file: str) -> Iterator[BinaryIO]:
        """Open a file to take the next page, behind the pages that are in it."""
        path = self.path(file)
        try:
            with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as stream:
                stream.truncate(self._length(file))
                stream.seek(0, os.SEEK_END)
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise cannot_write(path, error) from error

    def received(self, file: str) -> bytes:
        """The page that was received last."""
        with self.path(file).open("rb") as stream:
            stream.seek(self._length(file))
            return stream.read()

    def received_bytes(self, file: str) -> int:
        """How long that page is."""
        return self.path(file).stat().st_size - self._length(file)

    def commit(self, event: Event) -> None:
        """Append an event, once its page is on disk. A line that a crash tore is cut off."""
        path = self.path(_JOURNAL)
        line = json.dumps(event).encode() + b"\n"
        try:
            with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as stream:
                stream.truncate(self._journal_bytes)
                stream.seek(self._journal_bytes)
                stream.write(line)
                stream.flush()
                os.fsync(stream.fileno())
            sync_folder(self._folder)
        except OSError as error:
            raise cannot_write(path, error) from error
        self._journal_bytes += len(line)
        self.progress = self.progress.after(event)

    def _length(self, file: str) -> int:
        return dict(self.progress.files).get(file, 0)

    def _replay(self) -> FetchProgress:
        """Where the journal ends. This changes nothing: another process may be writing it."""
        progress = FetchProgress()
        try:
            whole, end, _ = self.path(_JOURNAL).read_bytes().rpartition(b"\n")
            for line in whole.splitlines():
                progress = progress.after(json.loads(line))
            self._journal_bytes = len(whole + end)
            for file, length in progress.files:
                if self.path(file).stat().st_size < length:
                    return FetchProgress()
        except (OSError, ValueError, KeyError, TypeError):
            return FetchProgress()
        return progress
