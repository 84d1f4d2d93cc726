"""Names in open folders, and the few steps that move files between them.

Everything uses folder descriptors and never follows a symbolic link, so that nobody can redirect a
move by replacing a folder or a file with a link.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from hashmatch.errors import QuarantineError

# Absent on Windows, where Quarantine refuses to open
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
# Folders on the way need not be readable
_PASS = _FOLDER | getattr(os, "O_PATH", 0)
_READ = os.O_RDONLY | _NO_FOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | getattr(os, "O_CLOEXEC", 0)

PRIVATE = 0o600
_CHUNK = 1 << 20
# Errors that mean: the places are on different file systems, or there are no hard links
_NO_LINK = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS})


@dataclass(frozen=True, slots=True)
class PlaceInFolder:
    """A name in an open folder, whether or not there is a file of that name."""

    folder: int  # the descriptor of the folder
    name: bytes  # a name without a slash

    def status(self) -> os.stat_result | None:
        """Return the status of what is there, without following links; None if there is nothing."""
        try:
            return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def holds(self, status: os.stat_result | None) -> bool:
        """Tell whether the file with this status is there."""
        return status is not None and self.is_file(status.st_dev, status.st_ino)

    def is_file(self, device: int, inode: int) -> bool:
        """Tell whether the file with this identity is there."""
        found = self.status()
        return found is not None and (found.st_dev, found.st_ino) == (device, inode)

    @contextmanager
    def opened(self) -> Iterator[int]:
        """Open the regular file that is there for reading, or raise ``QuarantineError``."""
        try:
            descriptor = os.open(self.name, _READ, dir_fd=self.folder)
        except OSError as error:
            raise QuarantineError(
                f"cannot open the file: {os.strerror(error.errno or 0)}"
            ) from error
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise QuarantineError("it is no longer a regular file")
            yield descriptor
        finally:
            os.close(descriptor)

    def sha256(self) -> str | None:
        """Return the digest of the regular file that is there, as hex; None if there is none."""
        try:
            with self.opened() as descriptor:
                return sha256_of(descriptor)
        except QuarantineError:
            return None

    def rename_to(self, other: PlaceInFolder) -> None:
        """Move what is here, of any type, to another place on the same file system."""
        os.rename(self.name, other.name, src_dir_fd=self.folder, dst_dir_fd=other.folder)

    def link_to(self, other: PlaceInFolder) -> bool:
        """Give what is here a second name. Return False if hard links are impossible.

        Raises ``FileExistsError`` if the name is taken.
        """
        try:
            os.link(
                self.name,
                other.name,
                src_dir_fd=self.folder,
                dst_dir_fd=other.folder,
                follow_symlinks=False,
            )
        except OSError as error:
            if error.errno in _NO_LINK:
                return False
            raise
        return True

    def move_to_free(self, other: PlaceInFolder) -> bool:
        """Move what is here without overwriting anything. Return False if that is impossible."""
        found = self.status()
        try:
            if found is not None and stat.S_ISDIR(found.st_mode):
                # A folder cannot have two names, and replaces an empty folder at most
                self.rename_to(other)
            elif other.holds(found) or self.link_to(other):
                self.remove()
            else:
                return False
        except OSError:
            return False
        return True

    def make_private(self) -> None:
        """Give the regular file that is here mode 0600."""
        # Only the owner can; the folder of the quarantine keeps others out anyway
        with suppress(PermissionError):
            os.chmod(self.name, PRIVATE, dir_fd=self.folder)

    def remove(self) -> None:
        """Remove the name if it exists."""
        with suppress(FileNotFoundError):
            os.unlink(self.name, dir_fd=self.folder)

    def sync(self) -> None:
        """Return once the names in the folder are on disk."""
        os.fsync(self.folder)

    def write_copy(self, source: int) -> None:
        """Create a file here with the bytes of an open one; mode 0600, synced.

        Raises ``FileExistsError`` if the name is taken.
        """
        descriptor = os.open(self.name, _CREATE, PRIVATE, dir_fd=self.folder)
        try:
            offset = 0
            while chunk := os.pread(source, _CHUNK, offset):
                offset += len(chunk)
                rest = memoryview(chunk)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sha256_of(descriptor: int) -> str:
    """Return the SHA-256 of an open file, from its start, as hex."""
    digest = hashlib.sha256()
    offset = 0
    while chunk := os.pread(descriptor, _CHUNK, offset):
        digest.update(chunk)
        offset += len(chunk)
    return digest.hexdigest()


def open_folder(path: bytes) -> int:
    """Open a folder by its absolute path, without following a symbolic link.

    Raises ``QuarantineError`` if it is missing or cannot be entered, or the path has a link in it.
    """
    names = [name for name in path.split(b"/") if name]
    with ExitStack() as stack:
        try:
            folder = os.open(b"/", _PASS if names else _FOLDER)
            for number, name in enumerate(names, 1):
                stack.callback(os.close, folder)
                flags = _FOLDER if number == len(names) else _PASS
                folder = os.open(name, flags | _NO_FOLLOW, dir_fd=folder)
        except OSError as error:
            why = os.strerror(error.errno or 0)
            raise QuarantineError(f"cannot enter the folder: {why}") from error
    return folder


@contextmanager
def opened_place(path: bytes) -> Iterator[PlaceInFolder]:
    """Open the folder of a file whose absolute path has no symbolic link.

    Raises ``QuarantineError`` if it cannot be entered.
    """
    folder, name = os.path.split(path)
    descriptor = open_folder(folder)
    try:
        yield PlaceInFolder(descriptor, name)
    finally:
        os.close(descriptor)
