"""Finds the entries within a Hamming distance of a hash.

``hashlist`` builds an index for a compiled list, and ``match`` builds or opens one for each section
of a list. Both call ``build_index``, which picks the cheapest kind for the list and the radius.

An index takes ``Codes``, uint64 arrays of shape (n, words), and returns ``Hits``: rows of queries,
rows of entries, and distances in bits. Every index answers ``search``, ``nearest`` and ``any``
exactly as ``LinearIndex`` does, which compares everything; ``BKTree``, ``MultiIndex``,
``EqualIndex`` (a hash table) and ``UpdatedIndex`` (a few changes on top of another index) only do
it faster.

Arrays of the wrong type or shape raise ``SettingsError``, hashes of the wrong width raise
``HashMismatchError``. An index never changes, so threads may share it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashmatch.errors import SettingsError
from hashmatch.index.base import (
    BuiltIndex,
    Codes,
    Hits,
    Index,
    IndexArrays,
    Nearest,
    check_codes,
)
from hashmatch.index.bktree import BKTree
from hashmatch.index.delta import UpdatedIndex
from hashmatch.index.equal import EqualIndex
from hashmatch.index.linear import LinearIndex
from hashmatch.index.multi import MultiIndex

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "INDEX_KINDS",
    "BKTree",
    "BuiltIndex",
    "Codes",
    "EqualIndex",
    "Hits",
    "Index",
    "LinearIndex",
    "MultiIndex",
    "Nearest",
    "UpdatedIndex",
    "build_index",
    "check_codes",
    "open_index",
]

INDEX_KINDS: Mapping[str, type[BuiltIndex]] = {
    index.kind: index for index in (LinearIndex, BKTree, MultiIndex, EqualIndex)
}
"""The kinds of index by name; ``auto`` chooses among them."""

FEW = 4_096
"""A list with fewer entries is always scanned in full."""

SAMPLE = 256
"""Entries to look up in their own list, to learn how full its buckets are."""


def build_index(codes: Codes, kind: str = "auto", radius: int = 8) -> BuiltIndex:
    """Build an index over hashes of one algorithm and width.

    Args:
        codes: shape (n, words), uint64.
        kind: a name from ``INDEX_KINDS``, or ``auto`` for the cheapest at this number of entries
            and this radius.
        radius: the largest radius you expect to search with, in bits. Only ``auto`` uses it; every
            index answers every radius.

    Returns:
        The index; its ``explain()`` says what was chosen and why.

    Raises:
        SettingsError: the kind is unknown, or ``codes`` is not a uint64 array of shape (n, words).
    """
    if kind != "auto":
        return _class_of(kind)(codes)
    codes = check_codes(codes)
    if not radius:
        return EqualIndex(codes, reason="the fastest at radius 0")
    if len(codes) < FEW:
        return LinearIndex(codes, reason=f"the fastest for fewer than {FEW:,}")
    index = MultiIndex(codes)
    sample = codes[:: len(codes) // SAMPLE]
    cost = float(index.expected_cost(sample, radius).mean())
    if cost >= 1:
        why = f"faster than a multi-index at radius {radius}"
        return LinearIndex(codes, reason=why)
    index.reason = f"at {100 * cost:.2g}% of the cost of a linear scan at radius {radius}"
    return index


def open_index(
    kind: str, codes: Codes, tables: IndexArrays, reason: str = "as stored"
) -> BuiltIndex:
    """Open an index from the ``kind``, ``codes``, ``tables()`` and ``reason`` of a built one.

    It computes and copies nothing, so the arrays may be memory-mapped.

    Raises:
        SettingsError: the kind is unknown, or a table does not fit the codes.
    """
    return _class_of(kind)(codes, tables, reason)


def _class_of(kind: str) -> type[BuiltIndex]:
    if kind not in INDEX_KINDS:
        choices = ", ".join(["auto", *INDEX_KINDS])
        raise SettingsError(f"unknown kind of index {kind!r}; choose from {choices}")
    return INDEX_KINDS[kind]
