"""One kind of hash in a list: its codes and what the list says of each, as flat arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from hashmatch.hashing import Codes, from_code
from hashmatch.hashlist.columns import TextColumn, read_only
from hashmatch.model import Entry, HashKind, PerceptualHash

SLICE_ROWS = 1 << 13
"""How many rows become Python objects at once, where all are gone through."""


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class Section:
    """The entries of one kind, by row. Made of arrays alone, which may be memory-mapped.

    Attributes:
        kind: algorithm and width of every hash here.
        codes: uint64, shape (rows, words), C-contiguous, read-only.
        ids: the list's ids, empty where it gives none; None where it gives none at all.
        labels: the labels, empty where there is none; None where there is none at all.
        lines: the line of each entry, for those without an id; None where all have one.
        origin: what comes before the line in the id of an entry without one.
    """

    kind: HashKind
    codes: Codes
    ids: TextColumn | None
    labels: TextColumn | None
    lines: npt.NDArray[np.unsignedinteger[Any]] | None
    origin: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "codes", read_only(np.ascontiguousarray(self.codes)))

    def id(self, row: int) -> str:
        """The id of an entry: the list's own, else ``file:line``."""
        given = self.ids[row] if self.ids is not None else ""
        return given or f"{self.origin}:{self.line(row)}"

    def label(self, row: int) -> str | None:
        """The label of an entry."""
        return (self.labels[row] or None) if self.labels is not None else None

    def line(self, row: int) -> int | None:
        """The line of an entry in the list's text, where it is known."""
        return int(self.lines[row]) if self.lines is not None else None

    def entry(self, row: int) -> Entry:
        """The entry of a row."""
        return Entry(self.id(row), from_code(self.kind, self.codes[row]), self.label(row))

    def ids_of(self, first: int, last: int) -> list[str]:
        """The ids of the rows from ``first`` to before ``last``."""
        given = self.ids.texts(first, last) if self.ids is not None else [""] * (last - first)
        if self.lines is None:
            return given
        lines = self.lines[first:last].tolist()
        return [own or f"{self.origin}:{line}" for own, line in zip(given, lines, strict=True)]

    def labels_of(self, first: int, last: int) -> list[str | None]:
        """The labels of the rows from ``first`` to before ``last``."""
        if self.labels is None:
            return [None] * (last - first)
        return [label or None for label in self.labels.texts(first, last)]

    def __len__(self) -> int:
        return len(self.codes)

    def __iter__(self) -> Iterator[Entry]:
        for first in range(0, len(self), SLICE_ROWS):
            last = min(first + SLICE_ROWS, len(self))
            words = self.codes[first:last].tolist()
            fields = zip(self.ids_of(first, last), words, self.labels_of(first, last), strict=True)
            for entry_id, code, label in fields:
                yield Entry(entry_id, PerceptualHash(*self.kind, tuple(code)), label)

    def __repr__(self) -> str:
        return f"<Section {self.kind}, {len(self):,} entries>"

    def __reduce__(self) -> NoReturn:
        refuse_pickling("a section of a hash list")


def refuse_pickling(what: str) -> NoReturn:
    """Refuse to be pickled.

    Raises:
        TypeError: always.
    """
    raise TypeError(
        f"{what} is not pickled, since its hashes would end up in files and processes that nobody "
        "thought of: open the list where it is needed"
    )
