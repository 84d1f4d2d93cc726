"""What the reader of every list format returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy.typing as npt

from hashmatch.hashlist.columns import TextColumn
from hashmatch.hashlist.section import ListSection
from hashmatch.model import HashKind

if TYPE_CHECKING:
    from hashmatch.hashlist.updates import SectionUpdate

NOTHING = TextColumn.empty(0)


@dataclass(repr=False, slots=True)
class Paging:
    """What the pages of a feed say besides their records, and a summary of the records.

    Attributes:
        said: what else the last page says, by name.
        latest: the highest rank of a record; see ``FeedRecord``.
        digest: SHA-256, hex, of the records' ids, ranks and withdrawals.
    """

    more_follow: bool = False
    said: dict[str, Any] = field(default_factory=dict)
    records: int = 0
    latest: int = 0
    digest: str = ""

    def begin_page(self) -> None:
        """Forget what the page before said."""
        self.more_follow = False
        self.said = {}


class IndexTables(NamedTuple):
    """A stored index: the name of its kind, and its arrays by name. Opaque to this package."""

    kind: str
    arrays: Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class Contents:
    """A list as read from any format.

    Attributes:
        sections: by kind, none of them empty.
        name: what records call the list.
        digest: SHA-256, hex, of the bytes read. A compiled list gives the digest of the list it
            was compiled from.
        compiled_digest: SHA-256, hex, of a compiled list's header. The header has the digests of
            everything else, so this identifies the file. None for other lists.
        flat: how many flat hashes were left out. They would match every blank picture.
        skipped: how many faulty entries were left out.
        faults: the line and the fault of each; if there are very many, those of the first lines.
        unsupported: by algorithm that is not computed here, how many hashes were left out.
        left_out: how many entries must not match, by reason: withdrawn, expired, category, ...
        suppressed: ids of entries that the operator suppresses, see ``Policy``.
        withdrawn: ids of entries that the list withdraws.
        dropped: ids of all other sound entries that were left out; empty for entries without one.
            If you apply this list to another, these ids must not match there either.
        notices: what to tell the operator, one sentence each.
        warnings: the same, about what may keep the list from matching; never silenced.
        index_tables: by kind, the index stored with the list, for sections without updates.
        updates: by kind, the sections with changes laid over them.
        paging: what the pages of a feed say; None for other lists.
    """

    sections: Mapping[HashKind, ListSection]
    name: str
    version: str | None = None
    created: str | None = None
    digest: str = ""
    compiled_digest: str | None = None
    flat: int = 0
    skipped: int = 0
    faults: tuple[tuple[int, str], ...] = ()
    unsupported: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    suppressed: tuple[str, ...] = ()
    withdrawn: TextColumn = NOTHING
    dropped: TextColumn = NOTHING
    notices: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    index_tables: Mapping[HashKind, IndexTables] = field(default_factory=dict)
    updates: Mapping[HashKind, SectionUpdate] = field(default_factory=dict)
    paging: Paging | None = None

    def __repr__(self) -> str:
        return f"<Contents {self.name!r}>"
