"""One list's entries of one kind of hash, with the index that they are looked up by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hashmatch.hashing import Codes
from hashmatch.hashlist import HashList, Section, SectionUpdate
from hashmatch.index import BuiltIndex, Index, UpdatedIndex, build_index, open_index
from hashmatch.model import HashKind

Rows: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class IndexedSection:
    """The entries of one list and one kind of hash, ready to be looked up.

    Attributes:
        hash_list: the list.
        rows: the entries, where some were added or withdrawn since as an update of others.
        threshold: in bits.
        base_index: over ``base``, to serve again when the list changes.
        index: over all rows.
    """

    hash_list: HashList
    rows: Section | SectionUpdate
    threshold: int
    base_index: BuiltIndex
    index: Index

    @property
    def kind(self) -> HashKind:
        """What kind of hash they have."""
        return self.rows.kind

    @property
    def base(self) -> Section:
        """The entries that ``base_index`` is over."""
        return self.rows.base if isinstance(self.rows, SectionUpdate) else self.rows

    def codes(self, rows: Rows) -> Codes:
        """The hashes of these rows: of the base, and behind them of what was added to it."""
        codes = self.base.codes[np.minimum(rows, len(self.base) - 1)]
        if isinstance(self.rows, SectionUpdate) and len(added := self.rows.added):
            late = rows >= len(self.base)
            codes[late] = added.codes[rows[late] - len(self.base)]
        return codes


def index_section(
    hash_list: HashList, kind: HashKind, index: str, reach: int, known: Mapping[int, BuiltIndex]
) -> IndexedSection:
    """Ready one section, with the index it brings, or one that is there already, or a new one."""
    update = hash_list.updates.get(kind)
    # Not asked for otherwise: the list would merge what is better left in two
    base = hash_list.sections[kind] if update is None else update.base
    stored = hash_list.tables.get(kind) if update is None else update.tables
    base_index = known.get(id(base))
    if base_index is None and stored is not None and index in ("auto", stored.kind):
        base_index = open_index(stored.kind, base.codes, stored.arrays)
    if base_index is None:
        base_index = build_index(base.codes, index, radius=reach)
    if update is None:
        return IndexedSection(hash_list, base, reach, base_index, base_index)
    added = build_index(update.added.codes, radius=reach)
    whole = UpdatedIndex(base_index, added, update.withdrawn)
    return IndexedSection(hash_list, update, reach, base_index, whole)
