"""Stores columns of short texts as flat arrays, so ten million texts are not ten million objects.

A column holds the UTF-8 bytes of all its texts end to end, and the offset of each. If few distinct
texts recur, such as categories, it holds each once, and a third array says which text each row has.
All arrays may be views of a memory-mapped file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Bytes: TypeAlias = npt.NDArray[np.uint8]
Rows: TypeAlias = npt.NDArray[np.int64]

FINGERPRINT_BASE = 0x9E3779B97F4A7C15
"""Odd, so that its powers modulo 2^64 never vanish. It is not a secret."""

_SLICE = 1 << 16

_RECURRING = 1 << 16
"""A column with at most this many texts can hold each once: their numbers fit 16 bits."""


def read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a read-only view of an array. The array itself stays writable."""
    view = array.view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class TextColumn:
    """Texts by row. An absent text is empty.

    Attributes:
        data: uint8, the UTF-8 bytes of all texts end to end.
        offsets: uint32 or uint64, shape (texts + 1,): where each begins, and the last one ends.
        which: uint8 or uint16, shape (rows,): the text of each row; None if row i has text i.
    """

    data: Bytes
    offsets: npt.NDArray[np.unsignedinteger[Any]]
    which: npt.NDArray[np.unsignedinteger[Any]] | None = None

    @classmethod
    def empty(cls, rows: int) -> TextColumn:
        """A column in which no row has a text."""
        return cls(np.empty(0, dtype=np.uint8), np.zeros(rows + 1, dtype=np.uint32))

    def equals(self, other: TextColumn) -> bool:
        """Whether both have the same texts in the same rows, if neither repeats any."""
        return (
            self.which is None
            and other.which is None
            and np.array_equal(self.offsets, other.offsets)
            and np.array_equal(self.data, other.data)
        )

    @classmethod
    def from_bytes(cls, texts: Sequence[bytes]) -> TextColumn:
        """Make a column from encoded texts."""
        lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
        return cls(np.frombuffer(b"".join(texts), dtype=np.uint8), _offsets(lengths))

    @classmethod
    def from_texts(cls, texts: Sequence[str]) -> TextColumn:
        """Make a column from texts."""
        joined = "".join(texts)
        if not joined.isascii():
            return cls.from_bytes([text.encode() for text in texts])
        lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
        return cls(np.frombuffer(joined.encode(), dtype=np.uint8), _offsets(lengths))

    @classmethod
    def gather(cls, buffer: Bytes, starts: Rows, ends: Rows) -> TextColumn:
        """Make a column from the spans ``buffer[starts[i]:ends[i]]``."""
        lengths = ends - starts
        offsets = _offsets(lengths)
        places = offsets.astype(np.int64)
        data = np.empty(int(places[-1]), np.uint8)
        # In slices, since every byte of text takes eight or more while it is gathered
        for first in range(0, len(lengths), _SLICE):
            some = slice(first, first + _SLICE)
            low, high = int(places[first]), int(places[: first + _SLICE + 1][-1])
            # Each byte comes from its place in the column plus its span's shift
            shift = np.repeat(starts[some] - places[:-1][some], lengths[some])
            shift += np.arange(low, high)
            data[low:high] = buffer[shift]
        return cls(data, offsets)

    @classmethod
    def concatenate(cls, columns: Iterable[TextColumn]) -> TextColumn:
        """Join columns."""
        parts = [column.spelt_out() for column in columns]
        lengths = [np.diff(part.offsets).astype(np.int64) for part in parts]
        # A column may be a window of a larger one, whose offsets do not begin at 0
        data = [part.data[int(part.offsets[0]) : int(part.offsets[-1])] for part in parts]
        return cls(np.concatenate(data), _offsets(np.concatenate(lengths)))

    def take(self, rows: Rows) -> TextColumn:
        """The column of some rows, in the given order."""
        if self.which is not None:
            return TextColumn(self.data, self.offsets, self.which[rows])
        starts = self.offsets[:-1][rows].astype(np.int64)
        return self.gather(self.data, starts, self.offsets[1:][rows].astype(np.int64))

    def spelt_out(self) -> TextColumn:
        """An equal column in which each row has its own text."""
        return self if self.which is None else self._each().take(self.which.astype(np.int64))

    def folded(self) -> TextColumn:
        """An equal column that holds each text once, if few recur; else this one."""
        most = min(_RECURRING, len(self) // 2)
        head = TextColumn(self.data, self.offsets[: _SLICE + 1])
        if self.which is not None or len(np.unique(head.fingerprints())) > most:
            return self
        _, first, which = np.unique(self.fingerprints(), return_index=True, return_inverse=True)
        if len(first) > most:
            return self
        texts, narrow = self.take(first), np.min_scalar_type(max(0, len(first) - 1))
        folded = TextColumn(texts.data, texts.offsets, which.astype(narrow))
        # Fingerprints of different texts may agree by chance
        own = self.data[int(self.offsets[0]) : int(self.offsets[-1])]
        return folded if np.array_equal(folded.spelt_out().data, own) else self

    def lengths(self) -> Rows:
        """The length of each text in bytes: int64, shape (rows,)."""
        if self.which is not None:
            return self._each().lengths().take(self.which)
        return np.diff(self.offsets).astype(np.int64)

    def where(self, applies: Callable[[str], bool]) -> npt.NDArray[np.bool_]:
        """The rows that pass a test, as a mask. The test runs once for each distinct text."""
        if self.which is not None:
            return self._each().where(applies).take(self.which)
        _, first, which = np.unique(self.fingerprints(), return_index=True, return_inverse=True)
        return np.array([applies(self[row]) for row in first.tolist()], np.bool_).take(which)

    def counts(self) -> dict[str, int]:
        """How many rows have each text, sorted by text."""
        _, first, counts = np.unique(self.fingerprints(), return_index=True, return_counts=True)
        found = {
            self[row]: count for row, count in zip(first.tolist(), counts.tolist(), strict=True)
        }
        return dict(sorted(found.items()))

    def fingerprints(self) -> npt.NDArray[np.uint64]:
        """A 64-bit number per text: equal for equal texts, rarely for others; 0 for no text."""
        if self.which is not None:
            return self._each().fingerprints().take(self.which)
        longest = int(np.diff(self.offsets).max(initial=0))
        powers = np.full(longest, FINGERPRINT_BASE, dtype=np.uint64).cumprod(dtype=np.uint64)
        # Slices limit the memory: each byte of text takes 24 here
        slices = [self._fingerprint_slice(first, powers) for first in range(0, len(self), _SLICE)]
        return np.concatenate(slices or [np.empty(0, np.uint64)])

    def is_empty(self) -> bool:
        """Whether no row has any text."""
        return int(self.offsets[-1]) == int(self.offsets[0])

    def bytes_at(self, row: int) -> bytes:
        """The encoded text of a row."""
        row = row if self.which is None else int(self.which[row])
        return self.data[int(self.offsets[row]) : int(self.offsets[row + 1])].tobytes()

    def texts(self, first: int, last: int) -> list[str]:
        """The texts of the rows from ``first`` up to ``last``, faster than one by one."""
        if self.which is not None:
            return self._each().take(self.which[first:last].astype(np.int64)).texts(0, last - first)
        offsets = self.offsets[first : last + 1].tolist()
        data = self.data[offsets[0] : offsets[-1]].tobytes()
        return [
            data[begin - offsets[0] : end - offsets[0]].decode() for begin, end in pairwise(offsets)
        ]

    def __getitem__(self, row: int) -> str:
        return self.bytes_at(row).decode()

    def __len__(self) -> int:
        return len(self.offsets) - 1 if self.which is None else len(self.which)

    def __repr__(self) -> str:
        return f"<TextColumn of {len(self):,} rows>"

    def _each(self) -> TextColumn:
        return TextColumn(self.data, self.offsets)

    def _fingerprint_slice(
        self, first: int, powers: npt.NDArray[np.uint64]
    ) -> npt.NDArray[np.uint64]:
        offsets = self.offsets[first : first + _SLICE + 1].astype(np.int64)
        starts, lengths = offsets[:-1], np.diff(offsets)
        place = np.arange(offsets[0], offsets[-1]) - np.repeat(starts, lengths)
        weighted = powers[place] * self.data[offsets[0] : offsets[-1]]
        running = np.zeros(len(weighted) + 1, dtype=np.uint64)
        np.cumsum(weighted, out=running[1:])
        # Sums and differences wrap around alike: all arithmetic is modulo 2^64
        prints: npt.NDArray[np.uint64] = (
            running[offsets[1:] - offsets[0]] - running[starts - offsets[0]]
        )
        return prints


def _offsets(lengths: Rows) -> npt.NDArray[np.unsignedinteger[Any]]:
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    narrow = np.uint32 if offsets[-1] <= np.iinfo(np.uint32).max else np.uint64
    return offsets.astype(narrow)
