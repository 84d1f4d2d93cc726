"""The quarantine: a folder that matched files are moved or written into, and restored from."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from hashmatch.custody.journal import Journal, who
from hashmatch.custody.quarantine.manifest import HeldFile, HoldState, read_manifest
from hashmatch.custody.quarantine.moves import check_content, give_back, store, take
from hashmatch.custody.quarantine.places import PRIVATE, PlaceInFolder, opened_place, sha256_of
from hashmatch.custody.quarantine.settle import Where, settle
from hashmatch.errors import OutputError, QuarantineError, SettingsError
from hashmatch.files import Closing, path_fields, sync_folder

MANIFEST = b"manifest.jsonl"
FILES = b"files"
_STORED = re.compile(rb"[0-9a-f]{64}\.([0-9]+)(?:\.part)?", re.ASCII)

# Without these (on Windows), a swapped folder could redirect a move
_BY_DESCRIPTOR = {os.open, os.rename, os.link, os.unlink} <= os.supports_dir_fd

# Errors that concern every file to come, not only this one
_SYSTEMIC = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})

_KEPT = ("size", "uid", "gid", "atime_ns", "mtime_ns")
"""What is kept of a file's status under its own name."""

_WHY_NOT_HERE = {
    HoldState.NOT_MOVED: "was never moved here",
    HoldState.RESTORED: "was restored already",
    HoldState.MOVING: "is still being moved here",
    HoldState.RESTORING: "is still being restored",
}


