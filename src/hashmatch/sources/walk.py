"""The files below a path, one by one, in an order that depends on their names alone.

Folders are opened relative to the folder that they were seen in, and unless asked never through a
symbolic link, so that nobody can lead a scan out of its root by swapping one in.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from hashmatch.errors import DecodeError, InputError, SettingsError
from hashmatch.examine.reading import NO_FOLLOW, reason_of
from hashmatch.model import Reason
from hashmatch.sources.descriptors import descriptors
from hashmatch.sources.found import Found, OpenFolder

# Without it (Windows), folders are reached by their whole paths
_BY_DESCRIPTOR = os.scandir in os.supports_fd and os.open in os.supports_dir_fd
_FOLDER_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NOWHERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_SPECIAL = DecodeError(Reason.SPECIAL_FILE, "no regular file")
_MOVED = DecodeError(Reason.CHANGED, "its folder was moved while it was scanned")


@dataclass(frozen=True, slots=True)
class WalkOptions:
    """Which files to take.

    Attributes:
        include: patterns as in ``.gitignore``; if there are any, only files that one of them fits.
        exclude: patterns as in ``.gitignore``; files and whole folders to leave out.
        follow_symlinks: take what symbolic links point to; a link back to a folder that it lies in
            is passed over.
        one_file_system: do not enter folders on which another file system is mounted.
        max_depth: how many levels of folders to enter; 1 is the folder named and no other.

    Raises:
        SettingsError: the depth is under 1.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    follow_symlinks: bool = False
    one_file_system: bool = False
    max_depth: int | None = None

    def __post_init__(self) -> None:
        if self.max_depth is not None and self.max_depth < 1:
            raise SettingsError("the depth must be at least 1")


@dataclass(slots=True)
class WalkCounts:
    """What a walk met besides the files that it took.

    Attributes:
        folders: folders entered.
        symlinks: symbolic links passed over.
        excluded: files and folders left out by ``include`` and ``exclude``.
        other_file_systems: folders left out by ``one_file_system``.
        too_deep: folders left out by ``max_depth``.
    """

    folders: int = 0
    symlinks: int = 0
    excluded: int = 0
    other_file_systems: int = 0
    too_deep: int = 0


def check_paths(paths: Iterable[str | bytes | os.PathLike[str]]) -> list[bytes]:
    """Return the paths as bytes, if all of them are there.

    Raises:
        InputError: one is not.
    """
    checked = [os.fsencode(path) for path in paths]
    for path in checked:
        try:
            os.stat(path)
        except OSError as error:
            name, why = os.fsdecode(path), os.strerror(error.errno or 0)
            raise InputError(f"cannot scan it: {why}", path=name) from error
    return checked


def read_paths(file: BinaryIO, separator: bytes = b"\n") -> Iterator[bytes]:
    """Read paths from a file, one after another, as they come.

    Args:
        file: open for reading in binary; a pipe does.
        separator: what stands behind each path: a newline, or NUL, which no path can hold.
    """
    rest = b""
    while chunk := file.read1(1 << 16) if hasattr(file, "read1") else file.read(1 << 16):
        *whole, rest = (rest + chunk).split(separator)
        yield from filter(None, whole)
    if rest:
        yield rest


def below(path: bytes, roots: Sequence[bytes]) -> bytes:
    """The part of a walked path that lies below the root it was found in."""
    for root in roots:
        if path == root:
            return os.path.basename(path)
        folder = os.path.join(root, b"")
        if path.startswith(folder):
            return path[len(folder) :]
    return path


def walk(
    paths: Iterable[bytes],
    counts: WalkCounts,
    options: WalkOptions = WalkOptions(),  # frozen
) -> Iterator[Found]:
    """Yield every file at or below the paths: folder by folder, in the order of their names' bytes.

    Args:
        paths: files and folders; a symbolic link is followed here, where the operator named it.
        counts: is counted up on the way.
        options: which files to take.
    """
    walker = _Walker(counts, options)
    for path in paths:
        if os.path.isdir(path):
            yield from walker.walk(path)
        else:
            yield Found(path)


@dataclass(slots=True)
class _Folder:
    """A folder on the way: what is left of it, last first."""

    path: bytes
    opened: OpenFolder | None
    identity: tuple[int, int]
    names: list[tuple[bytes, str]] = field(default_factory=list)
    moved: bool = False  # and so cannot be opened again
    prefix: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.prefix = os.path.join(self.path, b"")

    def close(self) -> None:
        """Close it, if it is open and no file holds it."""
        if self.opened is not None:
            self.opened.leave()
            self.opened = None

    def reopen(self, child: _Folder) -> None:
        """Open it again, coming back from a folder that it holds, if it can still be found."""
        above = None if child.opened is None else child.opened.descriptor
        for name, base in ((b"..", above), (self.path, None)):
            if name == b".." and base is None:
                continue
            try:
                self.opened = OpenFolder(os.open(name, _FOLDER_FLAGS, dir_fd=base))
                if _identity(os.fstat(self.opened.descriptor)) == self.identity:
                    return
            except OSError:
                pass
            self.close()  # it is another folder by now
        self.moved = True


