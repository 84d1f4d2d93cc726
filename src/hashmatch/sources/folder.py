"""The files below a folder, one by one, in an order that depends on their names alone.

Each folder is opened relative to the one it was found in and, unless asked, never through a
symbolic link. So nobody can lead a scan out of its root by swapping a link in.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from hashmatch.errors import DecodeError, SettingsError
from hashmatch.examine.reading import NO_FOLLOW, reason_of
from hashmatch.files import is_object
from hashmatch.model import Reason
from hashmatch.sources.descriptors import descriptors
from hashmatch.sources.file_item import FOLDER_FLAGS, FileItem, OpenFolder

# Without it (Windows), folders are reached by their whole paths
_BY_DESCRIPTOR = os.scandir in os.supports_fd and os.open in os.supports_dir_fd
_NOWHERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_SPECIAL = DecodeError(Reason.SPECIAL_FILE, "not a regular file")
_MOVED = DecodeError(Reason.CHANGED, "its folder was moved during the scan")


@dataclass(frozen=True, slots=True)
class WalkOptions:
    """Which files to take.

    Attributes:
        include: patterns as in ``.gitignore``; if there are any, only files that match one.
        exclude: patterns as in ``.gitignore``; files and whole folders to leave out.
        follow_symlinks: take what symbolic links point to, except a folder that the link is in.
        one_file_system: skip folders on which another file system is mounted.
        max_depth: how many levels of folders to enter; 1 is the named folder and no other.

    Raises:
        SettingsError: the depth is less than 1.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    follow_symlinks: bool = False
    one_file_system: bool = False
    max_depth: int | None = None

    def __post_init__(self) -> None:
        if self.max_depth is not None and self.max_depth < 1:
            raise SettingsError("the depth must be at least 1")


_LINKS_NAMED = 100


@dataclass(slots=True)
class WalkCounts:
    """What a walk met apart from the files it took.

    Attributes:
        folders: folders entered.
        symlinks: symbolic links skipped.
        skipped_links: the paths of the first 100 of them.
        excluded: files and folders skipped because of ``include`` and ``exclude``.
        other_file_systems: folders skipped because of ``one_file_system``.
        too_deep: folders skipped because of ``max_depth``.
    """

    folders: int = 0
    symlinks: int = 0
    excluded: int = 0
    other_file_systems: int = 0
    too_deep: int = 0
    skipped_links: list[bytes] = field(default_factory=list)

    def skip_link(self, path: bytes) -> None:
        """Count a symbolic link that is skipped, and keep its path if it is among the first."""
        self.symlinks += 1
        if len(self.skipped_links) < _LINKS_NAMED:
            self.skipped_links.append(path)


