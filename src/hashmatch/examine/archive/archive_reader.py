"""An archive to its members, those of archives inside it included."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import BinaryIO

from hashmatch.errors import OUT_OF_MEMORY, DecodeError
from hashmatch.examine.archive.budget import Budget
from hashmatch.examine.archive.entries import Entry, Member
from hashmatch.examine.archive.formats import HEAD_BYTES, WHOLE_HEAD_BYTES, sniff_archive
from hashmatch.examine.archive.packed import STREAM_CODECS, Unpacked
from hashmatch.examine.archive.streams import Metered, Section, Stream, file_size
from hashmatch.examine.archive.tar_reader import tar_entries
from hashmatch.examine.archive.zip_reader import ends_in_zip, zip_behind, zip_entries
from hashmatch.model import MEMBER_MARK, Reason
from hashmatch.options import ArchiveLimits

SOLE_NAME = b"content"
"""The name of what a compressed file holds, which has none that can be relied on."""


def read_archive(
    file: BinaryIO, limits: ArchiveLimits, max_member_bytes: int, skip: int = 0
) -> Iterator[Member]:
    """Yield the members of an archive in its order, those of archives inside it included.

    Nothing touches the disk, and names are no more than labels. One member is in memory at a time,
    with the archives that it lies in, where those are nested ones. A zip may stand behind anything
    else; within an archive, it is not opened there but told as the member's problem.

    Args:
        file: a regular file, or bytes, that can be sought in.
        limits: what the archive may cost, counted while it is unpacked.
        max_member_bytes: the largest member to unpack; a larger one is ``too_large``.
        skip: how many members to leave out at the start, which count all the same. What can be
            passed over without unpacking it is.

    Raises:
        DecodeError: the archive cannot be read any further. The members so far are good.
    """
    size = file_size(file)
    reader = _Reader(limits, max_member_bytes, skip, size)
    yield from reader.members(file, size, b"", 1)


class _Reader:
    """What the levels of one archive share."""

    def __init__(self, limits: ArchiveLimits, max_member_bytes: int, skip: int, size: int) -> None:
        self._budget = Budget(limits, size)
        self._max_bytes = max_member_bytes
        self._skip = skip

    def members(self, file: BinaryIO, size: int, prefix: bytes, depth: int) -> Iterator[Member]:
        """Yield the members of one archive; ``prefix`` goes before their names."""
        if depth > self._budget.limits.max_depth:
            raise DecodeError(Reason.ARCHIVE_LIMIT, f"more than {depth - 1} archives deep")
        for entry in self._entries(file, size):
            self._budget.count_member()
            yield from self._members_of(entry, prefix + entry.name, depth)
        self._budget.check()

    def _entries(self, file: BinaryIO, size: int) -> Iterator[Entry]:
        source = Section(file, 0, size)
        name = sniff_archive(source.peek(WHOLE_HEAD_BYTES))
        if name == "ZIP" or (name is None and ends_in_zip(file, size)):
            return zip_entries(file, size, self._budget)
        if name == "TAR":
            return tar_entries(Metered(source, self._budget))
        if name in STREAM_CODECS:
            unpacked = Metered(Unpacked(source, STREAM_CODECS[name]), self._budget, packed=size)
            if sniff_archive(unpacked.peek(HEAD_BYTES)) == "TAR":
                return tar_entries(unpacked)
            return _sole_entry(unpacked)
        raise DecodeError(Reason.UNSUPPORTED_FORMAT, f"{name or 'this'} is not read as an archive")

    def _members_of(self, entry: Entry, path: bytes, depth: int) -> Iterator[Member]:
        """Yield an entry, if it is no folder, and before it what is inside it."""
        if entry.open is None:
            return
        name, data, problem = None, None, None
        try:
            name, data = self._read(entry.open, entry.size)
            if name is not None:
                yield from self.members(BytesIO(data), len(data), path + MEMBER_MARK, depth + 1)
            elif ends_in_zip(BytesIO(data), len(data)):
                # Whoever skips a member must know how many are in it without unpacking it
                problem = zip_behind()
        except DecodeError as error:
            problem = error.bare()
        if self._skip:
            self._skip -= 1
        elif name is None:
            yield Member(path, data, problem)
        else:
            yield Member(path, data if name == "TAR" else None, problem, is_archive=True)

    def _read(self, open_: Callable[[], Stream], size: int | None) -> tuple[str | None, bytes]:
        """Read content whole, and name the archive format that it is in, if any."""
        if size is not None and size > self._max_bytes:
            raise self._too_large()
        content = open_()
        name = sniff_archive(content.peek(HEAD_BYTES))
        if name is None and self._skip and size is not None:
            return None, b""  # the archive knows where the next entry begins
        try:
            data = content.read(self._max_bytes + 1)
        except MemoryError:
            raise DecodeError(Reason.TOO_LARGE, OUT_OF_MEMORY) from None
        if len(data) > self._max_bytes:
            raise self._too_large()
        return name or sniff_archive(data[:WHOLE_HEAD_BYTES]), data

    def _too_large(self) -> DecodeError:
        return DecodeError(Reason.TOO_LARGE, f"more than {self._max_bytes} bytes")


def _sole_entry(unpacked: Stream) -> Iterator[Entry]:
    """Yield what a compressed file holds, where that is no tar."""
    yield Entry(SOLE_NAME, open=lambda: unpacked)
    unpacked.read(1)  # which tells again if it broke off
