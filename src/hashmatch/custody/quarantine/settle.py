"""Where a file is, whose move a crash interrupted, and bringing that move to an end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum

from hashmatch.custody.quarantine.manifest import Item, State
from hashmatch.custody.quarantine.moves import finish_copy, finish_restoring
from hashmatch.custody.quarantine.places import Place, opened_place
from hashmatch.errors import QuarantineError


class Where(StrEnum):
    """The place in which a file is whole."""

    ORIGINAL = "original"
    QUARANTINE = "quarantine"
    NOWHERE = "nowhere"


def locate(item: Item, files: int) -> Where:
    """Say where an item's file is now, whatever a crash left. Changes nothing.

    Args:
        item: as the manifest has it.
        files: the descriptor of the quarantine's folder.
    """
    with _outside(item) as outside:
        if item.state in {State.RESTORING, State.RESTORED}:
            return _locate_restoring(item, files, outside)
        return _locate_moving(item, files, outside)


def settle(item: Item, files: int) -> Where:
    """Bring an interrupted move to its nearest end, and say in which place the file is then.

    A file that was not taken yet stays where it was; one that was taken is held; one that already
    had its old name again is restored.

    Args:
        item: as the manifest has it.
        files: the descriptor of the quarantine's folder.

    Raises:
        OSError: the system failed; the file is in one of its places.
    """
    with _outside(item) as outside:
        if item.state is State.RESTORING:
            return _settle_restoring(item, files, outside)
        return _settle_moving(item, files, outside)


@contextmanager
def _outside(item: Item) -> Iterator[Place | None]:
    """The place of the file outside the quarantine; None where its folder is gone."""
    path = item.path if item.destination is None else item.destination
    with ExitStack() as stack:
        try:
            place = stack.enter_context(opened_place(path))
        except QuarantineError:
            place = None
        yield place


def _locate_moving(item: Item, files: int, outside: Place | None) -> Where:
    # First of all: once the original is gone, another file may get its number
    if Place(files, item.stored_name).sha256() == item.sha256:
        return Where.QUARANTINE
    if outside is not None and (
        outside.is_file(item.device, item.inode) or _took_another(item, outside)
    ):
        return Where.ORIGINAL
    if Place(files, item.part_name).sha256() == item.sha256:
        return Where.QUARANTINE
    return Where.NOWHERE


def _took_another(item: Item, outside: Place) -> bool:
    passing = Place(outside.folder, item.passing)
    return passing.status() is not None and passing.sha256() != item.sha256


def _settle_moving(item: Item, files: int, outside: Place | None) -> Where:
    held, part = Place(files, item.stored_name), Place(files, item.part_name)
    where = _locate_moving(item, files, outside)
    if where is Where.QUARANTINE:
        finish_copy(item, outside, files)
        held.make_private()
        return where
    part.remove()
    if outside is not None:
        # What was taken is something else, and the crash came before it was put back
        for place in (held, Place(outside.folder, item.passing)):
            if place.status() is not None:
                place.move_to_free(outside)
        outside.sync()
    held.sync()
    return where


def _locate_restoring(item: Item, files: int, outside: Place | None) -> Where:
    held = Place(files, item.stored_name)
    if outside is not None and _has_its_name_again(item, held, outside):
        return Where.ORIGINAL
    if held.sha256() == item.sha256:
        return Where.QUARANTINE
    if outside is not None and outside.sha256() == item.sha256:
        return Where.ORIGINAL
    return Where.NOWHERE


def _settle_restoring(item: Item, files: int, outside: Place | None) -> Where:
    held = Place(files, item.stored_name)
    where = _locate_restoring(item, files, outside)
    passing = None if outside is None else Place(outside.folder, item.passing)
    if where is Where.QUARANTINE:
        if passing is not None:
            passing.remove()
        held.make_private()
    elif passing is not None:
        finish_restoring(held, passing)
    return where


def _has_its_name_again(item: Item, held: Place, outside: Place) -> bool:
    """Whether what is at the destination is the held file itself, or the copy made of it."""
    passing = Place(outside.folder, item.passing)
    return outside.holds(passing.status() or held.status())
