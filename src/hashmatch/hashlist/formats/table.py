"""Tables of comma-separated values: rows as columns, whatever the columns mean."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence

from hashmatch.errors import HashListError
from hashmatch.hashlist.formats.collect import CHUNK_RECORDS
from hashmatch.hashlist.problems import Problems
from hashmatch.hashlist.source import MAX_LINE_BYTES, Lines, Tap
from hashmatch.hashlist.text.grammar import Header


class Table:
    """Reads a table as RFC 4180 has it, which the text format's header may precede.

    Args:
        tap: the list.
        problems: where rows that are wrong are noted.

    Attributes:
        header: what stood before the table.
        names: of the columns, in lower case.
        lines: of the file.

    Raises:
        HashListError: two columns have the same name.
    """

    def __init__(self, tap: Tap, problems: Problems) -> None:
        self.header = Header()
        self._problems = problems
        self.lines = Lines(tap.blocks())
        self._reader = csv.reader(self._texts(), strict=True)
        self._before = 0
        self._line = 0
        self.names = tuple(name.strip().lower() for _, row in self._batch(1) for name in row)
        if len(set(self.names)) < len(self.names):
            raise HashListError("two columns of the table have the same name", path=problems.source)

    def require(self, *names: str) -> None:
        """Make sure that there are such columns.

        Raises:
            HashListError: there is one that the table lacks.
        """
        for name in names:
            if name not in self.names:
                raise HashListError(f"the table has no column {name!r}", path=self._problems.source)

    def chunks(self) -> Iterator[tuple[list[int], Mapping[str, Sequence[str]]]]:
        """The rows, column by column, with the line in which each begins."""
        while batch := self._batch(CHUNK_RECORDS):
            if any(len(row) != len(self.names) for _, row in batch):
                batch = list(self._without_odd_rows(batch))
            numbers = [number for number, _ in batch]
            columns = zip(*(row for _, row in batch), strict=True)
            if batch:
                yield numbers, dict(zip(self.names, columns, strict=True))

    def _batch(self, most: int) -> list[tuple[int, list[str]]]:
        """So many rows that are not blank, or all that are left, with their lines."""
        rows: list[tuple[int, list[str]]] = []
        while len(rows) < most:
            try:
                for row in self._reader:
                    # A quoted field may go over several lines
                    line, self._line = self._line, self._before + self._reader.line_num + 1
                    if row:
                        rows.append((line, row))
                    if len(rows) == most:
                        break
                else:
                    break
            except csv.Error:
                self._problems.add(self._line, "the row is not CSV")
                self._line = self._before + self._reader.line_num + 1
        return rows

    def _without_odd_rows(
        self, rows: list[tuple[int, list[str]]]
    ) -> Iterator[tuple[int, list[str]]]:
        for line, row in rows:
            if len(row) == len(self.names):
                yield line, row
            else:
                message = f"the row has {len(row):,} fields, not {len(self.names)}"
                self._problems.add(line, message)

    def _texts(self) -> Iterator[str]:
        for block, first_line in self.lines:
            start, line = self.header.take(block, first_line, self._problems)
            if start < len(block) and not self._line:
                self._before, self._line = line - 1, line
            for number, raw in enumerate(block[start:].split(b"\n")[:-1], line):
                if len(raw) <= MAX_LINE_BYTES:
                    yield raw.decode(errors="surrogateescape") + "\n"
                else:
                    message = f"the line is longer than {MAX_LINE_BYTES:,} bytes"
                    self._problems.add(number, message)
                    yield "\n"
