"""The result of a scan, file by file."""

from __future__ import annotations

from dataclasses import dataclass, field

from hashmatch.model import Outcome


@dataclass(frozen=True, slots=True)
class FileResult:
    """The result for one file, or for one member of an archive.

    Attributes:
        path: as the source names it; any bytes except NUL.
        outcome: the outcome.
        sha256: of the bytes that were examined; None unless it was asked for and all were read.
        archive: the path of the archive that it is a member of; None for a file.
        root: the root that the file was found below; None if it was named itself.
    """

    path: bytes
    outcome: Outcome
    sha256: bytes | None = field(default=None, repr=False)
    archive: bytes | None = None
    root: bytes | None = None
