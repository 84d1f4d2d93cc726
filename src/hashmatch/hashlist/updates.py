"""Lays changes over a list, so that a few changes do not copy millions of entries."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np

from hashmatch.hashlist.columns import Rows, TextColumn, read_only
from hashmatch.hashlist.contents import NOTHING, Contents, IndexTables
from hashmatch.hashlist.entry_ids import ABSENT
from hashmatch.hashlist.section import ListSection, refuse_pickling
from hashmatch.model import Entry, HashKind
from hashmatch.text import count

GROWN = 1 / 128
"""Changes beyond this share of the base are merged into it, because every lookup pays for them."""


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class SectionUpdate:
    """A base section without its withdrawn rows, plus a small section of added rows.

    Base rows keep their numbers, so an index over the base stays valid; drop the withdrawn rows
    that it finds. Added row ``i`` has the number ``len(base) + i``.

    Attributes:
        base: the section before the changes.
        added: the rows added since, each with its own id; may be empty.
        withdrawn: int64, ascending: the base rows that must no longer match.
        index_tables: the stored index of the base, if there is one.
    """

    base: ListSection
    added: ListSection
    withdrawn: Rows
    index_tables: IndexTables | None = None

    @classmethod
    def of(cls, base: ListSection, index_tables: IndexTables | None = None) -> SectionUpdate:
        """A section without any changes yet."""
        nothing = np.empty((0, base.kind.words), dtype=np.uint64)
        added = ListSection(base.kind, nothing, {}, None, base.origin)
        return cls(base, added, np.empty(0, np.int64), index_tables)

    @property
    def kind(self) -> HashKind:
        """Algorithm and width of every hash here."""
        return self.base.kind

    def entry(self, row: int) -> Entry:
        """The entry of a row; added rows follow base rows."""
        in_base = row < len(self.base)
        return self.base.entry(row) if in_base else self.added.entry(row - len(self.base))

    def entry_id(self, row: int) -> str:
        """The id of a row."""
        in_base = row < len(self.base)
        return self.base.entry_id(row) if in_base else self.added.entry_id(row - len(self.base))

    def find(self, ids: Sequence[str]) -> Rows:
        """Find entries by their ids.

        Returns:
            int64, shape (ids,): the row of each; -1 if there is none or it is withdrawn.
        """
        base, added = self.base.find(ids), self.added.find(ids)
        base[np.isin(base, self.withdrawn)] = ABSENT
        return np.where(added == ABSENT, base, added + len(self.base))

    def changed(self, withdrawn: Rows, added: ListSection | None) -> SectionUpdate:
        """Withdraw some rows and add others.

        Each added row has its own id, which no remaining row has; see ``ListSection.named``. An
        added row that is withdrawn again disappears, and the rows after it move up.
        """
        base = withdrawn[withdrawn < len(self.base)]
        gone = withdrawn[withdrawn >= len(self.base)] - len(self.base)
        left = self.added.take(np.delete(np.arange(len(self.added)), gone))
        return replace(
            self,
            added=left if added is None else ListSection.concatenated([left, added]),
            withdrawn=read_only(np.union1d(self.withdrawn, base)),
        )

    def is_plain(self) -> bool:
        """Whether there are no changes."""
        return not len(self.added) and not len(self.withdrawn)

    def has_grown(self) -> bool:
        """Whether the changes should be merged into the base."""
        return len(self.added) + len(self.withdrawn) > GROWN * len(self.base)

    def merged(self) -> ListSection:
        """Merge all rows that are not withdrawn into one section, in order."""
        left = np.delete(np.arange(len(self.base)), self.withdrawn)
        return ListSection.concatenated([self.base.take(left), self.added]).slim()

    def __len__(self) -> int:
        return len(self.base) - len(self.withdrawn) + len(self.added)

    def __repr__(self) -> str:
        return f"<SectionUpdate {self.kind}, {len(self):,} entries>"

    def __reduce__(self) -> NoReturn:
        refuse_pickling("a section of a hash list")


class MergedSections(Mapping[HashKind, ListSection]):
    """Sections by kind; one with changes is merged on first access.

    Callers that know about updates use those instead, so nothing is merged.
    """

    def __init__(
        self, plain: Mapping[HashKind, ListSection], updates: Mapping[HashKind, SectionUpdate]
    ) -> None:
        self._kinds = (*plain, *updates)
        self._sections = dict(plain)
        self._updates = updates

    def __getitem__(self, kind: HashKind) -> ListSection:
        if kind not in self._sections and kind in self._updates:
            # If two threads both merge it, that is harmless
            self._sections[kind] = self._updates[kind].merged()
        return self._sections[kind]

    def __contains__(self, kind: object) -> bool:
        # The inherited one would merge
        return kind in self._kinds

    def __iter__(self) -> Iterator[HashKind]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)


def updated(old: Contents, added: Contents, withdrawals: Collection[str]) -> Contents:
    """Withdraw entries from a list and add others, which replace those with the same id.

    Additions without an id of their own replace nothing.
    """
    withdrawn = sorted(withdrawals)
    joining = {kind: section.named(added.digest) for kind, section in added.sections.items()}
    ids = [*withdrawn, *ruled_out(added)]
    for section in joining.values():
        ids += section.ids(0, len(section))
    held = np.zeros(len(withdrawn), dtype=np.bool_)
    plain: dict[HashKind, ListSection] = {}
    index_tables: dict[HashKind, IndexTables] = {}
    updates: dict[HashKind, SectionUpdate] = {}
    for kind in old.sections:
        before = old.updates.get(kind)
        if before is None:
            before = SectionUpdate.of(old.sections[kind], old.index_tables.get(kind))
        rows = before.find(ids)
        held |= rows[: len(withdrawn)] != ABSENT
        after = before.changed(rows[rows != ABSENT], joining.get(kind))
        if after.is_plain() and after.index_tables is not None:
            index_tables[kind] = after.index_tables
        if after.is_plain() or (len(after) and after.has_grown()):
            plain[kind] = after.base if after.is_plain() else after.merged()
        elif len(after):
            updates[kind] = after
    plain |= {kind: section for kind, section in joining.items() if kind not in old.sections}
    absent = len(withdrawn) - int(held.sum())
    notices = (f"{count(absent, 'withdrawn id')} not on the list",) if absent else ()
    return replace(
        old,
        sections=MergedSections(plain, updates) if updates else plain,
        updates=updates,
        index_tables=index_tables,
        digest=_history_digest(old, added, withdrawn),
        compiled_digest=None,
        withdrawn=NOTHING,
        dropped=NOTHING,
        flat=old.flat + added.flat,
        skipped=old.skipped + added.skipped,
        unsupported=dict(Counter(old.unsupported) + Counter(added.unsupported)),
        left_out=dict(Counter(old.left_out) + Counter(added.left_out)),
        notices=(*old.notices, *added.notices, *notices),
        warnings=tuple(dict.fromkeys([*old.warnings, *added.warnings])),
    )


def ruled_out(contents: Contents) -> list[str]:
    """The ids that a list says must not match, each once."""
    columns = (contents.withdrawn, contents.dropped)
    ids = dict.fromkeys(name for column in columns for name in column.texts(0, len(column)))
    ids.pop("", None)
    return list(ids)


def without_entry(contents: Contents, ids: Sequence[str]) -> list[str]:
    """The ids that no entry of a list has."""
    held = np.zeros(len(ids), dtype=np.bool_)
    for kind in contents.sections if ids else ():
        held |= contents.sections[kind].find(ids) != ABSENT
    return [name for name, there in zip(ids, held.tolist(), strict=True) if not there]


def withdrawing(contents: Contents, ids: Sequence[str]) -> Contents:
    """Set a list's withdrawals to these ids, except those that its entries have."""
    names = [name.encode(errors="surrogatepass") for name in without_entry(contents, ids)]
    return replace(contents, withdrawn=TextColumn.from_bytes(names), dropped=NOTHING)


def _history_digest(old: Contents, added: Contents, withdrawn: Sequence[str]) -> str:
    """Digest the old list's digest and the changes: digesting everything would take too long."""
    text = "\n".join([old.digest, added.digest, *withdrawn])
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
