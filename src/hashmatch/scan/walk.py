"""The files below a path, one by one, in an order that depends on their names alone.

Folders are opened relative to the folder that they were seen in, and never through a symbolic
link, so that nobody can lead a scan out of its root by swapping one in.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hashmatch.errors import DecodeError, InputError
from hashmatch.model import Reason
from hashmatch.reading import NO_FOLLOW, open_file, reason_of

# Without it (Windows), folders are reached by their whole paths
_BY_DESCRIPTOR = os.scandir in os.supports_fd and os.open in os.supports_dir_fd
_SPECIAL = DecodeError(Reason.SPECIAL_FILE, "no regular file")
_FOLDER_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)


@dataclass(slots=True)
class WalkCounts:
    """What a walk met besides files.

    Attributes:
        folders: folders entered.
        symlinks: symbolic links, which are not followed.
    """

    folders: int = 0
    symlinks: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A file that a walk came upon, or a folder that it could not enter.

    Attributes:
        path: as given on the command line, with what lies below it.
        problem: why it cannot be examined, where that is known already.
    """

    path: bytes
    problem: DecodeError | None = None
    _name: bytes = b""
    _folder: int | None = None

    def open(self) -> int:
        """Open the file for reading, and return its descriptor.

        Only before the walk goes on: it keeps the file's folder open until then.

        Raises:
            DecodeError: it cannot be opened.
        """
        if self._folder is None:
            return open_file(self.path)
        return open_file(self._name, flags=NO_FOLLOW, folder=self._folder)


@dataclass(slots=True)
class _Folder:
    """A folder on the way: what is left of it, last first."""

    path: bytes
    descriptor: int | None
    names: list[tuple[bytes, str]] = field(default_factory=list)


def check_paths(paths: Sequence[str | bytes | os.PathLike[str]]) -> list[bytes]:
    """Return the paths as bytes, if all of them are there.

    Raises:
        InputError: one is not.
    """
    checked = [os.fsencode(path) for path in paths]
    for path in checked:
        try:
            os.stat(path)
        except OSError as error:
            name = os.fsdecode(path)
            raise InputError(
                f"cannot scan it: {os.strerror(error.errno or 0)}", path=name
            ) from error
    return checked


def below(path: bytes, roots: Sequence[bytes]) -> bytes:
    """The part of a walked path that lies below the root it was found in."""
    for root in roots:
        if path == root:
            return os.path.basename(path)
        folder = os.path.join(root, b"")
        if path.startswith(folder):
            return path[len(folder) :]
    return path


def walk(paths: Sequence[bytes], counts: WalkCounts) -> Iterator[Found]:
    """Yield every file at or below the paths: folder by folder, in the order of their names' bytes.

    Args:
        paths: files and folders; a symbolic link is followed here, where the operator named it.
        counts: is counted up on the way.
    """
    for path in paths:
        if os.path.isdir(path):
            yield from _walk_folder(path, counts)
        else:
            yield Found(path)


def _walk_folder(root: bytes, counts: WalkCounts) -> Iterator[Found]:
    stack: list[_Folder] = []
    try:
        problem = _enter(stack, root, root, None, counts)
        if problem is not None:
            yield problem
        while stack:
            folder = stack[-1]
            if not folder.names:
                _leave(stack)
                continue
            name, kind = folder.names.pop()
            path = os.path.join(folder.path, name)
            if kind == "symlink":
                counts.symlinks += 1
            elif kind == "folder":
                problem = _enter(stack, path, name, folder.descriptor, counts)
                if problem is not None:
                    yield problem
            else:
                yield Found(path, _SPECIAL if kind == "special" else None, name, folder.descriptor)
    finally:
        while stack:
            _leave(stack)


def _enter(
    stack: list[_Folder], path: bytes, name: bytes, parent: int | None, counts: WalkCounts
) -> Found | None:
    """Open a folder and list it. Returns what to say of it where that fails."""
    descriptor = None
    try:
        if _BY_DESCRIPTOR:
            flags = _FOLDER_FLAGS | (NO_FOLLOW if parent is not None else 0)
            descriptor = os.open(name, flags, dir_fd=parent)
        names = _list(path if descriptor is None else descriptor)
    except OSError as error:
        if descriptor is not None:
            os.close(descriptor)
        return Found(path, reason_of(error))
    counts.folders += 1
    stack.append(_Folder(path, descriptor, names))
    return None


def _leave(stack: list[_Folder]) -> None:
    descriptor = stack.pop().descriptor
    if descriptor is not None:
        os.close(descriptor)


def _list(folder: int | bytes) -> list[tuple[bytes, str]]:
    """Names and kinds of what a folder holds, the last name first."""
    with os.scandir(folder) as entries:
        return sorted(((os.fsencode(entry.name), _kind(entry)) for entry in entries), reverse=True)


def _kind(entry: os.DirEntry[str] | os.DirEntry[bytes]) -> str:
    if entry.is_symlink():
        return "symlink"
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    return "file" if entry.is_file(follow_symlinks=False) else "special"
