"""A BK-tree in flat arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from hashmatch.hashing.distance import distances
from hashmatch.index.base import BuiltIndex, Codes, Hits, IndexArrays, Ints, take_table
from hashmatch.index.ranges import (
    BLOCK,
    Distances,
    compare_runs,
    pad,
    padded_length,
    positions,
    sum_words,
)
from hashmatch.model import WORD_BITS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

LEAF = 64
"""A child with at most this many entries is a leaf: comparing all is cheaper than descending."""

FRONTIER = 1 << 16
"""Pairs of a query and a node to visit at a time. It bounds the memory."""


class BKTree(BuiltIndex):
    """Prunes with the triangle inequality.

    After Burkhard & Keller, "Some approaches to best-match file searching", Communications of the
    ACM 16(4), 1973. The invariant: every entry below a node's child ``d`` is at distance exactly
    ``d`` from the node's pivot. So, by the triangle inequality, a query at distance ``x`` from the
    pivot can be within ``radius`` only of entries below the children ``x - radius`` to
    ``x + radius``.

    Children with few entries are leaves. So is child 0, which holds the pivot and all its
    duplicates. A node's leaves lie side by side, sorted by ``d``, so the ones a query must compare
    form a single run. The other children are numbered consecutively in the same order. The whole
    tree is therefore two tables indexed by ``node * (bits + 1) + d``: where the leaf of child ``d``
    begins, and the number of the first node among children ``d`` and up. Node 0 is the root.

    The tree is built level by level over all entries at once, and searched with all queries at
    once. Nothing is recursive, however deep it gets.
    """

    kind: ClassVar[str] = "bktree"
    TABLES = ("order", "leaves", "nodes", "padded")

    def pieces(self, queries: Codes, radius: int) -> Iterator[Hits]:
        """See ``Index.pieces``."""
        everyone = np.arange(len(queries))
        waiting = [(everyone, np.zeros_like(everyone))] if len(self.codes) else []
        leaves: list[tuple[Ints, ...]] = []
        found = 0
        while waiting:
            query, node = waiting.pop()
            if len(query) > FRONTIER:
                waiting.append((query[FRONTIER:], node[FRONTIER:]))
                query, node = query[:FRONTIER], node[:FRONTIER]
            runs, query, node = self._visit(queries, radius, query, node)
            # Last in, first out: this keeps the stack as shallow as the tree
            waiting += [(query, node)] if len(node) else []
            leaves.append(runs)
            found += len(runs[0])
            # Compare leaves together: a query meets few on each level, and each call costs
            if found > FRONTIER or not waiting:
                columns = (np.concatenate(column) for column in zip(*leaves, strict=True))
                yield from self._compare(queries, radius, *columns)
                leaves, found = [], 0

    def _compare(
        self, queries: Codes, radius: int, query: Ints, start: Ints, stop: Ints
    ) -> Iterator[Hits]:
        """Compare the entries of leaves, and report those near by their rows."""
        entries = self._padded.reshape(-1, BLOCK, queries.shape[1])

        def measure(block: Ints, run: Ints) -> Distances:
            found = entries.take(block, axis=0)
            found ^= queries.take(query[run], axis=0)[:, None]
            return sum_words(np.bitwise_count(found)).reshape(-1)

        for run, position, distance in compare_runs(measure, start, stop, radius):
            row = self._order[position].astype(np.int64)
            yield Hits(query[run], row, distance.astype(np.uint16))

    def _visit(
        self, queries: Codes, radius: int, query: Ints, node: Ints
    ) -> tuple[tuple[Ints, Ints, Ints], Ints, Ints]:
        """Go down one level.

        Returns:
            The leaves to compare, as query, start and stop; then the queries and nodes to visit
            next.
        """
        width = WORD_BITS * queries.shape[1] + 1
        child = node * width
        pivot = self._padded.take(self._leaves[child], axis=0)
        exact = child + distances(queries.take(query, axis=0), pivot)
        # Children x - radius to x + radius, clipped to those that exist
        reach = np.array([[-radius], [radius + 1]])
        ends = np.minimum(np.maximum(exact + reach, child), child + width)
        start, stop = self._leaves[ends].astype(np.int64)
        first, last = self._nodes[ends].astype(np.int64)
        parent, below = positions(first, last)
        return (query, start, stop), query[parent], below

    def _build(self) -> IndexArrays:
        order, leaves, nodes = _grow(self.codes)
        padded = pad(self.codes[order])
        return {"order": order, "leaves": leaves, "nodes": nodes, "padded": padded}

    def _take_up(self, tables: IndexArrays) -> None:
        self._order = take_table(tables, "order", np.uint32, (len(self.codes),))
        self._leaves = take_table(tables, "leaves", np.uint32, (-1,))
        self._nodes = take_table(tables, "nodes", np.uint32, self._leaves.shape)
        self._padded = take_table(
            tables, "padded", np.uint64, (padded_length(len(self)), self.codes.shape[1])
        )

    def explain(self) -> str:
        """See ``Index.explain``."""
        nodes = len(self._nodes) // (WORD_BITS * self.codes.shape[1] + 1)
        return f"BK-tree of {len(self):,} entries under {nodes} nodes, {self.reason}"


def _grow(codes: Codes) -> tuple[npt.NDArray[np.uint32], ...]:
    """Build the tree level by level.

    Returns:
        The rows in the order of the leaves; then two tables indexed by ``node * (bits + 1) + d``,
        with one more item at the end: where in that order the leaf of child d begins, and the
        number of the next node.
    """
    width = WORD_BITS * codes.shape[1] + 1
    rows: npt.NDArray[np.intp] = np.arange(len(codes))
    sizes = np.array([len(codes)][: len(codes)])
    order, leaves, nodes = [], [], []
    while len(sizes):
        pivots = rows[np.cumsum(sizes) - sizes]
        parent = np.repeat(np.arange(len(sizes)), sizes)
        child = parent * width + distances(codes[rows], codes[pivots][parent])
        counts = np.bincount(child, minlength=len(sizes) * width)
        inner = counts > LEAF
        inner[::width] = False
        # NumPy sorts small integers stably by radix, in a third of the time
        sort = np.argsort(child.astype(np.min_scalar_type(len(counts))), kind="stable")
        rows, stays = rows[sort], ~inner[child[sort]]
        order.append(rows[stays])
        leaves.append(np.where(inner, 0, counts))
        nodes.append(inner)
        rows, sizes = rows[~stays], counts[inner]
    return (
        _concatenate(order),
        _offsets(leaves),
        # The root is node 0, and no node's child
        _offsets(nodes) + np.uint32(1),
    )


def _concatenate(parts: list[npt.NDArray[np.intp]]) -> npt.NDArray[np.uint32]:
    return np.concatenate([np.empty(0, np.uint32), *parts]).astype(np.uint32)


def _offsets(counts: list[npt.NDArray[Any]]) -> npt.NDArray[np.uint32]:
    """Where each counted group begins, and where the last one ends."""
    flat = np.concatenate([np.zeros(1, np.int64), *counts])
    return np.cumsum(flat).astype(np.uint32)
