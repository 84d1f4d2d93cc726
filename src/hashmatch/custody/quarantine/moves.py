"""Taking a file into the quarantine and giving it back, so that no crash can lose it.

Whatever happens, the file is whole in exactly one of its two places. Where both lie on one file
system, one rename takes it. Otherwise (or where the file has other names, whose mode must not
change) it is copied first, to a name that ends in ``.part``; then one rename of the original to a
passing name in its own folder takes it, and the rest is clearing up. What was taken is compared
with what was examined, and put back if it is something else.

Giving back never overwrites: the file gets its old name as a second one, which fails where the name
is taken, and then loses the one in the quarantine.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import NoReturn

from hashmatch.custody.quarantine.manifest import Item
from hashmatch.custody.quarantine.places import Place, sha256_of
from hashmatch.errors import QuarantineError


def take(item: Item, source: Place, opened: int, files: int) -> None:
    """Move a file into the quarantine.

    Args:
        item: what is known of it.
        source: where it is.
        opened: its descriptor.
        files: the descriptor of the quarantine's folder.

    Raises:
        QuarantineError: it is not what was examined any more; it is where it was.
        OSError: the system failed; the file is in one of its places.
    """
    held = Place(files, item.stored_name)
    if os.fstat(opened).st_nlink == 1 and _renamed(source, held):
        if not _is_right(item, held, opened):
            _put_back(item, held, source)
        held.make_private()
        held.sync()
        source.sync()
        return
    part, passing = Place(files, item.part_name), Place(source.folder, item.passing)
    try:
        part.write_copy(opened)
        check_content(item, part, "it changed while it was copied")
        part.sync()
        source.rename_to(passing)
        if not _is_right(item, passing, opened):
            # First of all: without it, what was taken is not mistaken for the file after a crash
            part.remove()
            part.sync()
            _put_back(item, passing, source)
    except QuarantineError:
        part.remove()
        raise
    finish_copy(item, source, files)


def finish_copy(item: Item, source: Place | None, files: int) -> None:
    """Clear up behind a copied file that was taken: the copy gets its name, the original goes."""
    held = Place(files, item.stored_name)
    if held.status() is None:
        Place(files, item.part_name).rename_to(held)
    held.sync()
    if source is not None:
        Place(source.folder, item.passing).remove()
        source.sync()


def check_content(item: Item, place: Place, complaint: str) -> None:
    """Make sure that a place has the bytes of an item.

    Raises:
        QuarantineError: with the complaint, where it has not.
    """
    if place.sha256() != item.sha256:
        raise QuarantineError(complaint)


def give_back(item: Item, held: Place, opened: int, destination: Place) -> None:
    """Move a file out of the quarantine, with its mode, owner and times, and overwrite nothing.

    Args:
        item: what is known of it.
        held: where it is.
        opened: its descriptor.
        destination: where it goes.

    Raises:
        QuarantineError: something is at its destination already; it is where it was.
        OSError: the system failed; the file is in one of its places.
    """
    passing = Place(destination.folder, item.passing)
    try:
        _restore_metadata(item, opened)
        if not held.link_to(destination):
            _link_copy(item, opened, passing, destination)
    except (OSError, QuarantineError) as error:
        passing.remove()
        held.make_private()
        if isinstance(error, FileExistsError):
            raise QuarantineError(
                "something is there already, and nothing is overwritten"
            ) from error
        raise
    destination.sync()
    finish_restoring(held, passing)


def finish_restoring(held: Place, passing: Place) -> None:
    """Clear up behind a file that has its old name again."""
    held.remove()
    held.sync()
    # Last of all: while it is there, it shows that the file at the destination is ours
    passing.remove()
    passing.sync()


def _link_copy(item: Item, opened: int, passing: Place, destination: Place) -> None:
    passing.write_copy(opened)
    check_content(item, passing, "the copy is not like the original")
    with passing.opened() as copy:
        _restore_metadata(item, copy)
        os.fsync(copy)
    if not passing.link_to(destination):
        raise QuarantineError(
            "the file system there could not promise to overwrite nothing: restore it elsewhere"
        )


def _renamed(source: Place, held: Place) -> bool:
    try:
        source.rename_to(held)
    except OSError as error:
        if error.errno == errno.EXDEV:
            return False
        raise
    return True


def _is_right(item: Item, taken: Place, opened: int) -> bool:
    return taken.holds(os.fstat(opened)) and sha256_of(opened) == item.sha256


def _put_back(item: Item, taken: Place, source: Place) -> NoReturn:
    """Put back what was taken, since it is another file, or has other bytes, than what was seen."""
    if not taken.move_to_free(source):
        name = os.fsdecode(taken.name).replace(item.sha256, "*")
        raise QuarantineError(f"another file took its place twice, and one was left as {name}")
    source.sync()
    raise QuarantineError("it was changed or replaced since it was examined")


def _restore_metadata(item: Item, opened: int) -> None:
    status = os.fstat(opened)
    if (status.st_uid, status.st_gid) != (item.uid, item.gid):
        # Only the superuser may give files away
        with suppress(PermissionError):
            os.fchown(opened, item.uid, item.gid)
    os.fchmod(opened, item.mode)
    os.utime(opened, ns=(item.atime_ns, item.mtime_ns))