class _Walker:
    """Walks below one root at a time, keeping the last folders between root and file open."""

    def __init__(self, counts: WalkCounts, options: WalkOptions) -> None:
        self._counts = counts
        self._options = options
        self._include = _compile(options.include)
        self._exclude = _compile(options.exclude)
        self._most_open = descriptors().walk
        self._no_follow = 0 if options.follow_symlinks else NO_FOLLOW

    def walk(self, root: bytes) -> Iterator[Found]:
        stack: list[_Folder] = []
        try:
            yield from self._enter(stack, root, root)
            while stack:
                folder = stack[-1]
                if not folder.names:
                    self._leave(stack)
                    continue
                name, kind = folder.names.pop()
                path = folder.prefix + name
                if self._leaves_out(path, stack[0].path, kind):
                    continue
                if folder.moved:
                    yield Found(path, _MOVED, root=root)
                elif kind == "folder":
                    yield from self._enter(stack, path, name)
                else:
                    problem = _SPECIAL if kind == "special" else None
                    yield Found(path, problem, name, folder.opened, self._no_follow, root)
        finally:
            for folder in stack:
                folder.close()

    def _leave(self, stack: list[_Folder]) -> None:
        """Go back up."""
        folder = stack.pop()
        if _BY_DESCRIPTOR and stack and stack[-1].opened is None:
            stack[-1].reopen(folder)
        folder.close()

    def _leaves_out(self, path: bytes, root: bytes, kind: str) -> bool:
        if kind == "symlink":
            self._counts.symlinks += 1
            return True
        if self._exclude is None and self._include is None:
            return False
        name = os.fsdecode(path[len(root) :]).lstrip(os.sep) + ("/" if kind == "folder" else "")
        out = (self._exclude is not None and self._exclude(name)) or (
            self._include is not None and kind != "folder" and not self._include(name)
        )
        self._counts.excluded += out
        return out

    def _enter(self, stack: list[_Folder], path: bytes, name: bytes) -> Iterator[Found]:
        """Open a folder and list it; what cannot be entered is found and told."""
        if self._options.max_depth is not None and len(stack) >= self._options.max_depth:
            self._counts.too_deep += 1
            return
        try:
            folder = self._open(path, name, stack)
        except OSError as error:
            yield Found(path, reason_of(error), root=stack[0].path if stack else path)
            return
        if self._may_enter(stack, folder):
            self._counts.folders += 1
            stack.append(folder)
            if len(stack) > self._most_open:
                stack[-1 - self._most_open].close()  # it is opened again on the way back
        else:
            folder.close()

    def _may_enter(self, stack: list[_Folder], folder: _Folder) -> bool:
        if any(folder.identity == above.identity for above in stack):
            self._counts.symlinks += 1  # only a link can lead back up
            return False
        if self._options.one_file_system and stack and folder.identity[0] != stack[0].identity[0]:
            self._counts.other_file_systems += 1
            return False
        return True

    def _open(self, path: bytes, name: bytes, above: Sequence[_Folder]) -> _Folder:
        if not _BY_DESCRIPTOR:
            status = os.stat(path)
            return _Folder(path, None, _identity(status), self._list(path))
        parent = above[-1].opened if above else None
        if parent is None:
            descriptor = os.open(path, _FOLDER_FLAGS)
        else:
            flags = _FOLDER_FLAGS | self._no_follow
            descriptor = os.open(name, flags, dir_fd=parent.descriptor)
        try:
            status = os.fstat(descriptor)
            names = self._list(descriptor)
        except OSError:
            os.close(descriptor)
            raise
        return _Folder(path, OpenFolder(descriptor), _identity(status), names)

    def _list(self, folder: int | bytes) -> list[tuple[bytes, str]]:
        """Names and kinds of what a folder holds, the last name first."""
        with os.scandir(folder) as entries:
            return sorted(
                ((os.fsencode(entry.name), self._kind(entry)) for entry in entries), reverse=True
            )

    def _kind(self, entry: os.DirEntry[str] | os.DirEntry[bytes]) -> str:
        follow = self._options.follow_symlinks
        if entry.is_symlink():
            if not follow:
                return "symlink"
            try:
                entry.stat()
            except OSError as error:
                # What points nowhere, or in a circle, is passed over; opening tells of others
                return "symlink" if error.errno in _NOWHERE else "file"
        if entry.is_file(follow_symlinks=follow):
            return "file"
        return "folder" if entry.is_dir(follow_symlinks=follow) else "special"


def _compile(patterns: Sequence[str]) -> Callable[[str], bool] | None:
    """A test of a path against patterns as in ``.gitignore``; None where there are none."""
    if not patterns:
        return None
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 # most scans have no patterns

    try:
        return GitIgnoreSpec.from_lines(patterns).match_file
    except ValueError as error:
        raise SettingsError(f"a pattern is not valid: {error}") from error


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
