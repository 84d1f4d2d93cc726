"""Find a file whose move a crash interrupted, and finish that move."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum

from hashmatch.custody.quarantine.manifest import HeldFile, HoldState
from hashmatch.custody.quarantine.moves import finish_copy, finish_restoring
from hashmatch.custody.quarantine.places import PlaceInFolder, opened_place
from hashmatch.errors import QuarantineError


class Where(StrEnum):
    """The place where a file is whole."""

    ORIGINAL = "original"
    QUARANTINE = "quarantine"
    NOWHERE = "nowhere"


def locate(item: HeldFile, files: int) -> Where:
    """Find where a file is now, after any crash. Change nothing."""
    with _outside(item) as outside:
        if item.state in {HoldState.RESTORING, HoldState.RESTORED}:
            return _locate_restoring(item, files, outside)
        return _locate_moving(item, files, outside)


def settle(item: HeldFile, files: int) -> Where:
    """Finish an interrupted move the shortest way, and return where the file is then.

    A file that was not taken yet stays where it was. One that was taken is held. One that already
    has its old name again is restored. After an ``OSError`` it is in one of its two places.
    """
    with _outside(item) as outside:
        if item.state is HoldState.RESTORING:
            return _settle_restoring(item, files, outside)
        return _settle_moving(item, files, outside)


@contextmanager
def _outside(item: HeldFile) -> Iterator[PlaceInFolder | None]:
    """Open the place of the file outside the quarantine; None if it has none, or it is gone."""
    path = item.path if item.destination is None else item.destination
    with ExitStack() as stack:
        try:
            place = None if path is None else stack.enter_context(opened_place(path))
        except QuarantineError:
            place = None
        yield place


def _locate_moving(item: HeldFile, files: int, outside: PlaceInFolder | None) -> Where:
    # Look here first: once the original is gone, another file may get its inode
    if PlaceInFolder(files, item.stored_name).sha256() == item.sha256:
        return Where.QUARANTINE
    if outside is not None and (
        outside.is_file(item.device, item.inode) or _took_another(item, outside)
    ):
        return Where.ORIGINAL
    if PlaceInFolder(files, item.part_name).sha256() == item.sha256:
        return Where.QUARANTINE
    return Where.NOWHERE


def _took_another(item: HeldFile, outside: PlaceInFolder) -> bool:
    passing = PlaceInFolder(outside.folder, item.passing)
    return passing.status() is not None and passing.sha256() != item.sha256


def _settle_moving(item: HeldFile, files: int, outside: PlaceInFolder | None) -> Where:
    held, part = PlaceInFolder(files, item.stored_name), PlaceInFolder(files, item.part_name)
    where = _locate_moving(item, files, outside)
    if where is Where.QUARANTINE:
        finish_copy(item, outside, files)
        held.make_private()
        return where
    part.remove()
    if outside is not None:
        # Something else was taken, and the crash came before it was put back
        for place in (held, PlaceInFolder(outside.folder, item.passing)):
            if place.status() is not None:
                place.move_to_free(outside)
        outside.sync()
    held.sync()
    return where


def _locate_restoring(item: HeldFile, files: int, outside: PlaceInFolder | None) -> Where:
    held = PlaceInFolder(files, item.stored_name)
    if outside is not None and _has_its_name_again(item, held, outside):
        return Where.ORIGINAL
    if held.sha256() == item.sha256:
        return Where.QUARANTINE
    if outside is not None and outside.sha256() == item.sha256:
        return Where.ORIGINAL
    return Where.NOWHERE


def _settle_restoring(item: HeldFile, files: int, outside: PlaceInFolder | None) -> Where:
    held = PlaceInFolder(files, item.stored_name)
    where = _locate_restoring(item, files, outside)
    passing = None if outside is None else PlaceInFolder(outside.folder, item.passing)
    if where is Where.QUARANTINE:
        if passing is not None:
            passing.remove()
        held.make_private()
    elif passing is not None:
        finish_restoring(held, passing)
    return where


def _has_its_name_again(item: HeldFile, held: PlaceInFolder, outside: PlaceInFolder) -> bool:
    """Tell whether the destination has the held file itself, or the copy made of it."""
    passing = PlaceInFolder(outside.folder, item.passing)
    return outside.holds(passing.status() or held.status())
