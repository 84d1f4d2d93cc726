"""What every reader of a list format returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy.typing as npt

from hashmatch.hashlist.section import Section
from hashmatch.model import HashKind

if TYPE_CHECKING:
    from hashmatch.hashlist.updates import SectionUpdate


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
        digest: SHA-256, hex, of the bytes that were read.
        flat: how many flat hashes were left out.
        dropped: ids of entries that were left out because they must not match, flat ones: what
            another list has of these ids must not match either once this one is applied to it.
        skipped: how many bad entries were left out.
        notices: what the operator should be told, a sentence each.
        tables: by kind, the index that was stored with the list, of sections without updates.
        updates: by kind, the sections that have changes laid over them.
    """

    sections: Mapping[HashKind, Section]
    name: str
    version: str | None = None
    created: str | None = None
    digest: str = ""
    flat: int = 0
    dropped: tuple[str, ...] = ()
    skipped: int = 0
    notices: tuple[str, ...] = ()
    tables: Mapping[HashKind, IndexTables] = field(default_factory=dict)
    updates: Mapping[HashKind, SectionUpdate] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Contents {self.name!r}>"