class Quarantine(Closing):
    """A quarantine that is open for moving files in and out, by one process at a time.

    Opening it first finishes every move that a crash interrupted.

    Args:
        folder: the folder, created with mode 0700 if need be.
        wait: seconds to wait for another process to finish.

    Attributes:
        folder: its absolute path.
        settled: the files whose moves were finished on opening.

    Raises:
        OutputError: the folder cannot be opened, other users may enter it, or another process
            has it open.
        SettingsError: this system cannot move files safely.
    """

    def __init__(self, folder: str | os.PathLike[str], *, wait: float = 0.0) -> None:
        if not _BY_DESCRIPTOR:
            raise SettingsError("this system cannot move files safely, as a quarantine must")
        self.folder = os.fsencode(os.path.abspath(folder))
        try:
            self._files = _make_folders(self.folder)
        except OSError as error:
            raise _cannot("use the quarantine", self.folder, error) from error
        except QuarantineError as error:
            raise OutputError(error.message, path=os.fsdecode(self.folder)) from error
        try:
            self._journal = Journal(os.fsdecode(os.path.join(self.folder, MANIFEST)), wait=wait)
        except BaseException:
            os.close(self._files)
            raise
        try:
            self._manifest = read_manifest(os.path.join(self.folder, MANIFEST))
            self._next_id = 1 + max((0, *self._manifest.items, *self._stored_ids()))
            self.settled = self._settle()
        except BaseException:
            self.close()
            raise

    @property
    def items(self) -> Mapping[int, HeldFile]:
        """Every file that was ever moved here or almost was, by id."""
        return self._manifest.items

    def hold(
        self,
        path: bytes,
        *,
        root: bytes | None = None,
        sha256: str | None = None,
        matches: Sequence[Mapping[str, Any]] = (),
    ) -> HeldFile:
        """Move a file here.

        Args:
            path: the file.
            root: the folder that was scanned; below it, no symbolic link is followed. None if the
                operator named the file itself.
            sha256: the digest, as hex, of the bytes that were examined. If None, whatever is there
                now is moved.
            matches: what it matched, for the manifest.

        Raises:
            QuarantineError: the file was not moved: it has changed, is gone, or cannot be moved.
            OutputError: no file can be moved, for example because the disk is full. This one was
                not moved, or the next opening finds that it was.
        """
        self._check_manifest()
        try:
            with _source(path, root) as (source, real), source.opened() as opened:
                self._check_outside(source)
                item = self._examine(real, opened, sha256, matches)
                self._move(
                    item.event(),
                    lambda: take(item, source, opened, self._files),
                    (HoldState.HELD, HoldState.NOT_MOVED),
                )
        except QuarantineError as error:
            raise QuarantineError(error.message, path=os.fsdecode(path)) from error
        return self.items[item.id]

    def hold_upload(
        self,
        opened: int,
        *,
        case: str,
        encrypted: bool = False,
        matches: Sequence[Mapping[str, Any]] = (),
    ) -> HeldFile:
        """Write a file here that exists nowhere else. When this returns, it is on disk.

        Args:
            opened: a descriptor of its bytes, or of what they were encrypted to.
            case: its case number.
            encrypted: whether they were encrypted.
            matches: what it matched, for the manifest.

        Raises:
            QuarantineError: it was not written.
            OutputError: no file can be written, for example because the disk is full.
        """
        self._check_manifest()
        item = replace(
            self._examine(None, opened, None, matches),
            mode=PRIVATE,
            case=case,
            encrypted=encrypted,
        )
        self._move(
            item.event(),
            lambda: store(item, opened, self._files),
            (HoldState.HELD, HoldState.NOT_MOVED),
        )
        return self.items[item.id]

    def restore(self, number: int, *, to: str | os.PathLike[str] | None = None) -> bytes:
        """Restore a file, with its mode, owner and times.

        Args:
            number: the id of the file.
            to: where to; None for where it came from. An upload needs it.

        Returns:
            Where it is now.

        Raises:
            QuarantineError: the file was not restored: there is none with this id, its destination
                exists or is not given, or it was changed here.
            OutputError: as for ``hold``.
        """
        item = self.items.get(number)
        if item is None:
            raise QuarantineError(f"there is no item {number}")
        if item.state is not HoldState.HELD:
            raise QuarantineError(f"item {number} {_WHY_NOT_HERE[item.state]}")
        path = item.path if to is None else _resolved(os.fsencode(os.path.abspath(to)))
        if path is None:
            raise QuarantineError(f"item {number} was uploaded: say where to write it, with --to")
        held = PlaceInFolder(self._files, item.stored_name)
        try:
            check_content(item, held, f"item {number} was changed in the quarantine or is gone")
            with opened_place(path) as destination, held.opened() as opened:
                self._move(
                    {"type": "restoring", "id": number, **path_fields(path)},
                    lambda: give_back(item, held, opened, destination),
                    (HoldState.RESTORED, HoldState.HELD),
                )
        except QuarantineError as error:
            raise QuarantineError(error.message, path=os.fsdecode(path)) from error
        return path

    def close(self) -> None:
        """Close the quarantine and let the next process in."""
        self._journal.close()
        os.close(self._files)

    def _check_manifest(self) -> None:
        if self._manifest.problems:
            raise OutputError(
                "the manifest was tampered with: run quarantine verify",
                path=os.fsdecode(self.folder),
            )

    def _stored_ids(self) -> Iterator[int]:
        # A name in use must never be used again, even if the manifest was lost
        for name in os.listdir(self._files):
            number = stored_id(os.fsencode(name))
            if number is not None:
                yield number

    def _check_outside(self, source: PlaceInFolder) -> None:
        if os.path.samestat(os.fstat(source.folder), os.fstat(self._files)):
            raise QuarantineError("it is already in this quarantine")

    def _examine(
        self,
        path: bytes | None,
        opened: int,
        sha256: str | None,
        matches: Sequence[Mapping[str, Any]],
    ) -> HeldFile:
        status = os.fstat(opened)
        digest = sha256_of(opened)
        if sha256 not in {None, digest}:
            raise QuarantineError("it was changed or replaced since it was examined")
        number, self._next_id = self._next_id, self._next_id + 1
        return HeldFile(
            id=number,
            time="",
            state=HoldState.MOVING,
            path=path,
            sha256=digest,
            mode=stat.S_IMODE(status.st_mode),
            **{name: getattr(status, f"st_{name}") for name in _KEPT},
            device=status.st_dev,
            inode=status.st_ino,
            passing_name=f".hashmatch-{secrets.token_hex(8)}",
            matches=tuple(matches),
        )

    def _write(self, event: Mapping[str, Any]) -> None:
        """Record an event, wait until it is on disk, and apply it."""
        record = self._journal.append({**event, "by": who()}, sync=True)
        self._manifest.take(record["event"], record["time"])

    def _end(self, number: int, state: HoldState, why: str | None = None) -> None:
        failed = state is HoldState.HELD and self.items[number].state is HoldState.RESTORING
        kind = "not_restored" if failed else state.value
        self._write({"type": kind, "id": number, **({"why": why} if why else {})})

    def _move(
        self, event: Mapping[str, Any], step: Callable[[], None], ends: tuple[HoldState, HoldState]
    ) -> None:
        """Record a move, make it, and record how it ended."""
        number, (done, failed) = event["id"], ends
        self._write(event)
        try:
            step()
        except QuarantineError as error:
            self._end(number, failed, error.message)
            raise
        except OSError as error:
            # The file is in one of its places. If we cannot tell which, the next opening can
            with suppress(OSError):
                self._settle_one(self.items[number])
            if error.errno in _SYSTEMIC:
                raise _cannot("write to the quarantine", self.folder, error) from error
            if self.items[number].state is not done:
                raise QuarantineError(os.strerror(error.errno or 0)) from error
        else:
            self._end(number, done)

    def _settle(self) -> list[HeldFile]:
        moving = [
            item
            for item in self.items.values()
            if item.state in {HoldState.MOVING, HoldState.RESTORING}
        ]
        try:
            return [self._settle_one(item) for item in moving]
        except OSError as error:
            raise _cannot("finish an interrupted move", self.folder, error) from error

    def _settle_one(self, item: HeldFile) -> HeldFile:
        held = settle(item, self._files) is Where.QUARANTINE
        other = HoldState.NOT_MOVED if item.state is HoldState.MOVING else HoldState.RESTORED
        state = HoldState.HELD if held else other
        done = state is (HoldState.HELD if item.state is HoldState.MOVING else HoldState.RESTORED)
        self._end(item.id, state, None if done else "interrupted")
        return self.items[item.id]


