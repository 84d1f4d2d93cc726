"""Lays changes over a list, so that a few do not copy millions of entries."""

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
from hashmatch.hashlist.section import Section, refuse_pickling
from hashmatch.model import Entry, HashKind
from hashmatch.text import count

GROWN = 1 / 128
"""Changes beyond this part of the base are merged into it, because every lookup pays for them."""


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class SectionUpdate:
    """The rows of a base section without the withdrawn ones, and of a small section added to it.

    Base rows keep their numbers, so an index over the base stays valid; drop what it finds among
    the withdrawn rows. Added row ``i`` has the number ``len(base) + i``.

    Attributes:
        base: the section before the changes.
        added: the rows added since, each with an id of its own; may be empty.
        withdrawn: int64, ascending: the base rows that must no longer match.
        tables: the stored index of the base, if there is one.
    """

    base: Section
    added: Section
    withdrawn: Rows
    tables: IndexTables | None = None

    @classmethod
    def of(cls, base: Section, tables: IndexTables | None = None) -> SectionUpdate:
        """A section without changes so far."""
        nothing = np.empty((0, base.kind.words), dtype=np.uint64)
        added = Section(base.kind, nothing, {}, None, base.origin)
        return cls(base, added, np.empty(0, np.int64), tables)

    @property
    def kind(self) -> HashKind:
        """Algorithm and width of every hash here."""
        return self.base.kind

    def entry(self, row: int) -> Entry:
        """The entry of a row; added rows follow base rows."""
        in_base = row < len(self.base)
        return self.base.entry(row) if in_base else self.added.entry(row - len(self.base))

    def find(self, ids: Sequence[str]) -> Rows:
        """Find entries by their ids.

        Returns:
            int64, shape (ids,): the row of each, -1 if there is none or it is withdrawn.
        """
        base, added = self.base.find(ids), self.added.find(ids)
        base[np.isin(base, self.withdrawn)] = ABSENT
        return np.where(added == ABSENT, base, added + len(self.base))

    def changed(self, withdrawn: Rows, added: Section | None) -> SectionUpdate:
        """The same with some rows withdrawn and others added.

        Each added row has an id of its own, see ``Section.named``, which no remaining row has. An
        added row that is withdrawn again disappears, and the rows after it move up.
        """
        base = withdrawn[withdrawn < len(self.base)]
        gone = withdrawn[withdrawn >= len(self.base)] - len(self.base)
        left = self.added.take(np.delete(np.arange(len(self.added)), gone))
        return replace(
            self,
            added=left if added is None else Section.concatenated([left, added]),
            withdrawn=read_only(np.union1d(self.withdrawn, base)),
        )

    def is_plain(self) -> bool:
        """Whether there are no changes."""
        return not len(self.added) and not len(self.withdrawn)

    def has_grown(self) -> bool:
        """Whether the changes should be merged into the base."""
        return len(self.added) + len(self.withdrawn) > GROWN * len(self.base)

    def merged(self) -> Section:
        """One section of all rows that are not withdrawn, in order."""
        left = np.delete(np.arange(len(self.base)), self.withdrawn)
        return Section.concatenated([self.base.take(left), self.added]).slim()

    def __len__(self) -> int:
        return len(self.base) - len(self.withdrawn) + len(self.added)

    def __repr__(self) -> str:
        return f"<SectionUpdate {self.kind}, {len(self):,} entries>"

    def __reduce__(self) -> NoReturn:
        refuse_pickling("a section of a hash list")


class MergedSections(Mapping[HashKind, Section]):
    """Sections by kind; one with changes is merged on first access.

    Callers that know of updates use those instead, and nothing is merged.
    """

    def __init__(
        self, plain: Mapping[HashKind, Section], updates: Mapping[HashKind, SectionUpdate]
    ) -> None:
        self._kinds = (*plain, *updates)
        self._sections = dict(plain)
        self._updates = updates

    def __getitem__(self, kind: HashKind) -> Section:
        if kind not in self._sections and kind in self._updates:
            # Two threads may both merge it, which is harmless
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
    """A list with some entries withdrawn and others added, which replace those of the same id.

    Args:
        old: the list before; it does not change.
        added: the new entries. Those without an id of their own replace none.
        withdrawals: ids.
    """
    withdrawn = sorted(withdrawals)
    joining = {kind: section.named(added.digest) for kind, section in added.sections.items()}
    ids = [*withdrawn, *ruled_out(added)]
    for section in joining.values():
        ids += section.ids(0, len(section))
    held = np.zeros(len(withdrawn), dtype=np.bool_)
    plain: dict[HashKind, Section] = {}
    tables: dict[HashKind, IndexTables] = {}
    updates: dict[HashKind, SectionUpdate] = {}
    for kind in old.sections:
        before = old.updates.get(kind)
        if before is None:
            before = SectionUpdate.of(old.sections[kind], old.tables.get(kind))
        rows = before.find(ids)
        held |= rows[: len(withdrawn)] != ABSENT
        after = before.changed(rows[rows != ABSENT], joining.get(kind))
        if after.is_plain() and after.tables is not None:
            tables[kind] = after.tables
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
        tables=tables,
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
    """The ids, each once, of which a list says that they must not match."""
    columns = (contents.withdrawn, contents.dropped)
    ids = dict.fromkeys(name for column in columns for name in column.texts(0, len(column)))
    ids.pop("", None)
    return list(ids)


def without_entry(contents: Contents, ids: Sequence[str]) -> list[str]:
    """The ids of which a list has no entry."""
    held = np.zeros(len(ids), dtype=np.bool_)
    for kind in contents.sections if ids else ():
        held |= contents.sections[kind].find(ids) != ABSENT
    return [name for name, there in zip(ids, held.tolist(), strict=True) if not there]


def withdrawing(contents: Contents, ids: Sequence[str]) -> Contents:
    """The list with these ids as its withdrawals, except those that it has entries of."""
    names = [name.encode(errors="surrogatepass") for name in without_entry(contents, ids)]
    return replace(contents, withdrawn=TextColumn.from_bytes(names), dropped=NOTHING)


def _history_digest(old: Contents, added: Contents, withdrawn: Sequence[str]) -> str:
    """A digest of the old list's digest and the changes, because digesting it all takes long."""
    text = "\n".join([old.digest, added.digest, *withdrawn])
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
