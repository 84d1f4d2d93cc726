"""Move a file into the quarantine and back, so that no crash can lose it.

Whatever happens, the file is whole in exactly one of its two places. If both are on one file
system, a single rename moves it. Otherwise, or if the file has further hard links, whose mode must
not change, it is first copied to a name that ends in ``.part``. Then renaming the original to a
passing name in its own folder completes the move, and the rest is cleanup. The file that was taken
is compared with the one that was examined, and put back if it differs.

Restoring never overwrites: the file gets its old name as a second link, which fails if the name is
taken, and then loses its name in the quarantine.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import NoReturn

from hashmatch.custody.quarantine.manifest import HeldFile
from hashmatch.custody.quarantine.places import PlaceInFolder, sha256_of
from hashmatch.errors import QuarantineError


def take(item: HeldFile, source: PlaceInFolder, opened: int, files: int) -> None:
    """Move a file into the quarantine.

    Raises ``QuarantineError`` if it is no longer the one that was examined; then it stays where it
    was. After an ``OSError`` it is in one of its two places.
    """
    held = PlaceInFolder(files, item.stored_name)
    if os.fstat(opened).st_nlink == 1 and _renamed(source, held):
        if not _is_right(item, held, opened):
            _put_back(item, held, source)
        held.make_private()
        held.sync()
        source.sync()
        return
    part, passing = PlaceInFolder(files, item.part_name), PlaceInFolder(source.folder, item.passing)
    try:
        part.write_copy(opened)
        check_content(item, part, "the file changed while it was copied")
        part.sync()
        source.rename_to(passing)
        if not _is_right(item, passing, opened):
            # Remove this first, or after a crash what was taken would be mistaken for the file
            part.remove()
            part.sync()
            _put_back(item, passing, source)
    except QuarantineError:
        part.remove()
        raise
    finish_copy(item, source, files)


def store(item: HeldFile, opened: int, files: int) -> None:
    """Write a file that has no other place into the quarantine.

    Raises ``QuarantineError`` if what was written differs from the file.
    """
    part = PlaceInFolder(files, item.part_name)
    part.write_copy(opened)
    try:
        check_content(item, part, "what was written differs from the upload")
    except QuarantineError:
        part.remove()
        raise
    finish_copy(item, None, files)


def finish_copy(item: HeldFile, source: PlaceInFolder | None, files: int) -> None:
    """Complete the move of a copied file: name the copy, and remove the original."""
    held = PlaceInFolder(files, item.stored_name)
    if held.status() is None:
        PlaceInFolder(files, item.part_name).rename_to(held)
    held.sync()
    if source is not None:
        PlaceInFolder(source.folder, item.passing).remove()
        source.sync()


def check_content(item: HeldFile, place: PlaceInFolder, complaint: str) -> None:
    """Raise ``QuarantineError`` with this complaint unless a place holds the bytes of a file."""
    if place.sha256() != item.sha256:
        raise QuarantineError(complaint)


def give_back(item: HeldFile, held: PlaceInFolder, opened: int, destination: PlaceInFolder) -> None:
    """Move a file out of the quarantine, with its mode, owner and times, and overwrite nothing.

    Raises ``QuarantineError`` if the destination is taken; then the file stays where it was. After
    an ``OSError`` it is in one of its two places.
    """
    passing = PlaceInFolder(destination.folder, item.passing)
    try:
        _restore_metadata(item, opened)
        if not held.link_to(destination):
            _link_copy(item, opened, passing, destination)
    except (OSError, QuarantineError) as error:
        passing.remove()
        held.make_private()
        if isinstance(error, FileExistsError):
            raise QuarantineError("the destination exists, and nothing is overwritten") from error
        raise
    destination.sync()
    finish_restoring(held, passing)


def finish_restoring(held: PlaceInFolder, passing: PlaceInFolder) -> None:
    """Complete the restoring of a file that has its old name again."""
    held.remove()
    held.sync()
    # Remove this last: it shows that the file at the destination is ours
    passing.remove()
    passing.sync()


def _link_copy(
    item: HeldFile, opened: int, passing: PlaceInFolder, destination: PlaceInFolder
) -> None:
    passing.write_copy(opened)
    check_content(item, passing, "the copy differs from the original")
    with passing.opened() as copy:
        _restore_metadata(item, copy)
        os.fsync(copy)
    if not passing.link_to(destination):
        raise QuarantineError(
            "that file system cannot guarantee that nothing is overwritten: restore it elsewhere"
        )


def _renamed(source: PlaceInFolder, held: PlaceInFolder) -> bool:
    try:
        source.rename_to(held)
    except OSError as error:
        if error.errno == errno.EXDEV:
            return False
        raise
    return True


def _is_right(item: HeldFile, taken: PlaceInFolder, opened: int) -> bool:
    return taken.holds(os.fstat(opened)) and sha256_of(opened) == item.sha256


def _put_back(item: HeldFile, taken: PlaceInFolder, source: PlaceInFolder) -> NoReturn:
    """Put back what was taken, because it is not the file that was examined."""
    if not taken.move_to_free(source):
        name = os.fsdecode(taken.name).replace(item.sha256, "*")
        raise QuarantineError(f"other files took its place twice, and one was left as {name}")
    source.sync()
    raise QuarantineError("it was changed or replaced since it was examined")


def _restore_metadata(item: HeldFile, opened: int) -> None:
    status = os.fstat(opened)
    if (status.st_uid, status.st_gid) != (item.uid, item.gid):
        # Only the superuser may give files away
        with suppress(PermissionError):
            os.fchown(opened, item.uid, item.gid)
    os.fchmod(opened, item.mode)
    os.utime(opened, ns=(item.atime_ns, item.mtime_ns))