@contextmanager
def _source(path: bytes, root: bytes | None) -> Iterator[tuple[PlaceInFolder, bytes]]:
    """Open the folder of a file. Yield its place and its absolute path without links."""
    inner = b"" if root is None else path[len(root) :].lstrip(b"/")
    real = os.path.join(os.path.realpath(root), inner) if root and inner else os.path.realpath(path)
    with opened_place(real) as place:
        yield place, real


def _resolved(path: bytes) -> bytes:
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)


def _make_folders(path: bytes) -> int:
    """Create the folders of the quarantine if need be, and open the one for files."""
    for folder in (path, os.path.join(path, FILES)):
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)
            sync_folder(Path(os.fsdecode(os.path.dirname(folder))))
        check_folder(os.stat(folder), folder)  # before anything is created in it
    with opened_place(os.path.join(os.path.realpath(path), FILES, b"")) as place:
        check_folder(os.fstat(place.folder), os.path.join(path, FILES))
        check_folder(os.stat(path), path)
        return os.dup(place.folder)


def check_folder(status: os.stat_result, path: bytes) -> None:
    """Raise ``OutputError`` for a folder that another user owns, or that others may enter."""
    if status.st_uid != os.geteuid():
        raise OutputError("the folder belongs to another user", path=os.fsdecode(path))
    if status.st_mode & 0o077:
        raise OutputError(
            "others may enter the folder: run chmod 700 on it", path=os.fsdecode(path)
        )


def stored_id(name: bytes) -> int | None:
    """Return the id in the name of a file of the quarantine; None for any other name."""
    found = _STORED.fullmatch(name)
    return None if found is None else int(found[1])


def _cannot(what: str, path: bytes, error: OSError) -> OutputError:
    return OutputError(f"cannot {what}: {os.strerror(error.errno or 0)}", path=os.fsdecode(path))