class FolderSource:
    """A folder as a source: every file in it, in the order of the names' bytes. Or one file.

    A root that is a symbolic link is followed, since the operator named it. The counts are updated
    on the way.

    Raises:
        SettingsError: the root begins like a path in object storage.
    """

    ordered = True

    def __init__(self, root: bytes, counts: WalkCounts, options: WalkOptions) -> None:
        if is_object(root):
            raise SettingsError(
                "this is object storage: scan it as a BucketSource, or write ./ before the name of"
                " a folder that looks like it",
                path=os.fsdecode(root),
            )
        self.root = root
        self._counts = counts
        self._options = options

    def __iter__(self) -> Iterator[FileItem]:
        """Walk it; see ``Source``."""
        if os.path.isdir(self.root):
            return _Walker(self._counts, self._options).walk(self.root)
        return iter((FileItem(self.root),))

    def is_gone(self, path: bytes) -> bool:
        """See ``Source.is_gone``. Patterns and unreadable folders hide files: the system knows.

        A folder is not a file, whether it took a file's place or could not be read before.
        """
        try:
            return stat.S_ISDIR(os.stat(path).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False


def walk(
    paths: Iterable[bytes],
    counts: WalkCounts,
    options: WalkOptions = WalkOptions(),  # frozen
) -> Iterator[FileItem]:
    """Yield the files of several folders, one folder after another."""
    for path in paths:
        yield from FolderSource(path, counts, options)


@dataclass(slots=True)
class _Folder:
    """A folder on the way, and the names still to be visited, the last one first."""

    path: bytes
    opened: OpenFolder | None
    identity: tuple[int, int]
    names: list[tuple[bytes, str]] = field(default_factory=list)
    moved: bool = False  # so it cannot be opened again
    prefix: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.prefix = os.path.join(self.path, b"")

    def close(self) -> None:
        """Close it, if it is open and no file holds it."""
        if self.opened is not None:
            self.opened.leave()
            self.opened = None

    def reopen(self, child: _Folder) -> None:
        """Open it again, coming back from a folder in it, if it can still be found."""
        above = None if child.opened is None else child.opened.descriptor
        for name, base in ((b"..", above), (self.path, None)):
            if name == b".." and base is None:
                continue
            try:
                self.opened = OpenFolder(os.open(name, FOLDER_FLAGS, dir_fd=base))
                if _identity(os.fstat(self.opened.descriptor)) == self.identity:
                    return
            except OSError:
                pass
            self.close()  # it is another folder by now
        self.moved = True


class _Walker:
    """Walks a root, and keeps the last few folders on the way down open."""

    def __init__(self, counts: WalkCounts, options: WalkOptions) -> None:
        self._counts = counts
        self._options = options
        self._include = compile_patterns(options.include)
        self._exclude = compile_patterns(options.exclude)
        self._most_open = descriptors().walk
        self._no_follow = 0 if options.follow_symlinks else NO_FOLLOW

    def walk(self, root: bytes) -> Iterator[FileItem]:
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
                    yield FileItem(path, _MOVED, root=root)
                elif kind == "folder":
                    yield from self._enter(stack, path, name)
                else:
                    problem = _SPECIAL if kind == "special" else None
                    yield FileItem(path, problem, name, folder.opened, self._no_follow, root)
        finally:
            for folder in stack:
                folder.close()

    def _leave(self, stack: list[_Folder]) -> None:
        folder = stack.pop()
        if _BY_DESCRIPTOR and stack and stack[-1].opened is None:
            stack[-1].reopen(folder)
        folder.close()

    def _leaves_out(self, path: bytes, root: bytes, kind: str) -> bool:
        if kind == "symlink":
            self._counts.skip_link(path)
            return True
        if self._exclude is None and self._include is None:
            return False
        name = os.fsdecode(path[len(root) :]).lstrip(os.sep) + ("/" if kind == "folder" else "")
        out = (self._exclude is not None and self._exclude(name)) or (
            self._include is not None and kind != "folder" and not self._include(name)
        )
        self._counts.excluded += out
        return out

    def _enter(self, stack: list[_Folder], path: bytes, name: bytes) -> Iterator[FileItem]:
        """Open a folder and list it; yield it as an item if it cannot be entered."""
        if self._options.max_depth is not None and len(stack) >= self._options.max_depth:
            self._counts.too_deep += 1
            return
        try:
            folder = self._open(path, name, stack)
        except OSError as error:
            yield FileItem(path, reason_of(error), root=stack[0].path if stack else path)
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
            self._counts.skip_link(folder.path)  # only a link can lead back up
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
            descriptor = os.open(path, FOLDER_FLAGS)
        else:
            flags = FOLDER_FLAGS | self._no_follow
            descriptor = os.open(name, flags, dir_fd=parent.descriptor)
        try:
            status = os.fstat(descriptor)
            names = self._list(descriptor)
        except OSError:
            os.close(descriptor)
            raise
        return _Folder(path, OpenFolder(descriptor), _identity(status), names)

    def _list(self, folder: int | bytes) -> list[tuple[bytes, str]]:
        """The names and kinds of what a folder holds, the last name first."""
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
                # A link to nowhere, or in a circle, is skipped; opening reports other errors
                return "symlink" if error.errno in _NOWHERE else "file"
        if entry.is_file(follow_symlinks=follow):
            return "file"
        return "folder" if entry.is_dir(follow_symlinks=follow) else "special"


@lru_cache(maxsize=8)  # of the same options for each of many roots
def compile_patterns(patterns: tuple[str, ...]) -> Callable[[str], bool] | None:
    """Compile patterns as in ``.gitignore`` into a test of a path; None if there are none."""
    if not patterns:
        return None
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 # most scans have no patterns

    try:
        return GitIgnoreSpec.from_lines(patterns).match_file
    except ValueError as error:
        raise SettingsError(f"a pattern is not valid: {error}") from error


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
