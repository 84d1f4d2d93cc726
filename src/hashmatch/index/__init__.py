"""Looking hashes up: one contract, several indexes, and the choice between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashmatch.errors import SettingsError
from hashmatch.index.base import Codes, Hits, Index, Tables, check_codes
from hashmatch.index.bktree import BKTree
from hashmatch.index.linear import LinearIndex
from hashmatch.model import WORD_BITS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "INDEX_KINDS",
    "BKTree",
    "Codes",
    "Hits",
    "Index",
    "LinearIndex",
    "build_index",
    "open_index",
]

INDEX_KINDS: Mapping[str, type[Index]] = {index.kind: index for index in (LinearIndex, BKTree)}
"""The kinds of index by name; ``auto`` chooses among them."""

TREE_ENTRIES = 100_000
TREE_RADIUS = 1 / 16


def build_index(codes: Codes, kind: str = "auto", radius: int = 8) -> Index:
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
    # Measured, bench/bktree.py: under either bound a single query is answered faster by scanning
    if len(codes) < TREE_ENTRIES:
        return LinearIndex(
            codes, reason=f"chosen since fewer than {TREE_ENTRIES} are soon compared"
        )
    if radius > TREE_RADIUS * WORD_BITS * codes.shape[1]:
        return LinearIndex(codes, reason=f"chosen since a tree prunes little at radius {radius}")
    return BKTree(codes, reason=f"chosen since it prunes well at radius {radius}")


def open_index(kind: str, codes: Codes, tables: Tables, reason: str = "as stored") -> Index:
    """An index again from what its ``kind``, ``codes``, ``tables()`` and ``reason`` were.

    Nothing is computed and nothing copied, so the arrays may be memory-mapped.

    Raises:
        SettingsError: the kind is unknown, or a table does not fit the codes.
    """
    return _class_of(kind)(codes, tables, reason)


def _class_of(kind: str) -> type[Index]:
    if kind not in INDEX_KINDS:
        choices = ", ".join(["auto", *INDEX_KINDS])
        raise SettingsError(f"unknown kind of index {kind!r}; choose from {choices}")
    return INDEX_KINDS[kind]
