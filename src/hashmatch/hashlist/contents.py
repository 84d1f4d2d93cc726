"""What every reader of a list format returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy.typing as npt

from hashmatch.hashlist.columns import TextColumn
from hashmatch.hashlist.section import Section
from hashmatch.model import HashKind

if TYPE_CHECKING:
    from hashmatch.hashlist.updates import SectionUpdate

NOTHING = TextColumn.empty(0)


class IndexTables(NamedTuple):
    """A stored index: the name of its kind, and its arrays by name. Opaque to this package."""

    kind: str
    arrays: Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class Contents:
    """A list as read, whatever its format.

    Attributes:
        sections: by kind, none of them empty.
        name: what records call the list.
        version: as the list gives it.
        created: as the list gives it.
        digest: SHA-256, hex, of the bytes that were read; of a compiled list, what it says of the
            list that it was compiled from.
        compiled_digest: SHA-256, hex, of a compiled list's header, which has the digests of all
            the rest, so that no other file has it; None for other lists.
        flat: how many flat hashes were left out.
        skipped: how many bad entries were left out.
        faults: line and fault of each of them; of very many, those of the first lines.
        unsupported: how many hashes were left out of algorithms that are not known here, by name.
        left_out: how many entries must not match, by the reason.
        suppressed: ids of entries that the operator has taken out.
        withdrawn: ids of entries that the list withdraws.
        dropped: ids of the other entries that were left out though they are sound: another list,
            to which this one is applied, must not match what it has of these ids either; empty for
            entries without one.
        notices: what the operator should be told, a sentence each.
        tables: by kind, the index that was stored with the list, of sections without updates.
        updates: by kind, the sections that have changes laid over them.
    """

    sections: Mapping[HashKind, Section]
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
    tables: Mapping[HashKind, IndexTables] = field(default_factory=dict)
    updates: Mapping[HashKind, SectionUpdate] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Contents {self.name!r}>"
