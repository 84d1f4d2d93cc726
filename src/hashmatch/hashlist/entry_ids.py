"""Finds rows by id in a column of millions of ids, without an object per row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hashmatch.hashlist.columns import Rows, TextColumn

Order: TypeAlias = npt.NDArray[np.uint32]

ABSENT = -1


def fingerprint_order(column: TextColumn) -> Order:
    """All rows in order of their texts' fingerprints: 4 bytes per row for quick lookups."""
    return np.argsort(column.fingerprints(), kind="stable").astype(np.uint32)


def find_rows(column: TextColumn, order: Order, texts: Sequence[bytes]) -> Rows:
    """Find the row of each text, by one binary search for all of them.

    Args:
        column: where to look. Only the empty text may occur twice.
        order: its ``fingerprint_order``.
        texts: what to look for.

    Returns:
        int64, shape (texts,): the row of each, or ``ABSENT``.
    """
    wanted = TextColumn.from_bytes(texts).fingerprints()
    low = np.zeros(len(texts), dtype=np.int64)
    high = np.full(len(texts), len(order), dtype=np.int64)
    while (searching := np.flatnonzero(low < high)).size:
        middle = (low[searching] + high[searching]) // 2
        found = column.take(order[middle].astype(np.int64)).fingerprints()
        below = found < wanted[searching]
        low[searching[below]] = middle[below] + 1
        high[searching[~below]] = middle[~below]
    low[[not text for text in texts]] = len(order)
    rows = np.full(len(texts), ABSENT, dtype=np.int64)
    while (alike := _alike(column, order, low, wanted)).size:
        # Different texts may share a fingerprint, so the bytes decide
        for place in alike.tolist():
            row = int(order[low[place]])
            if column.bytes_at(row) == texts[place]:
                rows[place] = row
        low[alike] += 1
        low[alike[rows[alike] != ABSENT]] = len(order)
    return rows


def _alike(column: TextColumn, order: Order, places: Rows, wanted: npt.NDArray[np.uint64]) -> Rows:
    """The places in the order that hold a row with the wanted fingerprint."""
    inside = np.flatnonzero(places < len(order))
    found = column.take(order[places[inside]].astype(np.int64)).fingerprints()
    alike: Rows = inside[found == wanted[inside]]
    return alike
