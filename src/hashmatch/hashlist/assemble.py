"""Turns parsed rows into sections: joins them, checks ids and drops flat hashes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from hashmatch.hashlist.columns import Rows, TextColumn
from hashmatch.hashlist.kinds import is_void
from hashmatch.hashlist.problems import Problems
from hashmatch.hashlist.section import ListSection, is_line_number
from hashmatch.model import HashKind

FIELDS = ("id", "label", "category", "source", "added", "expires")
"""The texts of an entry, in the order of the parsers. Some parsers give only the first ones."""

RawRow: TypeAlias = tuple[int, Sequence[int], Sequence[bytes]]
"""Line, words, and the encoded ``FIELDS``; a missing field is empty."""


def section_of_rows(kind: HashKind, rows: Sequence[RawRow], origin: str) -> ListSection:
    """Make a section, with lines, from at least one row."""
    lines, words, texts = zip(*rows, strict=True)
    return ListSection(
        kind,
        np.array(words, dtype=np.uint64).reshape(len(rows), kind.words),
        {
            name: TextColumn.from_bytes(column)
            for name, column in zip(FIELDS, zip(*texts, strict=True), strict=False)
        },
        np.array(lines, dtype=np.uint32),
        origin,
    )


def join_by_kind(parts: Iterable[ListSection]) -> list[ListSection]:
    """Join sections with lines into one per kind, rows and kinds in the order of lines."""
    kinds: dict[HashKind, list[ListSection]] = {}
    for part in parts:
        kinds.setdefault(part.kind, []).append(part)
    joined = [_in_order(ListSection.concatenated(of_kind)) for of_kind in kinds.values()]
    return sorted(joined, key=lambda section: section.line(0))


def _in_order(section: ListSection) -> ListSection:
    lines = section.lines
    if lines is None or (lines[1:] >= lines[:-1]).all():
        return section
    return section.take(np.argsort(lines, kind="stable"))


def assemble(
    parts: Iterable[ListSection], problems: Problems
) -> tuple[Mapping[HashKind, ListSection], TextColumn]:
    """Make a list's sections from all its parts.

    Returns:
        The sections, and the ids of the flat hashes left out; empty for a hash without one.
    """
    sections = {}
    dropped = [TextColumn.empty(0)]
    for section in join_by_kind(parts):
        keep = ~_repeated(section, problems)
        flat = keep & is_void(section.kind, section.codes)
        if flat.any():
            dropped.append(section.take(np.flatnonzero(flat)).column("id"))
            keep &= ~flat
        if keep.any():
            kept = section if keep.all() else section.take(np.flatnonzero(keep))
            sections[section.kind] = kept.slim()
    return sections, TextColumn.concatenate(dropped)


def _repeated(section: ListSection, problems: Problems) -> npt.NDArray[np.bool_]:
    """Which rows have the id of an earlier row, or the one that another row gets from its line."""
    repeated = np.zeros(len(section), dtype=np.bool_)
    ids = section.column("id")
    named = np.flatnonzero(ids.lengths())
    for row, line in _called_by_line(section, ids, named):
        problems.add(section.line(row), f"the id is taken: line {line} has no id and gets this one")
        repeated[row] = True
    prints = ids.fingerprints()[named]
    ordered = np.sort(prints)
    suspects = ordered[1:][ordered[1:] == ordered[:-1]]
    if not suspects.size:
        return repeated
    first_rows: dict[bytes, int] = {}
    for row in named[np.isin(prints, suspects)].tolist():
        first = first_rows.setdefault(ids.bytes_at(row), row)
        if first != row and not repeated[row]:
            line, other = section.line(row), section.line(first)
            twice = "the entry has two hashes of one kind"
            message = twice if line == other else f"the id is on line {other} already"
            problems.add(line, message)
            repeated[row] = True
    return repeated


def _called_by_line(
    section: ListSection, ids: TextColumn, named: Rows
) -> Iterator[tuple[int, int]]:
    """Find rows whose id is the ``file:line`` that another row gets because it has none."""
    prefix = f"{section.origin}:".encode()
    starts = ids.offsets[:-1][named].astype(np.int64)
    long_enough = starts + len(prefix) < len(ids.data)
    if len(named) == len(section) or section.lines is None or not long_enough.any():
        return
    nameless = np.delete(section.lines, named)
    windows = sliding_window_view(ids.data, len(prefix))[starts[long_enough]]
    alike = (windows == np.frombuffer(prefix, np.uint8)).all(axis=1)
    for row in named[long_enough][alike].tolist():
        number = ids.bytes_at(row)[len(prefix) :].decode()
        if is_line_number(number):
            place = int(np.searchsorted(nameless, int(number)))
            if place < len(nameless) and nameless[place] == int(number):
                yield row, int(number)
