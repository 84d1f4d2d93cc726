"""A BK-tree in flat arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from hashmatch.hashing.distance import distances
from hashmatch.index.base import BuiltIndex, Codes, Hits, Ints, Tables, take_table
from hashmatch.index.ranges import (
    BLOCK,
    Distances,
    compare_runs,
    pad,
    padded_length,
    spread,
    sum_words,
)
from hashmatch.model import WORD_BITS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

LEAF = 64
"""A child of at most this many entries is a leaf: comparing them all is cheaper than descending."""

FRONTIER = 1 << 16
"""Pairs of a query and a node visited at a time; more are cut, to bound the memory."""


class BKTree(BuiltIndex):
    """Prunes with the triangle inequality.

    After Burkhard & Keller, "Some approaches to best-match file searching", Communications of the
    ACM 16(4), 1973. The invariant: every entry below a node's child ``d`` lies at distance ``d``
    exactly from the node's pivot. So, by the triangle inequality, a query at distance ``x`` from
    the pivot can only be within ``radius`` of entries below the children ``x - radius`` to
    ``x + radius``.

    Children with few entries are leaves, and so is child 0, which holds the pivot and all its
    duplicates. A node's leaves lie side by side, sorted by ``d``, so that those a query must
    compare are one run; and its other children are numbered side by side in the same order. The
    whole tree is therefore two tables over ``node * (bits + 1) + d``: where the leaf of child ``d``
    begins, and the number of the first node among the children ``d`` and on. Node 0 is the root.

    It is built level by level over all entries at once, and searched with all queries at once;
    nothing is recursive, whatever the depth.
    """

    kind: ClassVar[str] = "bktree"

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
            # What is visited last is split first, which keeps this stack as shallow as the tree
            waiting += [(query, node)] if len(node) else []
            leaves.append(runs)
            found += len(runs[0])
            # Together, since one query meets few leaves on each level and every call has its cost
            if found > FRONTIER or not waiting:
                columns = (np.concatenate(column) for column in zip(*leaves, strict=True))
                yield from self._compare(queries, radius, *columns)
                leaves, found = [], 0

    def _compare(
        self, queries: Codes, radius: int, query: Ints, start: Ints, stop: Ints
    ) -> Iterator[Hits]:
        """Compare leaves, and name the entries by their rows."""
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
            The leaves to compare, as query, start and stop; then the queries and nodes to visit.
        """
        width = WORD_BITS * queries.shape[1] + 1
        child = node * width
        pivot = self._padded.take(self._leaves[child], axis=0)
        exact = child + distances(queries.take(query, axis=0), pivot)
        # The children from x - radius up to, not including, x + radius + 1, of those there are
        reach = np.array([[-radius], [radius + 1]])
        ends = np.minimum(np.maximum(exact + reach, child), child + width)
        start, stop = self._leaves[ends].astype(np.int64)
        first, last = self._nodes[ends].astype(np.int64)
        parent, place = spread(last - first)
        return (query, start, stop), query[parent], first[parent] + place

    def _build(self) -> Tables:
        order, leaves, nodes = _grow(self.codes)
        padded = pad(self.codes[order])
        return {"order": order, "leaves": leaves, "nodes": nodes, "padded": padded}

    def _take_up(self, tables: Tables) -> None:
        self._order = take_table(tables, "order", np.uint32, (len(self.codes),))
        self._leaves = take_table(tables, "leaves", np.uint32, (-1,))
        self._nodes = take_table(tables, "nodes", np.uint32, self._leaves.shape)
        self._padded = take_table(
            tables, "padded", np.uint64, (padded_length(len(self)), self.codes.shape[1])
        )

    def tables(self) -> Tables:
        """See ``BuiltIndex.tables``."""
        return {
            "order": self._order,
            "leaves": self._leaves,
            "nodes": self._nodes,
            "padded": self._padded,
        }

    def explain(self) -> str:
        """See ``Index.explain``."""
        nodes = len(self._nodes) // (WORD_BITS * self.codes.shape[1] + 1)
        return f"BK-tree of {len(self)} entries under {nodes} nodes, {self.reason}"


def _grow(codes: Codes) -> tuple[npt.NDArray[np.uint32], ...]:
    """Build the tree level by level.

    Returns:
        The rows in the order of the leaves; then, over ``node * (bits + 1) + d`` and one more,
        where in that order the leaf of child d begins, and the number of the next node.
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
        # A stable sort of small integers is a radix sort, in a third of the time
        sort = np.argsort(child.astype(np.min_scalar_type(len(counts))), kind="stable")
        rows, stays = rows[sort], ~inner[child[sort]]
        order.append(rows[stays])
        leaves.append(np.where(inner, 0, counts))
        nodes.append(inner)
        rows, sizes = rows[~stays], counts[inner]
    return (
        _concatenate(order),
        _offsets(leaves),
        # The root is node 0 and nobody's child
        _offsets(nodes) + np.uint32(1),
    )


def _concatenate(parts: list[npt.NDArray[np.intp]]) -> npt.NDArray[np.uint32]:
    return np.concatenate([np.empty(0, np.uint32), *parts]).astype(np.uint32)


def _offsets(counts: list[npt.NDArray[Any]]) -> npt.NDArray[np.uint32]:
    """Where each of the counted groups begins, and where the last ends."""
    flat = np.concatenate([np.zeros(1, np.int64), *counts])
    return np.cumsum(flat).astype(np.uint32)
