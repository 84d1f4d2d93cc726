"""Reads tables of comma-separated values column by column, for columns of any meaning.

Blocks without quotes are cut at commas and line ends in one go. ``csv.reader`` reads anything less
regular, row by row.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import numpy as np

from hashmatch.errors import HashListError
from hashmatch.hashlist.formats.collect import CHUNK_RECORDS
from hashmatch.hashlist.list_stream import MAX_LINE_BYTES, Lines, Tap
from hashmatch.hashlist.problems import Problems
from hashmatch.hashlist.text.grammar import ListHeader
from hashmatch.text import count

COMMA, LF = b",\n"


class CsvTable:
    """Reads a table as in RFC 4180, with the text format's header before it or without.

    Attributes:
        header: what comes before the table.
        names: of the columns, in lower case.

    Raises:
        HashListError: two columns have the same name.
    """

    def __init__(self, tap: Tap, problems: Problems) -> None:
        self.header = ListHeader()
        self._problems = problems
        self.lines = Lines(tap.blocks())
        self._blocks = iter(self.lines)
        # The unread lines of this block begin at this place, and the first has this number
        self._block, self._place, self._line = b"", 0, 0
        self._reader = csv.reader(self._texts(), strict=True)
        self.names: tuple[str, ...] = ()
        while not self.names and self._has_more():
            self.names = tuple(name.strip().lower() for name in self._row())
        if len(set(self.names)) < len(self.names):
            raise HashListError("two columns of the table have the same name", path=problems.source)

    def require(self, *names: str) -> None:
        """Check that the table has these columns. Raises ``HashListError`` if it lacks one."""
        for name in names:
            if name not in self.names:
                raise HashListError(f"the table has no column {name!r}", path=self._problems.source)

    def chunks(self) -> Iterator[tuple[Sequence[int], Mapping[str, Sequence[str]]]]:
        """Yield the rows, column by column, with the line on which each begins."""
        while self._has_more():
            columns = regular_columns(self._block[self._place :], len(self.names))
            if columns is not None:
                numbers: Sequence[int] = range(self._line, self._line + len(columns[0]))
                self._place = len(self._block)
            else:
                rows = list(self._sound_rows())
                if not rows:
                    continue
                numbers = [number for number, _ in rows]
                columns = list(zip(*(row for _, row in rows), strict=True))
            yield numbers, dict(zip(self.names, columns, strict=True))

    def _sound_rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the rows of this block with their lines. The last may go on in the next block."""
        block, rows = self._block, 0
        while self._block is block and self._place < len(block) and rows < CHUNK_RECORDS:
            line, row = self._line, self._row()
            if len(row) == len(self.names):
                rows += 1
                yield line, row
            elif row:
                message = f"the row has {count(len(row), 'field')}, not {len(self.names)}"
                self._problems.add(line, message)

    def _row(self) -> list[str]:
        """Read the next row; empty for a blank line or a faulty row."""
        line = self._line
        try:
            return next(self._reader)
        except csv.Error:
            self._problems.add(line, "the row is not CSV")
            return []

    def _has_more(self) -> bool:
        """Whether any lines are left, taking the next block if necessary."""
        while self._place >= len(self._block):
            block, first_line = next(self._blocks, (b"", 0))
            if not block:
                return False
            self._block = block
            self._place, self._line = self.header.take(block, first_line, self._problems)
        return True

    def _texts(self) -> Iterator[str]:
        """Yield the lines that the reader asks for. A quoted field may span several."""
        while self._has_more():
            begin = self._place
            end = self._block.index(b"\n", begin)
            self._place = end + 1
            self._line += 1
            if end - begin <= MAX_LINE_BYTES:
                yield self._block[begin : end + 1].decode(errors="surrogateescape")
            else:
                message = f"the line is longer than {MAX_LINE_BYTES:,} bytes"
                self._problems.add(self._line - 1, message)
                yield "\n"


def unused_columns(names: Iterable[str], known: Collection[str]) -> tuple[str, ...]:
    """The notice about columns that hashmatch does not know, if there are any."""
    unused = len(set(names) - set(known))
    return (f"ignored {count(unused, 'unknown column')}",) if unused else ()


def regular_columns(lines: bytes, width: int) -> list[Sequence[str]] | None:
    """Cut whole lines into columns, if no field is quoted and no line lacks a field.

    Each line ends in LF, and a row has ``width`` fields. Return what ``csv.reader`` would; None if
    that is not certain.
    """
    if b'"' in lines:
        return None
    lines = lines.replace(b"\r\n", b"\n")
    if b"\r" in lines:
        return None
    buffer = np.frombuffer(lines, dtype=np.uint8)
    ends = np.flatnonzero((buffer == COMMA) | (buffer == LF))
    last = ends[width - 1 :: width]
    lengths = np.diff(last, prepend=-1)
    if (
        len(ends) % width
        or not len(last) == lines.count(b"\n") == np.count_nonzero(buffer[last] == LF)
        or lengths.min() == 1
        or lengths.max() >= MAX_LINE_BYTES
    ):
        return None
    texts = lines.decode(errors="surrogateescape").replace("\n", ",").split(",")[:-1]
    return [texts[column::width] for column in range(width)]
