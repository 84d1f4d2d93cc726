"""Read the entries of a tar archive, block by block.

``tarfile`` will not do: it loads headers of any length into memory, follows chains of them by
recursion, and keeps every entry.

Sources: POSIX.1-2017 pax (ustar and pax), and the GNU tar manual, "Basic Tar Format".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hashmatch.errors import DecodeError
from hashmatch.examine.archive.entries import ArchiveEntry
from hashmatch.examine.archive.streams import PartStream, Stream
from hashmatch.examine.archive.tar_fields import (
    BLOCK,
    SPARSE,
    SPARSE_NAME,
    broken_tar,
    is_tar_header,
    read_decimal,
    read_keywords,
    read_number,
)
from hashmatch.model import Reason

MAX_EXTENSION = 1024 * 1024
"""The most bytes of one header that extends the next: a long name, or pax keywords."""

MAX_EXTENSIONS = 16
"""The most such headers before one entry; real archives have up to four."""

_NAME = slice(0, 100)
_SIZE = slice(124, 136)
_KIND = slice(156, 157)
_MAGIC = slice(257, 263)
_PREFIX = slice(345, 500)
_POSIX = b"ustar\x00"

_SPARSE = b"S"
_MAP_CONTINUES = 482  # a flag in the header of a sparse file, by its position
_BLOCK_CONTINUES = 504  # the same flag in each further block
_LONG_NAME = b"L"
_KEYWORDS = frozenset({b"x", b"X"})
_SHARED_KEYWORDS = b"g"
_EXTENSIONS = frozenset({_LONG_NAME, b"K", _SHARED_KEYWORDS}) | _KEYWORDS
_SPECIAL = frozenset({b"1", b"2", b"3", b"4", b"6"})
_FOLDERS = frozenset(
    {b"5", b"D", b"V"}
)  # a folder, GNU's listing of one, and the label of a volume
_WITHOUT_DATA = _SPECIAL | {b"5", b"V"}  # whatever size they announce
# POSIX says to treat every other kind as a file


@dataclass(frozen=True, slots=True)
class _Header:
    """The header of one entry, with the headers before it that extend it."""

    block: bytes
    keywords: dict[bytes, bytes]

    @property
    def kind(self) -> bytes:
        return self.block[_KIND]

    @property
    def name(self) -> bytes:
        for keyword in (SPARSE_NAME, b"path"):
            if keyword in self.keywords:
                return self.keywords[keyword]
        name, prefix = (self.block[field].partition(b"\x00")[0] for field in (_NAME, _PREFIX))
        return prefix + b"/" + name if prefix and self.block[_MAGIC] == _POSIX else name

    @property
    def stored(self) -> int:
        """How many bytes follow the header."""
        if self.kind in _WITHOUT_DATA:
            return 0
        if b"size" in self.keywords:
            return read_decimal(self.keywords[b"size"])
        return read_number(self.block[_SIZE])


def tar_entries(source: Stream) -> Iterator[ArchiveEntry]:
    """Yield the entries in the order of the archive.

    Sparse files are listed but not read: opening one raises ``unsupported_format``.

    Raises:
        DecodeError: the archive breaks off, or is broken.
    """
    shared: dict[bytes, bytes] = {}
    while (header := _next_header(source, shared)) is not None:
        if header.kind == _SPARSE:
            _skip_sparse_map(header.block, source)
        stored = PartStream(source, header.stored)
        yield _entry(header, stored)
        stored.finish()
        source.skip(-header.stored % BLOCK)


def _entry(header: _Header, stored: PartStream) -> ArchiveEntry:
    if header.kind in _FOLDERS or (header.name.endswith(b"/") and not header.stored):
        return ArchiveEntry(header.name)
    if header.kind == _SPARSE or SPARSE in header.keywords:
        problem = DecodeError(Reason.UNSUPPORTED_FORMAT, "sparse file", format="TAR")
        return ArchiveEntry.refused(header.name, problem)
    if header.kind in _SPECIAL:
        problem = DecodeError(Reason.SPECIAL_FILE, "not a regular file")
        return ArchiveEntry.refused(header.name, problem)
    return ArchiveEntry(header.name, header.stored, lambda: stored)


def _skip_sparse_map(header: bytes, source: Stream) -> None:
    """Skip the blocks after the header in which the map of a sparse file goes on."""
    continues = header[_MAP_CONTINUES]
    while continues:
        block = source.read(BLOCK)
        if len(block) < BLOCK:
            raise broken_tar()
        continues = block[_BLOCK_CONTINUES]


def _next_header(source: Stream, shared: dict[bytes, bytes]) -> _Header | None:
    """Read the header of the next entry; None at the end of the archive."""
    own: dict[bytes, bytes] = {}
    for _ in range(MAX_EXTENSIONS):
        block = _next_block(source)
        if block is None:
            if own:
                raise broken_tar()
            return None
        header = _Header(block, shared | own)
        if header.kind not in _EXTENSIONS:
            return header
        value = _read_extension(source, read_number(block[_SIZE]))
        if header.kind == _LONG_NAME:
            own.setdefault(b"path", value.partition(b"\x00")[0])
        elif header.kind == _SHARED_KEYWORDS:
            shared.update(read_keywords(value))
        elif header.kind in _KEYWORDS:
            own.update(read_keywords(value))
    raise broken_tar()


def _next_block(source: Stream) -> bytes | None:
    """Read a header. Skip blocks of zeros, which mark an end: archives may be concatenated."""
    ended = False
    while len(block := source.read(BLOCK)) == BLOCK and not is_tar_header(block):
        if any(block):
            if ended:
                return None
            raise broken_tar()
        ended = True
    if len(block) == BLOCK:
        return block
    if ended:
        return None
    raise DecodeError(Reason.TRUNCATED, "the archive ends before its end mark")


def _read_extension(source: Stream, size: int) -> bytes:
    if size > MAX_EXTENSION:
        raise broken_tar()
    value = PartStream(source, size).read(size)
    source.skip(-size % BLOCK)
    return value
