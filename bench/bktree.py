"""Measures how much faster the BK-tree is than a linear scan at a small radius, and its build time.

    python bench/bktree.py [--entries N] [--radius R] [--seed S]

Random 64-bit hashes, the hardest kind to prune; half of the queries lie near an entry, half
anywhere. The answers are compared before anything is timed. Times are the best of several.
"""

from __future__ import annotations

import argparse
import math
import time
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

import record
from hashmatch.index import BKTree, Index, LinearIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

QUERIES = 64


def best(calls: Sequence[Callable[[], object]], rounds: int = 7) -> list[float]:
    """The shortest run of each call, in seconds. Calls take turns, so all meet the same noise."""
    spent = [math.inf] * len(calls)
    for _ in range(rounds):
        for place, call in enumerate(calls):
            begun = time.perf_counter()
            call()
            spent[place] = min(spent[place], time.perf_counter() - begun)
    return spent


def main() -> None:
    """Build, compare the answers, measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--radius", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    rng = np.random.default_rng(options.seed)
    codes = rng.integers(0, 2**64, (options.entries, 1), dtype=np.uint64)
    queries = rng.integers(0, 2**64, (QUERIES, 1), dtype=np.uint64)
    near = rng.integers(0, len(codes), QUERIES // 2)
    queries[::2] = codes[near] ^ np.uint64(1 << 40 | 1 << 7)

    (built,) = best([lambda: BKTree(codes)], 3)
    indexes = LinearIndex(codes), BKTree(codes)
    expected, got = (index.search(queries, options.radius) for index in indexes)
    assert all(map(np.array_equal, expected, got)), "the answers differ"

    def batch(index: Index) -> None:
        index.search(queries, options.radius)

    def one_by_one(index: Index) -> None:
        for place in range(QUERIES):
            index.search(queries[place : place + 1], options.radius)

    results = {"entries": options.entries, "radius": options.radius, "build_seconds": built}
    print(f"{options.entries} entries, radius {options.radius}: built in {built:.2f} s")
    for name, ask in ((f"batch of {QUERIES}", batch), ("one query a call", one_by_one)):
        slow, fast = (
            spent / QUERIES * 1e6 for spent in best([partial(ask, index) for index in indexes])
        )
        results[name] = {"linear_us": slow, "bktree_us": fast, "ratio": slow / fast}
        print(
            f"{name}: linear {slow:.0f} us, BK-tree {fast:.0f} us a query, "
            f"{slow / fast:.1f} times as fast"
        )
    print(f"saved as {record.save('bktree', options.seed, results)}")


if __name__ == "__main__":
    main()
