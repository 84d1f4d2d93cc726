"""Where a source's list is, and what is kept beside it from one fetch to the next.

::

    lists/ncmec.hml                    the list, for scan and serve
    lists/.fetch/ncmec/kept.json       the checkpoint, and the figures that ``list status`` shows
    lists/.fetch/ncmec/revisions.npz   when each record last changed
    lists/.fetch/ncmec/staged/         the pages of a fetch that is not complete
    lists/.fetch/ncmec/lock
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from hashmatch.errors import HashListError, OutputError, SettingsError
from hashmatch.fetch.progress import Kept
from hashmatch.files import cannot_write, write_atomically
from hashmatch.hashlist import HashList
from hashmatch.hashlist.revisions import Revisions

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


class Home:
    """The files of one source."""

    def __init__(self, lists: Path, name: str) -> None:
        self._folder = lists / ".fetch" / name
        self.list_path = lists / f"{name}.hml"
        self.staged = self._folder / "staged"
        self._kept = self._folder / "kept.json"
        self._revisions = self._folder / "revisions.npz"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from fetching this source.

        Raises:
            OutputError: another process is fetching it, or the folder cannot be written.
            SettingsError: this system has no file locks.
        """
        if fcntl is None:
            raise SettingsError("fetching lists needs file locks, which this system does not have")
        path = self._folder / "lock"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise cannot_write(path, error) from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                message = "another process is fetching this list"
                raise OutputError(message, path=str(path)) from None
            yield
        finally:
            os.close(descriptor)

    def kept(self) -> Kept:
        """What the last fetch left behind; empty if it cannot be read, which means a full fetch."""
        try:
            return Kept(**json.loads(self._kept.read_bytes()))
        except (OSError, ValueError, TypeError):
            return Kept()

    def keep(self, kept: Kept) -> None:
        """Write what the next fetch needs, or raise ``OutputError``."""
        with write_atomically(self._kept) as stream:
            stream.write(json.dumps(asdict(kept), indent=1).encode() + b"\n")

    def revisions(self) -> Revisions:
        """When each record last changed; raises ``HashListError`` if that cannot be read."""
        return Revisions.load(self._revisions)

    def keep_revisions(self, revisions: Revisions) -> None:
        """Write when each record last changed, or raise ``OutputError``."""
        revisions.save(self._revisions)

    def load_list(self) -> HashList | None:
        """The current list; None if there is none that can be read."""
        try:
            return HashList.load(self.list_path, list_format="compiled", policy=None)
        except HashListError:
            return None
