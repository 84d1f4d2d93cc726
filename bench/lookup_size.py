"""What an index of ten million hashes takes: time to build and to change, and memory.

python bench/lookup_size.py [--entries N] [--seed S]
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, TypeVar

import numpy as np

import record
from hashmatch.index import LinearIndex, MultiIndex, UpdatedIndex

if TYPE_CHECKING:
    from collections.abc import Callable

RADIUS = 8
QUERIES = 64
ADDED = 1_000
Made = TypeVar("Made")


def timed(make: Callable[[], Made]) -> tuple[Made, float]:
    """What is made, and how many seconds it took."""
    begun = time.perf_counter()
    made = make()
    return made, time.perf_counter() - begun


def main() -> None:
    """Build, change, compare the answers, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    codes = rng.integers(0, 2**64, (options.entries, 1), dtype=np.uint64)
    added = rng.integers(0, 2**64, (ADDED, 1), dtype=np.uint64)
    withdrawn = rng.integers(0, options.entries, ADDED)

    base, built = timed(lambda: MultiIndex(codes))
    tables = codes.nbytes + sum(table.nbytes for table in base.tables().values())
    updated, changed = timed(lambda: UpdatedIndex(base, LinearIndex(added), withdrawn))

    queries = np.concatenate([added[: QUERIES // 2], codes[withdrawn[: QUERIES // 2]]])
    rows = np.setdiff1d(np.arange(options.entries), withdrawn)
    fresh = LinearIndex(np.concatenate([codes[rows], added]))
    numbers = np.concatenate([rows, options.entries + np.arange(ADDED)])
    expected = fresh.search(queries, RADIUS)
    got = updated.search(queries, RADIUS)
    assert np.array_equal(got.query, expected.query), "the answers differ"
    assert np.array_equal(got.row, numbers[expected.row]), "the answers differ"

    results = {
        "entries": options.entries,
        "build_seconds": round(built, 3),
        "bytes_per_entry": round(tables / options.entries, 2),
        "added_and_withdrawn": ADDED,
        "update_ms": round(changed * 1e3, 3),
        "us_per_query": round(timed(lambda: base.search(queries, RADIUS))[1] / QUERIES * 1e6, 1),
        "us_per_query_updated": round(
            timed(lambda: updated.search(queries, RADIUS))[1] / QUERIES * 1e6, 1
        ),
    }
    for name, value in results.items():
        print(f"{name}: {value:,}")
    print(f"saved as {record.save('lookup-size', options.seed, results)}")


if __name__ == "__main__":
    main()
