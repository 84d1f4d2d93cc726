"""What every reader of a list format returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hashmatch.hashlist.section import Section
from hashmatch.model import HashKind


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
        skipped: how many bad entries were left out.
        notices: what the operator should be told, a sentence each.
    """

    sections: Mapping[HashKind, Section]
    name: str
    version: str | None = None
    created: str | None = None
    digest: str = ""
    flat: int = 0
    skipped: int = 0
    notices: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Contents {self.name!r}>"
