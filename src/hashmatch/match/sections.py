"""One list's entries of one kind of hash, with the index that finds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from hashmatch.hashing import Codes
from hashmatch.hashlist import HashList, ListSection, SectionUpdate
from hashmatch.index import BuiltIndex, Index, UpdatedIndex, build_index, open_index
from hashmatch.model import DIGEST_BITS, HashKind

Rows: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class IndexedSection:
    """One list's entries of one kind of hash, ready for lookups.

    Attributes:
        threshold: in bits.
        base_index: over ``base``. It is reused when the list changes.
        index: over all rows.
    """

    hash_list: HashList
    rows: ListSection | SectionUpdate
    threshold: int
    base_index: BuiltIndex
    index: Index

    @property
    def kind(self) -> HashKind:
        """The kind of their hashes."""
        return self.rows.kind

    @property
    def base(self) -> ListSection:
        """The entries in ``base_index``."""
        return self.rows.base if isinstance(self.rows, SectionUpdate) else self.rows

    def codes(self, rows: Rows) -> Codes:
        """The hashes of these rows. Base rows come first, and added rows follow them."""
        codes = self.base.codes[np.minimum(rows, len(self.base) - 1)]
        if isinstance(self.rows, SectionUpdate) and len(added := self.rows.added):
            late = rows >= len(self.base)
            codes[late] = added.codes[rows[late] - len(self.base)]
        return codes


def index_section(
    hash_list: HashList, kind: HashKind, index: str, reach: int, known: Mapping[int, BuiltIndex]
) -> IndexedSection:
    """Prepare one section: with the index stored in the list, a known one, or a new one."""
    update = hash_list.updates.get(kind)
    # With an update, do not ask for the section: the list would merge the two
    base = hash_list.sections[kind] if update is None else update.base
    stored = hash_list.index_tables.get(kind) if update is None else update.index_tables
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


class EntryName(NamedTuple):
    """What all hashes of one entry have in common."""

    hash_list: HashList
    id: str


def perceptual_kinds(name: EntryName) -> set[HashKind]:
    """The kinds of the perceptual hashes that the list has for an entry."""
    kinds = {entry.hash.kind for entry in name.hash_list.find(name.id)}
    return {kind for kind in kinds if kind.algorithm not in DIGEST_BITS}
