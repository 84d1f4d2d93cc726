"""Files as items, each opened from the folder it was found in."""

from __future__ import annotations

import os
from typing import NamedTuple

from hashmatch.errors import DecodeError
from hashmatch.examine.reading import NO_FOLLOW, open_file, reason_of
from hashmatch.sources.source import Identity

FOLDER_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
"""For opening a folder."""


class OpenFolder:
    """A folder that stays open until the walk has left it and nobody holds it.

    Then its descriptor is -1, which opens nothing.
    """

    __slots__ = ("_holders", "_left", "descriptor")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._holders = 0
        self._left = False

    def hold(self) -> None:
        """Keep it open until ``let_go`` has been called as often."""
        self._holders += 1

    def let_go(self) -> None:
        """Stop holding it."""
        self._holders -= 1
        self._close_if_done()

    def leave(self) -> None:
        """Note that the walk will not return to it."""
        self._left = True
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._left and not self._holders:
            os.close(self.descriptor)
            self.descriptor = -1


class FileItem(NamedTuple):
    """A file that a walk found or a caller named, or a folder that the walk could not enter."""

    path: bytes  # as given, extended by what lies below it
    problem: DecodeError | None = None  # why it cannot be examined, if that is known already
    name: bytes = b""  # within the folder it was found in; empty if it was named itself
    # that folder, if it is open; otherwise the file is reached by its path
    place: OpenFolder | None = None
    flags: int = 0
    root: bytes | None = None  # the named folder that it is below; None if it was named itself

    def ready(self, timeout: float = 0) -> bool:  # noqa: ARG002 # it is on a disk
        """See ``Item.ready``."""
        return True

    def open(self) -> int:
        """See ``Item.open``."""
        if self.problem is not None:
            raise self.problem.bare()
        if self.place is None:
            return open_file(self.path, flags=self.flags)
        return open_file(self.name, flags=self.flags, folder=self.place.descriptor)

    def identity(self, descriptor: int | None = None) -> Identity | None:
        """See ``Item.identity``."""
        if self.problem is not None:
            return None
        try:
            return identity_of(self._stat() if descriptor is None else os.fstat(descriptor))
        except (OSError, ValueError):  # the latter for a NUL in its name; opening it reports it
            return None

    def hold(self) -> None:
        """See ``Item.hold``."""
        if self.place is not None:
            self.place.hold()

    def let_go(self) -> None:
        """See ``Item.let_go``."""
        if self.place is not None:
            self.place.let_go()

    def _stat(self) -> os.stat_result:
        """Get the status of the file that ``open`` would open, without opening it."""
        follow = not self.flags & NO_FOLLOW
        if self.place is None:
            return os.stat(self.path, follow_symlinks=follow)
        return os.stat(self.name, dir_fd=self.place.descriptor, follow_symlinks=follow)


def open_below(root: bytes, path: bytes) -> int:
    """Open a file below a root, and follow no link on the way, as the walk did.

    Its path begins with the root. Raises ``DecodeError`` if it cannot be opened.
    """
    if os.open not in os.supports_dir_fd:
        return open_file(path, flags=NO_FOLLOW)
    *folders, name = path[len(os.path.join(root, b"")) :].split(b"/")
    folder = -1
    try:
        folder = os.open(root, FOLDER_FLAGS)
        for each in folders:
            outer, folder = folder, os.open(each, FOLDER_FLAGS | NO_FOLLOW, dir_fd=folder)
            os.close(outer)
        return open_file(name, flags=NO_FOLLOW, folder=folder)
    except OSError as error:
        raise reason_of(error) from error
    finally:
        if folder >= 0:
            os.close(folder)


def identity_of(status: os.stat_result) -> Identity:
    """The identity of a file: device, inode, size and both times.

    Anyone can set the time of the last change. Nobody can set the inode's, so a file put in the
    place of another is noticed. (On Windows it is the time of creation.)
    """
    mark = f"{status.st_dev}:{status.st_ino}:{status.st_mtime_ns}:{status.st_ctime_ns}"
    return Identity.bounded(status.st_size, mark, status.st_mtime_ns)
