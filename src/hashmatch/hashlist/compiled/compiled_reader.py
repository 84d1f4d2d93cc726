"""Opens compiled lists: verifies them, then uses their arrays in place."""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Mapping
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt

from hashmatch.errors import HashListError
from hashmatch.hashlist.assemble import FIELDS
from hashmatch.hashlist.columns import TextColumn
from hashmatch.hashlist.compiled.layout import (
    FORMAT_VERSION,
    OF_CONTENTS,
    PIECE_BYTES,
    PREFIX,
    Arrays,
    CompiledHeader,
    LayoutError,
    SectionRecord,
    header_digest,
    piece_digests,
)
from hashmatch.hashlist.contents import Contents, IndexTables
from hashmatch.hashlist.kinds import is_known
from hashmatch.hashlist.section import ListSection
from hashmatch.model import HashKind

Data: TypeAlias = mmap.mmap | bytes

DAMAGED = "the compiled hash list is damaged or cut short: compile it again"
UNKNOWN_KIND = "the compiled hash list has hashes of an unknown algorithm or width"


def read_compiled(stream: BinaryIO, head: bytes, source: str) -> Contents:
    """Open a compiled list after verifying all its checksums.

    A file is mapped, so that processes share its pages. Do not change it in place while it is in
    use. Anything else, such as a pipe, is read into memory. ``head`` is what has already been read,
    at least the magic.

    Raises:
        HashListError: it is damaged, has a newer format, or has hashes of an unknown kind.
    """
    data = _map(stream, head)
    try:
        header, start, compiled_digest = _header(data, source)
        arrays = _arrays(data, header, start)
        sections: dict[HashKind, ListSection] = {}
        index_tables: dict[HashKind, IndexTables] = {}
        for record, of_section in zip(header.sections, arrays, strict=True):
            _check_kind(record, sections, source)
            sections[record.kind] = _section(record, of_section)
            if record.index is not None:
                index_tables[record.kind] = IndexTables(record.index, _below("index", of_section))
    except LayoutError:
        raise HashListError(DAMAGED, path=source) from None
    return Contents(
        **{name: getattr(header, name) for name in OF_CONTENTS},
        sections=sections,
        compiled_digest=compiled_digest,
        index_tables=index_tables,
    )


def _map(stream: BinaryIO, head: bytes) -> Data:
    try:
        descriptor = stream.fileno()
    except OSError:
        return head + stream.read()
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    return head + stream.read()


def _header(data: Data, source: str) -> tuple[CompiledHeader, int, str]:
    """Return the verified header, where the arrays begin, and the header's digest."""
    if len(data) < PREFIX.size:
        raise LayoutError("the file ends before its header")
    _, version, length, digest = PREFIX.unpack(data[: PREFIX.size])
    if version > FORMAT_VERSION:
        raise HashListError(
            f"the list has compiled format {version}, and this hashmatch reads up to "
            f"{FORMAT_VERSION}: upgrade hashmatch, or compile the list again",
            path=source,
        )
    text = data[PREFIX.size : PREFIX.size + length]
    if header_digest(version, text, length) != digest:
        raise LayoutError("the header does not match its checksum")
    return CompiledHeader.decode(text), PREFIX.size + length, digest.hex()


def _arrays(data: Data, header: CompiledHeader, start: int) -> list[Arrays]:
    """Return the verified arrays of each section, as views of the data."""
    found: list[Arrays] = []
    pieces: list[memoryview] = []
    expected: list[str] = []
    view = memoryview(data)
    for section in header.sections:
        found.append({})
        for name, record in section.arrays.items():
            end = start + record.stored_bytes
            if end > len(data) or any(length > len(data) for length in record.shape):
                raise LayoutError("the file ends before its last array")
            pieces += [
                view[at : min(at + PIECE_BYTES, end)] for at in range(start, end, PIECE_BYTES)
            ]
            expected += record.sha256
            flat = np.frombuffer(view[start:end], dtype=record.dtype)
            found[-1][name] = _native(flat[: record.elements].reshape(record.shape))
            start = end
    if start != len(data):
        raise LayoutError("something follows the last array")
    if list(piece_digests(pieces)) != expected:
        raise LayoutError("an array does not match its checksums")
    if isinstance(data, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        # Verified pages count as this process's memory, although most are never used again
        data.madvise(mmap.MADV_DONTNEED)
    return found


def _native(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _check_kind(record: SectionRecord, others: Mapping[HashKind, ListSection], source: str) -> None:
    if not is_known(record.kind):
        raise HashListError(UNKNOWN_KIND, path=source)
    if record.kind in others:
        raise LayoutError("two sections are of one kind")


def _section(record: SectionRecord, arrays: Arrays) -> ListSection:
    """Make a section from its arrays. They must all be known, and their shapes must fit."""
    rest = {name: array for name, array in arrays.items() if not name.startswith("index.")}
    codes = rest.pop("codes", None)
    rows = 0 if codes is None else len(codes)
    if codes is None or codes.shape != (rows, record.kind.words) or codes.dtype != np.uint64:
        raise LayoutError("the codes do not fit the kind of hash")
    lines, id_order = rest.pop("lines", None), rest.pop("id_order", None)
    if lines is not None and (lines.shape != (rows,) or lines.dtype.kind != "u"):
        raise LayoutError("the lines do not fit the codes")
    if id_order is not None and (id_order.shape != (rows,) or id_order.dtype != np.uint32):
        raise LayoutError("the order of ids does not fit the codes")
    columns = {}
    for name in FIELDS:
        column = _column(rest, name, rows)
        if column is not None:
            columns[name] = column
    if rest or (lines is None and "id" not in columns):
        raise LayoutError("a section has unknown arrays, or neither ids nor lines")
    return ListSection(record.kind, codes, columns, lines, record.origin, id_order)


def _column(arrays: Arrays, name: str, rows: int) -> TextColumn | None:
    data, offsets = arrays.pop(f"{name}.data", None), arrays.pop(f"{name}.offsets", None)
    if (data is None) != (offsets is None):
        raise LayoutError("a column of texts lacks one of its arrays")
    if data is None or offsets is None:
        return None
    if data.ndim != 1 or data.dtype != np.uint8:
        raise LayoutError("a column of texts is not of bytes")
    which = arrays.pop(f"{name}.which", None)
    texts = rows if which is None else len(offsets) - 1
    if offsets.shape != (texts + 1,) or offsets.dtype not in (np.uint32, np.uint64):
        raise LayoutError("a column of texts does not fit the codes")
    if which is not None and (which.shape != (rows,) or which.dtype not in (np.uint8, np.uint16)):
        raise LayoutError("a column of texts does not fit the codes")
    if which is not None and which.max(initial=0) >= max(1, texts):
        raise LayoutError("a row refers to a text that is not there")
    return TextColumn(data, offsets, which)


def _below(name: str, arrays: Arrays) -> Arrays:
    prefix = f"{name}."
    return {
        key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)
    }
