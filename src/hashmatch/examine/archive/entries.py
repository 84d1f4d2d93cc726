"""Entries, as the reader of a format finds them, and members, as the caller gets them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hashmatch.errors import DecodeError
from hashmatch.examine.archive.streams import Stream


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside an archive.

    Attributes:
        path: its name inside the archive as raw bytes; names in nested archives are joined as
            ``inner.zip!/dir/b.jpg``. It is a label that may hold any bytes (absolute, ``..``,
            control characters) and must never name a file on disk.
        data: its whole content; None if there is a problem, and for a nested archive other than a
            tar. A tar begins with a name that its maker chose, so it may be a picture as well.
        problem: why its content, or part of a nested archive, could not be read.
        is_archive: it holds other members, which come before it.
        at_hand: it can be read again without unpacking all members before it.
    """

    path: bytes
    data: bytes | None = field(default=None, repr=False)
    problem: DecodeError | None = None
    is_archive: bool = False
    at_hand: bool = False


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """An entry of one archive that has not been read yet.

    Attributes:
        name: raw bytes, as in the archive.
        size: the announced size in bytes, which the content never exceeds; None if unknown.
        open: opens the content, once and before the next entry is requested; None for a folder.
            It raises ``DecodeError``, and so does reading from what it returns.
        problem: what is known to be wrong with its content, which can be read all the same.
    """

    name: bytes
    size: int | None = None
    open: Callable[[], Stream] | None = None
    problem: DecodeError | None = None

    @classmethod
    def refused(cls, name: bytes, problem: DecodeError) -> ArchiveEntry:
        """Make an entry that cannot be opened, for example because it is encrypted."""

        def refuse() -> Stream:
            raise problem.bare()

        return cls(name, open=refuse)
