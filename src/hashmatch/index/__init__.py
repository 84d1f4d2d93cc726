"""Looking hashes up: one contract, several indexes, and the choice between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashmatch.errors import SettingsError
from hashmatch.index.base import (
    BuiltIndex,
    Codes,
    Hits,
    Index,
    Nearest,
    Tables,
    check_codes,
)
from hashmatch.index.bktree import BKTree
from hashmatch.index.delta import UpdatedIndex
from hashmatch.index.linear import LinearIndex
from hashmatch.index.multi import MultiIndex

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "INDEX_KINDS",
    "BKTree",
    "BuiltIndex",
    "Codes",
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
    index.kind: index for index in (LinearIndex, BKTree, MultiIndex)
}
"""The kinds of index by name; ``auto`` chooses among them."""

FEW = 4_096
"""Entries that are compared before any table is looked up."""

SAMPLE = 256
"""Entries that are asked for, to learn how full the buckets of a list are."""


def build_index(codes: Codes, kind: str = "auto", radius: int = 8) -> BuiltIndex:
    """Build an index over hashes of one algorithm and width.

    Args:
        codes: shape (n, words), uint64.
        kind: a name of ``INDEX_KINDS``, or ``auto`` for the one that is cheapest for this many
            entries at this radius.
        radius: the largest radius that is going to be asked for, in bits. Only ``auto`` looks at
            it; every index answers every radius.

    Returns:
        The index; its ``explain()`` says what was chosen and why.

    Raises:
        SettingsError: the kind is unknown, or ``codes`` is no uint64 array of shape (n, words).
    """
    if kind != "auto":
        return _class_of(kind)(codes)
    codes = check_codes(codes)
    if len(codes) < FEW:
        return LinearIndex(codes, reason=f"chosen since fewer than {FEW} are soon compared")
    index = MultiIndex(codes)
    sample = codes[:: len(codes) // SAMPLE]
    cost = float(index.expected_cost(sample, radius).mean())
    if cost >= 1:
        why = f"chosen since looking at buckets costs more at radius {radius}"
        return LinearIndex(codes, reason=why)
    index.reason = f"chosen since at radius {radius} it costs {cost:.2g} of a scan"
    return index


def open_index(kind: str, codes: Codes, tables: Tables, reason: str = "as stored") -> BuiltIndex:
    """An index again from what its ``kind``, ``codes``, ``tables()`` and ``reason`` were.

    Nothing is computed and nothing copied, so the arrays may be memory-mapped.

    Raises:
        SettingsError: the kind is unknown, or a table does not fit the codes.
    """
    return _class_of(kind)(codes, tables, reason)


def _class_of(kind: str) -> type[BuiltIndex]:
    if kind not in INDEX_KINDS:
        choices = ", ".join(["auto", *INDEX_KINDS])
        raise SettingsError(f"unknown kind of index {kind!r}; choose from {choices}")
    return INDEX_KINDS[kind]
