"""What archives hold: entries as a format's reader finds them, members as they are handed out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hashmatch.errors import DecodeError
from hashmatch.examine.archive.streams import Stream


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside an archive.

    Attributes:
        path: its name inside as raw bytes, those of nested archives joined as
            ``inner.zip!/dir/b.jpg``. It is a label that may hold any bytes (absolute, ``..``,
            control characters) and must never name a file on disk.
        data: its whole content; None where there is a problem, and for a nested archive, except a
            tar: that begins with a name of its maker's choice, so it may be a picture as well.
        problem: why its content, or some of a nested archive's, could not be had.
        is_archive: a nested archive. This record comes after those of its members.
    """

    path: bytes
    data: bytes | None = field(default=None, repr=False)
    problem: DecodeError | None = None
    is_archive: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of one archive, not read yet.

    Attributes:
        name: raw bytes, as the archive has them.
        size: bytes of its content, as announced, which the content never exceeds; None where they
            are not announced.
        open: opens the content, once, and before the next entry is asked for; None for a folder.
            It raises ``DecodeError``, and so does reading from what it returns.
    """

    name: bytes
    size: int | None = None
    open: Callable[[], Stream] | None = None
