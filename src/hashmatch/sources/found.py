"""What a walk finds: files, each to be opened from the folder that it was seen in."""

from __future__ import annotations

import os
from typing import NamedTuple

from hashmatch.errors import DecodeError
from hashmatch.examine.reading import NO_FOLLOW, open_file


class OpenFolder:
    """A folder that stays open until the walk has left it and nothing holds it any more.

    Args:
        descriptor: its descriptor.

    Attributes:
        descriptor: the same; -1, which opens nothing, once it is closed.
    """

    __slots__ = ("_holders", "_left", "descriptor")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._holders = 0
        self._left = False

    def hold(self) -> bool:
        """Keep it open until ``let_go``. True for the first of several that hold it."""
        self._holders += 1
        return self._holders == 1

    def let_go(self) -> bool:
        """Hold it no more. True for the last."""
        self._holders -= 1
        self._close_if_done()
        return not self._holders

    def leave(self) -> None:
        """Say that the walk does not come back to it."""
        self._left = True
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._left and not self._holders:
            os.close(self.descriptor)
            self.descriptor = -1


class Identity(NamedTuple):
    """What tells whether an item changed. The state stores it and compares it whole.

    Attributes:
        size: in bytes.
        mark: everything else that identifies the item and its version, in the source's own words.
        changed: when it last changed, in nanoseconds since 1970, where a later change could leave
            all of this the same within one tick of a clock; None where nothing could.
    """

    size: int
    mark: str
    changed: int | None

    @classmethod
    def of(cls, status: os.stat_result) -> Identity:
        """The identity of a file: device, inode and both times.

        Anyone can set the time of the last change. Nobody can set the inode's, so a file put in the
        place of another is noticed. (On Windows it is the time of creation.)
        """
        mark = f"{status.st_dev}:{status.st_ino}:{status.st_mtime_ns}:{status.st_ctime_ns}"
        return cls(status.st_size, mark, status.st_mtime_ns)


class Found(NamedTuple):
    """A file that a walk came upon, or a folder that it could not enter.

    ``open`` and ``stat`` are for before the walk goes on; for later, ``folder`` is to be held.

    Attributes:
        path: as given, with what lies below it.
        problem: why it cannot be examined, where that is known already.
        name: in the folder that it was seen in; empty where it was not seen in one.
        folder: that folder, if it is open; else the file is reached by its path.
        flags: for opening it.
        root: the folder named that it was found in; None where it was named itself.
    """

    path: bytes
    problem: DecodeError | None = None
    name: bytes = b""
    folder: OpenFolder | None = None
    flags: int = 0
    root: bytes | None = None

    def open(self) -> int:
        """Open the file for reading, and return its descriptor.

        Raises:
            DecodeError: it cannot be opened.
        """
        if self.problem is not None:
            raise self.problem.bare()
        if self.folder is None:
            return open_file(self.path, flags=self.flags)
        return open_file(self.name, flags=self.flags, folder=self.folder.descriptor)

    def stat(self) -> os.stat_result:
        """Ask about the file that ``open`` would open, without opening it.

        Raises:
            OSError: the system cannot tell.
            ValueError: the name holds a NUL.
        """
        follow = not self.flags & NO_FOLLOW
        if self.folder is None:
            return os.stat(self.path, follow_symlinks=follow)
        return os.stat(self.name, dir_fd=self.folder.descriptor, follow_symlinks=follow)
