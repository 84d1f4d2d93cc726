"""Runs one contestant in a separate process, on requests from its standard input.

    python bench/lookup_contestants MODULE VARIANT CODES.npy QUERIES.npy

Each line in is a JSON object with ``do``, and each line out its result.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

ENOUGH_SECONDS = 0.05
"""Short runs are repeated for this many seconds, and the shortest counts."""


def main() -> None:
    """Build the contestant, then answer until the input ends."""
    sys.path.insert(0, str(Path(__file__).parent.parent))
    module, variant, codes_path, queries_path = sys.argv[1:]
    kind = importlib.import_module(f"lookup_contestants.{module}").Contestant
    codes, queries = np.load(codes_path), np.load(queries_path)
    before = process_time()
    contestant = kind(codes, variant)
    say({"build_seconds": process_time() - before})
    for line in sys.stdin:
        order = json.loads(line)
        say(globals()[f"do_{order.pop('do')}"](contestant, queries, **order))


def do_check(contestant: Any, queries: np.ndarray, radius: int, answers: str) -> dict[str, Any]:
    """Whether its answers equal those of ``LinearIndex``."""
    before = process_time()
    contestant.prepare(radius)
    prepared = process_time()
    expected = np.load(answers)
    query, row = (np.asarray(column, np.int64) for column in contestant.search(queries, radius))
    asked = process_time() - prepared
    got = np.sort(query << 32 | row)
    return {
        "same": bool(np.array_equal(got, expected)),
        "prepare_seconds": prepared - before,
        "seconds": asked,
    }


def do_time(contestant: Any, queries: np.ndarray, radius: int, batch: int) -> dict[str, Any]:
    """Seconds per query when all are run in batches of a given size."""
    parts = [queries[first : first + batch] for first in range(0, len(queries), batch)]
    begun = process_time()
    best = float("inf")
    while True:
        before = process_time()
        for part in parts:
            contestant.search(part, radius)
        after = process_time()
        best = min(best, after - before)
        if after - begun > ENOUGH_SECONDS:
            return {"seconds": best / len(queries)}


def do_memory(_contestant: Any, _queries: np.ndarray) -> dict[str, Any]:
    """The peak memory of the process, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6}


def say(result: dict[str, Any]) -> None:
    """Write a line and flush it."""
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
