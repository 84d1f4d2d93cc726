"""Writes compiled lists."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hashmatch.errors import SettingsError
from hashmatch.files import write_atomically
from hashmatch.hashlist.compiled.layout import (
    ELEMENT_TYPES,
    OF_CONTENTS,
    PIECE_BYTES,
    ArrayRecord,
    Arrays,
    CompiledHeader,
    SectionRecord,
    padded,
    piece_digests,
)
from hashmatch.hashlist.contents import IndexTables
from hashmatch.hashlist.section import ListSection
from hashmatch.model import HashKind

if TYPE_CHECKING:
    from hashmatch.hashlist.hash_list import HashList


def save_compiled(
    hash_list: HashList,
    path: str | os.PathLike[str],
    index_tables: Mapping[HashKind, IndexTables] | None = None,
) -> None:
    """Write a list as a compiled file, atomically, readable only by its owner.

    ``index_tables`` are stored with the sections of their kind.

    Raises:
        SettingsError: a table belongs to no section of the list, or has elements that are neither
            integers nor booleans.
        OutputError: the file cannot be written.
    """
    index_tables = index_tables or {}
    if index_tables.keys() - hash_list.sections.keys():
        raise SettingsError("the list has no hashes of the kind of an index table")
    parts = [
        (section, index_tables.get(kind), _arrays(section, index_tables.get(kind)))
        for kind, section in hash_list.sections.items()
    ]
    header = CompiledHeader(
        **{name: getattr(hash_list.contents, name) for name in OF_CONTENTS},
        sections=tuple(
            SectionRecord(
                *section.kind,
                origin=section.origin,
                index=index[0] if index else None,
                arrays={name: _record(array) for name, array in arrays.items()},
            )
            for section, index, arrays in parts
        ),
    )
    with write_atomically(path) as stream:
        stream.write(header.encode())
        for _, _, arrays in parts:
            for array in arrays.values():
                for piece in _pieces(array):
                    stream.write(piece)


def _arrays(section: ListSection, index: IndexTables | None) -> Arrays:
    arrays: Arrays = {"codes": section.codes}
    for name, column in section.columns.items():
        # Not the ids: they are all different, and are looked up
        stored = column if name == "id" else column.folded()
        arrays |= {f"{name}.data": stored.data, f"{name}.offsets": stored.offsets}
        if stored.which is not None:
            arrays[f"{name}.which"] = stored.which
    for name, array in (("lines", section.lines), ("id_order", section.order_of_ids())):
        if array is not None:
            arrays[name] = array
    if index is not None:
        arrays |= {f"index.{name}": array for name, array in index[1].items()}
    return {name: _little_endian(array) for name, array in arrays.items()}


def _little_endian(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.dtype.name not in ELEMENT_TYPES:
        raise SettingsError("a compiled list holds only arrays of integers and booleans")
    little = array.dtype.newbyteorder("<")
    return np.asarray(array, dtype=little, order="C")


def _record(array: npt.NDArray[Any]) -> ArrayRecord:
    return ArrayRecord(
        type=array.dtype.name,
        shape=array.shape,
        sha256=tuple(piece_digests(list(_pieces(array)))),
    )


def _pieces(array: npt.NDArray[Any]) -> Iterator[memoryview | bytes]:
    """Yield the bytes of an array in pieces; the last one is padded."""
    data = array.reshape(-1).view(np.uint8).data
    whole = len(data) // PIECE_BYTES * PIECE_BYTES
    for start in range(0, whole, PIECE_BYTES):
        yield data[start : start + PIECE_BYTES]
    if whole < len(data):
        rest = bytes(data[whole:])
        yield rest.ljust(padded(len(rest)), b"\0")
