"""From parsed rows to sections: put together, ids checked, flat hashes left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from hashmatch.hashing import ALGORITHMS, Codes
from hashmatch.hashlist.columns import Rows, TextColumn
from hashmatch.hashlist.problems import Problems
from hashmatch.hashlist.section import Section
from hashmatch.model import HashKind

RawRow: TypeAlias = tuple[int, Sequence[int], bytes, bytes]
"""Line, words, id and label; id and label encoded, and empty where there is none."""


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Batch:
    """Rows of one kind on their way into a section, in the order of their lines.

    Attributes:
        kind: algorithm and width of every row.
        lines: int64, the line of each row.
        codes: uint64, shape (rows, words).
        ids: empty where a row has none.
        labels: empty where a row has none.
    """

    kind: HashKind
    lines: Rows
    codes: Codes
    ids: TextColumn
    labels: TextColumn

    @classmethod
    def of_rows(cls, kind: HashKind, rows: Sequence[RawRow]) -> Batch:
        """Make a batch of at least one row."""
        lines, words, ids, labels = zip(*rows, strict=True)
        return cls(
            kind,
            np.array(lines, dtype=np.int64),
            np.array(words, dtype=np.uint64).reshape(len(rows), kind.words),
            TextColumn.from_bytes(ids),
            TextColumn.from_bytes(labels),
        )

    @classmethod
    def joined(cls, batches: Sequence[Batch]) -> Batch:
        """Put batches of one kind together, in the order of their lines."""
        if len(batches) == 1:
            return batches[0]
        whole = cls(
            batches[0].kind,
            np.concatenate([batch.lines for batch in batches]),
            np.concatenate([batch.codes for batch in batches]),
            TextColumn.concatenate(batch.ids for batch in batches),
            TextColumn.concatenate(batch.labels for batch in batches),
        )
        if (whole.lines[1:] >= whole.lines[:-1]).all():
            return whole
        return whole.take(np.argsort(whole.lines, kind="stable"))

    def take(self, rows: Rows) -> Batch:
        """The batch of some rows, in the order asked for."""
        return Batch(
            self.kind,
            self.lines[rows],
            self.codes[rows],
            self.ids.take(rows),
            self.labels.take(rows),
        )

    def section(self, origin: str) -> Section:
        """The same rows as a section that keeps no column it does not need."""
        all_have_ids = bool((np.diff(self.ids.offsets) > 0).all())
        return Section(
            kind=self.kind,
            codes=self.codes,
            ids=None if self.ids.is_empty() else self.ids,
            labels=None if self.labels.is_empty() else self.labels,
            lines=None if all_have_ids else self.lines.astype(np.uint32),
            origin=origin,
        )


def join_by_kind(batches: Iterable[Batch]) -> list[Batch]:
    """Put batches together, one for each kind, in the order in which kinds first appear."""
    kinds: dict[HashKind, list[Batch]] = {}
    for batch in batches:
        kinds.setdefault(batch.kind, []).append(batch)
    joined = [Batch.joined(parts) for parts in kinds.values()]
    return sorted(joined, key=lambda batch: int(batch.lines[0]))


def assemble(
    batches: Iterable[Batch], origin: str, problems: Problems
) -> tuple[Mapping[HashKind, Section], int]:
    """Make sections of all batches of a list.

    Args:
        batches: in the order of the list.
        origin: what comes before the line in the id of a row without one.
        problems: where an id that stands twice is noted; its later rows are left out.

    Returns:
        The sections, and how many flat hashes were left out of them.
    """
    sections = {}
    flat_count = 0
    for batch in join_by_kind(batches):
        keep = ~_repeated(batch, origin, problems)
        flat = keep & ALGORITHMS[batch.kind.algorithm].is_flat(batch.codes)
        flat_count += int(flat.sum())
        keep &= ~flat
        if keep.any():
            kept = batch if keep.all() else batch.take(np.flatnonzero(keep))
            sections[batch.kind] = kept.section(origin)
    return sections, flat_count


def _repeated(batch: Batch, origin: str, problems: Problems) -> npt.NDArray[np.bool_]:
    """Tell which rows have the id of an earlier row, or one that stands for another's line."""
    repeated = np.zeros(len(batch.lines), dtype=np.bool_)
    named = np.flatnonzero(np.diff(batch.ids.offsets))
    for row, line in _called_by_line(batch, named, origin):
        problems.add(int(batch.lines[row]), f"the id stands for line {line}, which has none")
        repeated[row] = True
    prints = batch.ids.fingerprints()[named]
    ordered = np.sort(prints)
    suspects = ordered[1:][ordered[1:] == ordered[:-1]]
    if not suspects.size:
        return repeated
    first_rows: dict[bytes, int] = {}
    for row in named[np.isin(prints, suspects)].tolist():
        first = first_rows.setdefault(batch.ids.bytes_at(row), row)
        if first != row and not repeated[row]:
            line = int(batch.lines[first])
            problems.add(int(batch.lines[row]), f"the id stands on line {line} already")
            repeated[row] = True
    return repeated


def _called_by_line(batch: Batch, named: Rows, origin: str) -> Iterator[tuple[int, int]]:
    """Find rows whose id is the ``file:line`` by which a row without an id is called."""
    if len(named) == len(batch.lines):
        return
    nameless = np.delete(batch.lines, named)
    prefix = f"{origin}:".encode()
    starts = batch.ids.offsets[:-1][named].astype(np.int64)
    long_enough = starts + len(prefix) < len(batch.ids.data)
    windows = sliding_window_view(batch.ids.data, len(prefix)) if long_enough.any() else None
    if windows is None:
        return
    alike = (windows[starts[long_enough]] == np.frombuffer(prefix, np.uint8)).all(axis=1)
    for row in named[long_enough][alike].tolist():
        digits = batch.ids.bytes_at(row)[len(prefix) :]
        if digits.isdigit() and len(digits) < 20 and not digits.startswith(b"0"):
            place = int(np.searchsorted(nameless, int(digits)))
            if place < len(nameless) and nameless[place] == int(digits):
                yield row, int(digits)
