"""Entries, as a format's reader finds them, and members, as the caller gets them."""

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
            ``inner.zip!/dir/b.jpg``. It is only a label, which may contain anything (``..``,
            control characters), and must never be used as a path on disk.
        data: its whole content; None if there is a problem, and for a nested archive that cannot be
            a picture as well. A tar can: it begins with a name that its maker chose.
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
    """An entry of an archive that has not been read yet.

    Attributes:
        name: as in the archive, in raw bytes.
        size: the announced size in bytes, which the content never exceeds; None if unknown.
        open: opens the content, once and before the next entry is requested; None for a folder.
            It raises ``DecodeError``, and so does reading from what it returns.
        problem: what is known to be wrong with its content, although it can be read.
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
