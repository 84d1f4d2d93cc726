"""Read what is inside a file: the members of archives, the pictures of documents, appended files.

The examination calls ``sniff_container`` to recognise a file that holds others, and
``read_members`` to get them, those of containers inside it included. ``_READERS`` names the reader
of each format: those of archives are in ``archive``, those of documents in ``document``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from typing import BinaryIO, TypeAlias

from hashmatch.errors import OUT_OF_MEMORY, DecodeError
from hashmatch.examine.archive.budget import Budget
from hashmatch.examine.archive.entries import ArchiveEntry, Member
from hashmatch.examine.archive.formats import HEAD_BYTES, WHOLE_HEAD_BYTES, sniff_archive
from hashmatch.examine.archive.libarchive_reader import (
    FILTERS,
    FORMATS,
    libarchive_content,
    libarchive_entries,
)
from hashmatch.examine.archive.packed import STREAM_CODECS, Unpacked
from hashmatch.examine.archive.streams import Metered, Section, Stream, file_size
from hashmatch.examine.archive.tar_reader import tar_entries
from hashmatch.examine.archive.zip_reader import ends_in_zip, zip_entries
from hashmatch.examine.decode import PlainJpeg, sniff
from hashmatch.examine.document.appended import Appended, appended
from hashmatch.examine.document.mail import mail_entries, mailbox_entries
from hashmatch.examine.document.markup import uri_entries
from hashmatch.examine.document.pdf import pdf_entries
from hashmatch.examine.document.sniffing import begins_with_tag, sniff_document
from hashmatch.model import MEMBER_MARK, Reason
from hashmatch.options import ArchiveLimits

SOLE_NAME = b"content"
"""What to call the content of a compressed file, whose own name cannot be relied on."""

_Opener: TypeAlias = "Callable[[BinaryIO, int, Budget], Iterator[ArchiveEntry]]"


def sniff_container(head: bytes) -> str | None:
    """Name the archive or document format that ``head``, the first 64 KiB of a file, begins.

    The file can be a picture as well: a TAR, an SVG, or a JPEG with a PDF in its comment.

    Returns:
        What ``sniff_archive`` or ``sniff_document`` says, or ``SVG``; None if it is neither.
    """
    name = sniff_archive(head) or sniff_document(head)
    is_svg = name in {None, "HTML"} and begins_with_tag(head) and sniff(head) == "SVG"
    return "SVG" if is_svg else name


def read_members(
    file: BinaryIO,
    limits: ArchiveLimits,
    max_member_bytes: int,
    skip: int = 0,
    *,
    again: bool = False,
) -> Iterator[Member]:
    """Yield the members of a container in its order, those of containers inside it included.

    Nothing is written to disk, and names are only labels. One member is in memory at a time, with
    the containers around it. Files appended to a picture, and a zip appended to anything, are
    members too.

    Args:
        file: the container, which must be seekable.
        limits: what unpacking the container may cost.
        max_member_bytes: the largest member to unpack; a larger one is ``too_large``.
        skip: how many members to leave out at the start; the limits count them all the same.
        again: the caller comes back for a member that was ``at_hand``. No file is appended to any
            member before it, so most of those are skipped without unpacking.

    Raises:
        DecodeError: the rest of the container cannot be read. The members so far are good.
    """
    size = file_size(file)
    reader = _ContainerReader(Budget(limits, size, max_member_bytes), skip, again=again)
    yield from reader.members(file, size, b"", 1)


def hidden_behind(data: bytes, plain: PlainJpeg | None = None) -> DecodeError | None:
    """Say which file follows, if any: a zip behind anything, or any file behind a picture.

    ``plain`` is what ``plain_jpeg`` says about the file, if known: only a zip can follow that.
    """
    if ends_in_zip(BytesIO(data), len(data)):
        return appended_problem("ZIP")
    if plain is not None:
        return None
    found = appended(data, zip_at_end=False)
    return appended_problem(found[0].format) if found else None


def appended_problem(name: str) -> DecodeError:
    """Make the error for a file with another one appended that is not opened."""
    detail = f"a file is appended to it ({name}), and is not examined"
    return DecodeError(Reason.UNSUPPORTED_FORMAT, detail, format=name)


class _ContainerReader:
    """Reads a container and those inside it, which share what it may cost and what it skips."""

    def __init__(self, budget: Budget, skip: int, *, again: bool) -> None:
        self._budget = budget
        self._skip = skip
        self._again = again
        self._at_hand = True

    def members(self, file: BinaryIO, size: int, prefix: bytes, depth: int) -> Iterator[Member]:
        """Yield the members of one container; ``prefix`` goes before their names."""
        for entry in self._entries(file, size, depth):
            if depth > self._budget.limits.max_depth:
                raise DecodeError(Reason.ARCHIVE_LIMIT, f"more than {depth - 1} archives deep")
            self._budget.count_member()
            yield from self._members_of(entry, prefix + entry.name, depth)
        self._budget.check()

    def _entries(self, file: BinaryIO, size: int, depth: int) -> Iterator[ArchiveEntry]:
        name = sniff_container(Section(file, 0, size).peek(WHOLE_HEAD_BYTES))
        if depth == 1:
            self._at_hand = name in _AT_HAND
        if name in _READERS:
            yield from _READERS[name](file, size, self._budget)
        elif name is not None:
            problem = f"{name} is not read as an archive"
            raise DecodeError(Reason.UNSUPPORTED_FORMAT, problem, format=name)
        if name in _NEVER_FOLLOWED:
            return
        has_zip = ends_in_zip(file, size)
        if has_zip:
            yield from zip_entries(file, size, self._budget)
        behind = self._behind(file, size, has_zip)
        if name is None and not has_zip and not behind:
            raise DecodeError(Reason.UNSUPPORTED_FORMAT, "this is not read as an archive")
        for number, found in enumerate(behind, 1):
            part = Section(file, found.start, found.end - found.start)
            yield ArchiveEntry(b"appended-%d" % number, open=partial(Metered, part, self._budget))

    def _behind(self, file: BinaryIO, size: int, has_zip: bool) -> list[Appended]:
        """Find what is appended to a picture, unless the file is over the limit on bytes."""
        if size > self._budget.max_member_bytes:
            return []
        return appended(Section(file, 0, size).read(size), has_zip)

    def _members_of(self, entry: ArchiveEntry, path: bytes, depth: int) -> Iterator[Member]:
        """Yield what is inside an entry, and then the entry; nothing for a folder."""
        if entry.open is None:
            return
        name, data, problem = None, None, entry.problem
        try:
            name, data = self._read(entry.open, entry.size)
            if name is None and hidden_behind(data) is not None:
                name = _FOLLOWED
                self._at_hand = False
            if name is not None:
                yield from self.members(BytesIO(data), len(data), path + MEMBER_MARK, depth + 1)
        except DecodeError as error:
            problem = error.bare()
        if self._skip:
            self._skip -= 1
        elif name is None:
            at_hand = self._at_hand and depth == 1
            yield Member(path, data, problem, at_hand=at_hand)
        else:
            yield Member(path, None if name in _NEVER_PICTURES else data, problem, is_archive=True)

    def _read(self, open_: Callable[[], Stream], size: int | None) -> tuple[str | None, bytes]:
        """Read content whole, and name its container format, if it has one."""
        if size is not None and size > self._budget.max_member_bytes:
            raise self._too_large()
        content = open_()
        name = sniff_container(content.peek(WHOLE_HEAD_BYTES))
        if name is None and self._skip and self._again and size is not None:
            return None, b""  # the archive knows where the next entry begins
        try:
            data = content.read(self._budget.max_member_bytes + 1)
        except MemoryError:
            raise DecodeError(Reason.TOO_LARGE, OUT_OF_MEMORY) from None
        if len(data) > self._budget.max_member_bytes:
            raise self._too_large()
        return name, data

    def _too_large(self) -> DecodeError:
        return DecodeError(Reason.TOO_LARGE, f"more than {self._budget.max_member_bytes} bytes")


def _tar(file: BinaryIO, size: int, budget: Budget) -> Iterator[ArchiveEntry]:
    return tar_entries(Metered(Section(file, 0, size), budget))


def _compressed(name: str, file: BinaryIO, size: int, budget: Budget) -> Iterator[ArchiveEntry]:
    unpacked = Unpacked(Section(file, 0, size), STREAM_CODECS[name])
    return _unpacked_entries(Metered(unpacked, budget, packed=size))


def _filtered(name: str, file: BinaryIO, size: int, budget: Budget) -> Iterator[ArchiveEntry]:
    with libarchive_content(name, file) as unpacked:
        yield from _unpacked_entries(Metered(unpacked, budget, packed=size))


def _unpacked_entries(unpacked: Stream) -> Iterator[ArchiveEntry]:
    """Yield the entries of a compressed tar, or the content of any other compressed file."""
    if sniff_archive(unpacked.peek(HEAD_BYTES)) == "TAR":
        yield from tar_entries(unpacked)
        return
    yield ArchiveEntry(SOLE_NAME, open=lambda: unpacked)
    unpacked.read(1)  # raises again if the data broke off


def _archive(name: str, file: BinaryIO, _: int, budget: Budget) -> Iterator[ArchiveEntry]:
    return libarchive_entries(name, file, budget)


_READERS: dict[str | None, _Opener] = {
    "ZIP": zip_entries,
    "TAR": _tar,
    **{name: partial(_compressed, name) for name in STREAM_CODECS},
    **{name: partial(_filtered, name) for name in FILTERS},
    **{name: partial(_archive, name) for name in FORMATS},
    "PDF": pdf_entries,
    "MAIL": mail_entries,
    "MBOX": mailbox_entries,
    "HTML": uri_entries,
    "SVG": uri_entries,
}
_FOLLOWED = "a file with others behind it"
_DOCUMENTS = frozenset({"PDF", "MAIL", "MBOX", "HTML", "SVG"})
_NEVER_FOLLOWED = _READERS.keys() - _DOCUMENTS  # what ends a tar may be its last member
_NEVER_PICTURES = _NEVER_FOLLOWED - {"TAR"}
_AT_HAND = frozenset({"ZIP", "TAR", None})  # None: a zip behind something
