"""The entries of a tar archive, one block after another.

Not by ``tarfile``: that takes headers of any length into memory, follows chains of them by
recursion, and keeps every entry that it has seen.

Sources: POSIX.1-2017 pax (ustar and pax), and the GNU tar manual, "Basic Tar Format".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from hashmatch.errors import DecodeError
from hashmatch.examine.archive.budget import Budget
from hashmatch.examine.archive.entries import Entry
from hashmatch.examine.archive.sparse import SparseFile, old_sparse_file, pax_sparse_file, unfold
from hashmatch.examine.archive.streams import Part, Stream
from hashmatch.examine.archive.tar_fields import (
    BLOCK,
    SPARSE_NAME,
    broken_tar,
    is_tar_header,
    read_decimal,
    read_keywords,
    read_number,
)
from hashmatch.model import Reason

MAX_EXTENSION = 1024 * 1024
"""Bytes of one header that extends the next: a long name, or keywords of pax."""

MAX_EXTENSIONS = 16
"""Such headers before one entry. Real archives have at most four."""

_NAME = slice(0, 100)
_SIZE = slice(124, 136)
_KIND = slice(156, 157)
_MAGIC = slice(257, 263)
_PREFIX = slice(345, 500)
_POSIX = b"ustar\x00"

_SPARSE = b"S"
_LONG_NAME = b"L"
_KEYWORDS = frozenset({b"x", b"X"})
_SHARED_KEYWORDS = b"g"
_EXTENSIONS = frozenset({_LONG_NAME, b"K", _SHARED_KEYWORDS}) | _KEYWORDS
_SPECIAL = frozenset({b"1", b"2", b"3", b"4", b"6"})
_FOLDERS = frozenset({b"5", b"D", b"V"})  # also GNU's list of a folder, and a volume's label
_WITHOUT_DATA = _SPECIAL | {b"5", b"V"}  # whatever size they announce
# POSIX wants every other kind read as a file


@dataclass(frozen=True, slots=True)
class _Header:
    """What one entry's header says, and those before it that extend it."""

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
        """Bytes that follow the header."""
        if self.kind in _WITHOUT_DATA:
            return 0
        if b"size" in self.keywords:
            return read_decimal(self.keywords[b"size"])
        return read_number(self.block[_SIZE])


def tar_entries(source: Stream, budget: Budget) -> Iterator[Entry]:
    """Yield the entries in the order of the archive.

    Args:
        source: the archive, which charges its bytes to the budget itself.
        budget: which the holes of sparse files are charged to, since they come from no bytes.

    Raises:
        DecodeError: the archive breaks off, or goes on with something else.
    """
    shared: dict[bytes, bytes] = {}
    while (header := _next_header(source, shared)) is not None:
        old_sparse = old_sparse_file(header.block, source) if header.kind == _SPARSE else None
        stored = Part(source, header.stored)
        yield _entry(header, old_sparse, stored, budget)
        stored.finish()
        source.skip(-header.stored % BLOCK)


def _entry(header: _Header, old_sparse: SparseFile | None, stored: Part, budget: Budget) -> Entry:
    if header.kind in _FOLDERS or (header.name.endswith(b"/") and not header.stored):
        return Entry(header.name)
    try:
        sparse = old_sparse or pax_sparse_file(header.keywords)
    except DecodeError as error:
        return Entry(header.name, None, partial(_refuse, error.bare()))

    def open_() -> Stream:
        if header.kind in _SPECIAL:
            raise DecodeError(Reason.SPECIAL_FILE, "no regular file")
        if sparse is None:
            return stored
        budget.spend(max(0, sparse.size - header.stored))
        return unfold(stored, sparse)

    return Entry(header.name, sparse.size if sparse else header.stored, open_)


def _refuse(error: DecodeError) -> Stream:
    raise error


def _next_header(source: Stream, shared: dict[bytes, bytes]) -> _Header | None:
    """Read up to the header of the next entry; None at the end of the archive."""
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
    """Read a header, past blocks of zeros: they mark an end, but archives may be joined."""
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
    value = Part(source, size).read(size)
    source.skip(-size % BLOCK)
    return value
