"""The entries of one kind in a list, as flat arrays: codes, ids, labels and so on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import numpy as np
import numpy.typing as npt

from hashmatch.hashing import Codes, from_code
from hashmatch.hashlist.columns import Rows, TextColumn, read_only
from hashmatch.hashlist.entry_ids import ABSENT, Order, find_rows, fingerprint_order
from hashmatch.model import Entry, HashKind, PerceptualHash

Lines: TypeAlias = npt.NDArray[np.unsignedinteger[Any]]

SLICE_ROWS = 1 << 13
"""How many rows become Python objects at a time when you loop over all."""

_MARK = 12
"""How many digits of a list's digest tell its lines from those of other lists. No hash has this
many, or they would look like one."""


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class ListSection:
    """The entries of one kind, one per row, in arrays that may be memory-mapped.

    Attributes:
        kind: algorithm and width of every hash here.
        codes: uint64, shape (rows, words), C-contiguous, read-only.
        columns: the entries' texts, by the name of the field of ``Entry``; empty where an entry has
            none. A column without any text may be left out.
        lines: unsigned, shape (rows,): the line of each entry, ascending over those without an id;
            None if all have one.
        origin: what comes before the line number in the id of an entry that has none.
        id_order: the rows in the order in which ids are searched; computed on first use.
    """

    kind: HashKind
    codes: Codes
    columns: Mapping[str, TextColumn]
    lines: Lines | None
    origin: str
    id_order: Order | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "codes", read_only(np.ascontiguousarray(self.codes)))

    @classmethod
    def concatenated(cls, sections: Sequence[ListSection]) -> ListSection:
        """Join at least one section, all of one kind and one origin."""
        first = sections[0]
        if len(sections) == 1:
            return first
        names = dict.fromkeys(name for section in sections for name in section.columns)
        return cls(
            kind=first.kind,
            codes=np.concatenate([section.codes for section in sections]),
            columns={
                name: TextColumn.concatenate(section.column(name) for section in sections)
                for name in names
            },
            lines=_concatenated_lines(sections),
            origin=first.origin,
        )

    def take(self, rows: Rows) -> ListSection:
        """Take some rows, in the given order, as a section."""
        return ListSection(
            kind=self.kind,
            codes=self.codes[rows],
            columns={name: column.take(rows) for name, column in self.columns.items()},
            lines=self.lines[rows] if self.lines is not None else None,
            origin=self.origin,
        )

    def slim(self) -> ListSection:
        """Drop columns and lines that hold nothing."""
        columns = {name: column for name, column in self.columns.items() if not column.is_empty()}
        all_have_ids = bool((self.column("id").lengths() > 0).all())
        lines = None if all_have_ids else self.lines
        return ListSection(self.kind, self.codes, columns, lines, self.origin, self.id_order)

    def named(self, digest: str) -> ListSection:
        """Give every row an id, so that it can be joined with those of other lists.

        Rows without an id get ``file:line@digest``, because ``file:line`` alone is a different
        entry in the next file of that name.
        """
        if self.lines is None:
            return self
        own, mark = self.column("id").texts(0, len(self)), f"@{digest[:_MARK]}"
        names = zip(own, self.ids(0, len(self)), strict=True)
        ids = TextColumn.from_texts([name or f"{by_line}{mark}" for name, by_line in names])
        return ListSection(self.kind, self.codes, {**self.columns, "id": ids}, None, self.origin)

    def column(self, name: str) -> TextColumn:
        """A column by name; an empty one if it was left out."""
        column = self.columns.get(name)
        return TextColumn.empty(len(self)) if column is None else column

    def entry(self, row: int) -> Entry:
        """The entry of a row."""
        texts = {name: column[row] or None for name, column in self.columns.items() if name != "id"}
        return Entry(self.entry_id(row), from_code(self.kind, self.codes[row]), **texts)

    def entry_id(self, row: int) -> str:
        """The id of a row: the list's own, or else by line."""
        own = self.columns["id"][row] if "id" in self.columns else None
        return own or f"{self.origin}:{self.line(row)}"

    def line(self, row: int) -> int:
        """The line of an entry in the list's text, from 1; 0 if it is unknown."""
        return int(self.lines[row]) if self.lines is not None else 0

    def hex(self, first: int, last: int) -> list[str]:
        """The hashes of the rows from ``first`` up to but excluding ``last``, in hex."""
        digits = self.codes[first:last].astype(">u8").tobytes().hex()
        width, stride = self.kind.bits // 4, 16 * self.kind.words
        return [digits[place : place + width] for place in range(0, len(digits), stride)]

    def ids(self, first: int, last: int) -> list[str]:
        """The ids of the rows from ``first`` up to ``last``: the list's own, or else by line."""
        given = self.column("id").texts(first, last) if "id" in self.columns else None
        if self.lines is None:
            return given or []
        by_line = [f"{self.origin}:{line}" for line in self.lines[first:last].tolist()]
        return [own or other for own, other in zip(given or by_line, by_line, strict=True)]

    def find(self, ids: Sequence[str]) -> Rows:
        """Find entries by their ids.

        Returns:
            int64, shape (ids,): the row of each; -1 if there is none.
        """
        rows = np.full(len(ids), ABSENT, dtype=np.int64)
        order = self.order_of_ids()
        if order is not None:
            encoded = [entry_id.encode(errors="surrogatepass") for entry_id in ids]
            rows = find_rows(self.columns["id"], order, encoded)
        if self.lines is not None:
            rows = np.where(rows == ABSENT, self._find_by_line(ids, self.lines), rows)
        return rows

    def order_of_ids(self) -> Order | None:
        """The order in which ids are searched; None if there are none."""
        if self.id_order is None and "id" in self.columns:
            # If two threads both compute it, that is harmless
            object.__setattr__(self, "id_order", fingerprint_order(self.columns["id"]))
        return self.id_order

    def _find_by_line(self, ids: Sequence[str], lines: Lines) -> Rows:
        prefix = f"{self.origin}:"
        found = np.full(len(ids), ABSENT, dtype=np.int64)
        asked = {
            place: int(entry_id[len(prefix) :])
            for place, entry_id in enumerate(ids)
            if entry_id.startswith(prefix) and is_line_number(entry_id[len(prefix) :])
        }
        if asked:
            nameless = np.flatnonzero(self.column("id").lengths() == 0)
            places = np.searchsorted(lines[nameless], list(asked.values()))
            for (place, line), at in zip(asked.items(), places.tolist(), strict=True):
                if at < len(nameless) and lines[nameless[at]] == line:
                    found[place] = nameless[at]
        return found

    def __len__(self) -> int:
        return len(self.codes)

    def __iter__(self) -> Iterator[Entry]:
        others = [name for name in self.columns if name != "id"]
        for first in range(0, len(self), SLICE_ROWS):
            last = min(first + SLICE_ROWS, len(self))
            words = self.codes[first:last].tolist()
            columns = [self.columns[name].texts(first, last) for name in others]
            for entry_id, code, *texts in zip(self.ids(first, last), words, *columns, strict=True):
                fields = {name: text or None for name, text in zip(others, texts, strict=True)}
                yield Entry(entry_id, PerceptualHash(*self.kind, tuple(code)), **fields)

    def __repr__(self) -> str:
        return f"<ListSection {self.kind}, {len(self):,} entries>"

    def __reduce__(self) -> NoReturn:
        refuse_pickling("a section of a hash list")


def is_line_number(text: str) -> bool:
    """Whether a text is a line number, without leading zeros and not absurdly long."""
    return text.isascii() and text.isdigit() and len(text) <= 10 and not text.startswith("0")


def refuse_pickling(what: str) -> NoReturn:
    """Refuse to pickle a list or a part of one.

    Raises:
        TypeError: always.
    """
    raise TypeError(
        f"cannot pickle {what}: its hashes could leak into files and other processes. Open the "
        "list where you need it"
    )


def _concatenated_lines(sections: Sequence[ListSection]) -> Lines | None:
    if all(section.lines is None for section in sections):
        return None
    # If all have ids, nobody asks for a line
    return np.concatenate(
        [
            np.zeros(len(section), np.uint32) if section.lines is None else section.lines
            for section in sections
        ]
    )
