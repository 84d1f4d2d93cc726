"""Opens the file of a case and has a worker make a thumbnail of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hashmatch.cases import Case, Place
from hashmatch.custody.quarantine import held_file, sha256_of
from hashmatch.errors import DecodeError, HashmatchError, InputError, QuarantineError
from hashmatch.examine.reading import NO_FOLLOW, open_file
from hashmatch.examine.sandbox import SharedPool, WorkerLimits
from hashmatch.files import Closing, is_object
from hashmatch.model import MEMBER_MARK, Thumbnail
from hashmatch.options import ExamineOptions, ThumbnailOptions

_OPTIONS = ExamineOptions(kinds=(), digests=("sha256",))  # a worker checks the digest of a member
_IN_BUCKET = "the file is in object storage, which this page does not open"
_NOT_KEPT = "the upload was not kept: hashmatch serve --hold keeps what matches"


class Evidence(Closing):
    """Makes thumbnails of stored and held files. Threads may share it."""

    def __init__(self, workers: int, limits: WorkerLimits) -> None:
        self._pool = SharedPool(workers, limits)

    def thumbnail(self, case: Case, *, blurred: bool, colour: bool) -> Thumbnail:
        """Make one of what matched in a case, or raise ``HashmatchError`` with the reason."""
        why: HashmatchError = InputError("no copy of the file is known")
        for seen in case.places:
            try:
                with _opened(seen.place, case.sha256) as (descriptor, member):
                    wanted = ThumbnailOptions(
                        view=case.matches[0].view,
                        member=member,
                        sha256=None if member is None else case.sha256,
                        blurred=blurred,
                        colour=colour,
                    )
                    return self._pool.thumbnail(descriptor, wanted, _OPTIONS)
            except (DecodeError, InputError, QuarantineError) as error:
                why = error
        raise why

    def close(self) -> None:
        """End the workers."""
        self._pool.close()


@contextmanager
def _opened(place: Place, sha256: str | None) -> Iterator[tuple[int, bytes | None]]:
    """Open the file at a place: yield its descriptor, and the member in it that matched, if any.

    Raises ``HashmatchError`` if it cannot be opened, or is not the file that matched.
    """
    path = place.path
    if place.quarantine is not None and is_object(place.quarantine):
        raise InputError(_IN_BUCKET)
    if place.quarantine is not None and place.item is not None:
        with held_file(place.quarantine, place.item) as (item, descriptor):
            if item.encrypted:
                raise InputError("the file is encrypted, and its key is not on this machine")
            digest = sha256_of(descriptor)
            if digest != item.sha256:
                raise InputError("the file was changed in the quarantine")
            yield descriptor, None if digest == sha256 else _part_of(path, item.path, sha256)
    elif path is None or place.request is not None:
        raise InputError(_NOT_KEPT)
    elif not path.startswith(b"/"):
        raise InputError(_IN_BUCKET)
    else:
        outer = _outer(path)
        descriptor = open_file(outer, flags=NO_FOLLOW)
        try:
            member = _member_of(path, outer)
            if member is None and sha256 is not None and sha256_of(descriptor) != sha256:
                raise InputError("the file is no longer the one that matched")
            yield descriptor, member
        finally:
            os.close(descriptor)


def _outer(path: bytes) -> bytes:
    """The file that a path of a member leads into: the first part that is a file."""
    end = -1
    while (end := path.find(MEMBER_MARK, end + 1)) > 0:
        if Path(os.fsdecode(path[:end])).is_file():
            return path[:end]
    return path


def _part_of(path: bytes | None, outer: bytes | None, sha256: str | None) -> bytes | None:
    """The member that matched in a held file; of an upload, the place has only the member's path.

    Raises ``InputError`` if that is not known: the file itself may be a harmless picture.
    """
    member = path if outer is None else _member_of(path, outer)
    if member is None and sha256 is not None:
        raise InputError("which part of the held file matched is not known")
    return member


def _member_of(path: bytes | None, outer: bytes | None) -> bytes | None:
    if path is None or outer is None:
        return None
    start = outer + MEMBER_MARK
    return path.removeprefix(start) if path.startswith(start) else None
