"""Folders with files to move into a quarantine, on one file system or two."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hashmatch.custody.quarantine import HeldFile, Quarantine

CONTENT = bytes(range(256)) * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MODE = 0o640
TIMES = (1_600_000_000_123_456_789, 1_500_000_000_987_654_321)
MATCHES = [{"list": "synthetic", "entry": "synthetic-0001", "distance": 2, "threshold": 8}]

_MEMORY = Path("/dev/shm")  # the other file system, if there is one


@dataclass(frozen=True)
class Site:
    """A scanned folder with one file, and a quarantine, possibly on another file system."""

    root: Path
    file: Path
    quarantine: Path

    def fill(self) -> None:
        """Make the file as it was originally."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_bytes(CONTENT)
        self.file.chmod(MODE)
        os.utime(self.file, ns=TIMES)

    def hold(self) -> HeldFile:
        """Move the file into the quarantine."""
        with Quarantine(self.quarantine) as quarantine:
            return quarantine.hold(
                os.fsencode(self.file), root=os.fsencode(self.root), sha256=SHA256, matches=MATCHES
            )

    def held(self) -> list[Path]:
        """The names in the quarantine's folder of files."""
        return sorted((self.quarantine / "files").iterdir())

    def is_as_it_was(self) -> bool:
        """Whether the file is in its place with its content, mode and modification time."""
        if not self.file.exists():
            return False
        status = self.file.stat()
        return (self.file.read_bytes(), status.st_mode & 0o7777, status.st_mtime_ns) == (
            CONTENT,
            MODE,
            TIMES[1],
        )


def has_two_file_systems(folder: Path) -> bool:
    """Whether there is a second file system to move to."""
    return _MEMORY.is_dir() and _MEMORY.stat().st_dev != folder.stat().st_dev


@contextmanager
def a_site(folder: Path, *, far: bool) -> Iterator[Site]:
    """A site below a folder. If ``far``, its quarantine is on another file system."""
    root = folder / "uploads"
    file = root / "of" / "someone" / "picture.jpg"
    with tempfile.TemporaryDirectory(dir=_MEMORY if far else folder) as beside:
        site = Site(root, file, Path(beside) / "quarantine")
        site.fill()
        yield site
