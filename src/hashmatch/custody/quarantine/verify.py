"""Inspect a quarantine without changing it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hashmatch.custody.quarantine.manifest import HeldFile, HoldState, Manifest, read_manifest
from hashmatch.custody.quarantine.places import PlaceInFolder, open_folder
from hashmatch.custody.quarantine.settle import Where, locate
from hashmatch.custody.quarantine.store import FILES, MANIFEST, check_folder, stored_id
from hashmatch.errors import HashmatchError, InputError


@dataclass(frozen=True, slots=True)
class HeldFileCheck:
    """What was found about one file.

    Attributes:
        item: the file, as the manifest has it.
        where: the place where it is whole.
        problem: what is wrong, in words; None if nothing is.
        interrupted: its move was not finished; the next opening finishes it.
    """

    item: HeldFile
    where: Where
    problem: str | None = None
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class QuarantineCheck:
    """The result of checking a quarantine.

    Attributes:
        items: the files that are here, or should be, or whose move was interrupted; by id.
        problems: what is wrong with the quarantine itself, in words.
        gaps: lines of the manifest that a crash tore, in words.
    """

    items: tuple[HeldFileCheck, ...]
    problems: tuple[str, ...]
    gaps: tuple[str, ...]


def read_items(folder: str | os.PathLike[str]) -> list[HeldFile]:
    """Return every file of a quarantine, by id, as the manifest has it, or raise ``InputError``."""
    return sorted(_read(folder).items.values(), key=lambda item: item.id)


def verify(folder: str | os.PathLike[str]) -> QuarantineCheck:
    """Check every file of a quarantine, its manifest and its permissions. Change nothing.

    While another process moves files, a move may look interrupted.

    Raises:
        InputError: the folder is not a quarantine, or cannot be read.
    """
    manifest = _read(folder)
    path = os.fsencode(os.path.abspath(folder))
    with _opened(path) as files:
        checks = [
            check
            for _, item in sorted(manifest.items.items())
            if (check := _check(item, files)) is not None
        ]
        problems = [f"line {each.line} of the manifest {each.what}" for each in manifest.problems]
        problems += _wrong_modes(path, files)
        problems += _strays(manifest, files)
    gaps = tuple(f"line {each.line} of the manifest {each.what}" for each in manifest.torn)
    return QuarantineCheck(tuple(checks), tuple(problems), gaps)


@contextmanager
def held_file(folder: str | os.PathLike[str], number: int) -> Iterator[tuple[HeldFile, int]]:
    """Open a file in quarantine: yield what the manifest says of it, and its descriptor.

    Raises:
        InputError: the folder is not a quarantine, or does not hold the file.
        QuarantineError: the file cannot be read.
    """
    item = _read(folder).items.get(number)
    if item is None or item.state is not HoldState.HELD:
        raise InputError(f"item {number} is not in the quarantine", path=os.fspath(folder))
    with (
        _opened(os.fsencode(os.path.abspath(folder))) as files,
        PlaceInFolder(files, item.stored_name).opened() as descriptor,
    ):
        yield item, descriptor


def _read(folder: str | os.PathLike[str]) -> Manifest:
    path = os.path.join(os.fsencode(folder), MANIFEST)
    if not os.path.lexists(path):
        name = os.fsdecode(MANIFEST)
        raise InputError(f"not a quarantine: it has no {name}", path=os.fspath(folder))
    return read_manifest(path)


@contextmanager
def _opened(path: bytes) -> Iterator[int]:
    try:
        files = open_folder(os.path.join(os.path.realpath(path), FILES))
    except HashmatchError as error:
        raise InputError(error.message, path=os.fsdecode(path)) from error
    try:
        yield files
    finally:
        os.close(files)


def _check(item: HeldFile, files: int) -> HeldFileCheck | None:
    if item.state in {HoldState.NOT_MOVED, HoldState.RESTORED}:
        return None
    if item.state is HoldState.HELD:
        held = PlaceInFolder(files, item.stored_name)
        if held.sha256() == item.sha256:
            return HeldFileCheck(item, Where.QUARANTINE)
        problem = "its file is gone" if held.status() is None else "its file was changed"
        return HeldFileCheck(item, Where.NOWHERE, problem)
    where = locate(item, files)
    # An upload has one place, and its sender got no answer
    gone = where is Where.NOWHERE and item.path is not None
    lost = "its file is in neither place" if gone else None
    return HeldFileCheck(item, where, lost, interrupted=True)


def _wrong_modes(path: bytes, files: int) -> Iterator[str]:
    for place, status in ((path, os.stat(path)), (os.path.join(path, FILES), os.fstat(files))):
        try:
            check_folder(status, place)
        except HashmatchError as error:
            yield str(error)


def _strays(manifest: Manifest, files: int) -> Iterator[str]:
    known = {
        name
        for item in manifest.items.values()
        if item.state not in {HoldState.NOT_MOVED, HoldState.RESTORED}
        for name in (item.stored_name, item.part_name)
    }
    for name in sorted(os.fsencode(each) for each in os.listdir(files)):
        if name not in known:
            number = stored_id(name)
            whose = "" if number is None else f" with the id {number}"
            yield f"there is a file{whose} that is not in the manifest"
