"""Measures what ten million hashes take: time and memory of the index, and of the list as a file.

    python bench/lookup_size.py [--entries N] [--seed S]

The command compiles the file from text, and separate processes open it, with its pages in
the page cache, as on a machine that uses it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

import record
from hashmatch.index import LinearIndex, MultiIndex, UpdatedIndex

if TYPE_CHECKING:
    from collections.abc import Callable

RADIUS = 8
QUERIES = 64
ADDED = 1_000
ROUNDS = 5
PICTURE = Path(__file__).parent.parent / "fixtures" / "benign_images" / "originals" / "canyon.jpg"
HASHMATCH = [sys.executable, "-m", "hashmatch"]
ASK = """
import json, pathlib, sys, time
import numpy as np
from hashmatch import Entry, HashList, Matcher, PerceptualHash
from hashmatch.index import open_index

path, seed, added = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
hash_list = HashList.load(path)
(kind, section), = hash_list.sections.items()
stored = hash_list.index_tables[kind]
index = open_index(stored.kind, section.codes, stored.arrays)
rng = np.random.default_rng(seed)
queries = rng.integers(0, 2**64, (10_000, 1), np.uint64)
for first in range(0, len(queries), 64):
    index.nearest(queries[first : first + 64], 8, 10)
status = pathlib.Path("/proc/self/status").read_text()
resident = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))

matcher = Matcher(hash_list, isolate=False)
codes = rng.integers(1, 2**63, added).tolist()
entries = [Entry(f"new-{n}", PerceptualHash(*kind, (code,))) for n, code in enumerate(codes)]
withdrawn = section.ids(0, added)
begun = time.perf_counter()
matcher.replace(hash_list.apply(entries, withdrawn))
print(json.dumps([1024 * int(resident), time.perf_counter() - begun]))
"""
Made = TypeVar("Made")


def timed(make: Callable[[], Made]) -> tuple[Made, float]:
    """Return what a function makes, and how many seconds it took."""
    begun = time.perf_counter()
    made = make()
    return made, time.perf_counter() - begun


def of_the_index(options: argparse.Namespace, rng: np.random.Generator) -> dict[str, Any]:
    """Build an index, change it, and compare the answers with those of a scan."""
    codes = rng.integers(0, 2**64, (options.entries, 1), dtype=np.uint64)
    added = rng.integers(0, 2**64, (ADDED, 1), dtype=np.uint64)
    withdrawn = rng.integers(0, options.entries, ADDED)

    base, built = timed(lambda: MultiIndex(codes))
    index_bytes = codes.nbytes + sum(table.nbytes for table in base.tables().values())
    updated, changed = timed(lambda: UpdatedIndex(base, LinearIndex(added), withdrawn))

    queries = np.concatenate([added[: QUERIES // 2], codes[withdrawn[: QUERIES // 2]]])
    rows = np.setdiff1d(np.arange(options.entries), withdrawn)
    fresh = LinearIndex(np.concatenate([codes[rows], added]))
    numbers = np.concatenate([rows, options.entries + np.arange(ADDED)])
    expected = fresh.search(queries, RADIUS)
    got = updated.search(queries, RADIUS)
    assert np.array_equal(got.query, expected.query), "the answers differ"
    assert np.array_equal(got.row, numbers[expected.row]), "the answers differ"

    return {
        "build_seconds": round(built, 3),
        "bytes_per_entry": round(index_bytes / options.entries, 2),
        "added_and_withdrawn": ADDED,
        "update_ms": round(changed * 1e3, 3),
        "us_per_query": round(timed(lambda: base.search(queries, RADIUS))[1] / QUERIES * 1e6, 1),
        "us_per_query_updated": round(
            timed(lambda: updated.search(queries, RADIUS))[1] / QUERIES * 1e6, 1
        ),
    }


def of_the_file(options: argparse.Namespace, rng: np.random.Generator) -> dict[str, Any]:
    """Compile a text list with ids and labels, open it, and scan one picture against it."""
    with tempfile.TemporaryDirectory() as folder:
        text, compiled = Path(folder) / "list.txt", Path(folder) / "list.hml"
        with text.open("w", encoding="utf-8") as stream:
            stream.write("# algorithm: phash\n")
            for first in range(0, options.entries, 1 << 20):
                count = min(1 << 20, options.entries - first)
                codes = rng.integers(0, 2**64, count, dtype=np.uint64).tolist()
                stream.writelines(
                    f"{code:016x} synth-{number:08d} random\n"
                    for number, code in enumerate(codes, first)
                )
        text.chmod(0o600)
        _, seconds = timed(lambda: run("list", "compile", str(text), "-o", str(compiled)))
        ask = [sys.executable, "-c", ASK, str(compiled), str(options.seed), str(ADDED)]
        told = subprocess.run(ask, capture_output=True, check=True).stdout
        resident, applied = json.loads(told)
        scan = ["scan", str(PICTURE), "--list", str(compiled), "--format", "jsonl"]
        taken = [timed(lambda: run(*scan)) for _ in range(ROUNDS)]
        assert all(json.loads(out.splitlines()[-1])["files"] == 1 for out, _ in taken)
        return {
            "compiled_from_text_seconds": round(seconds, 2),
            "file_bytes_per_entry": round(compiled.stat().st_size / options.entries, 2),
            "resident_bytes_per_entry_after_10000_queries": round(resident / options.entries, 2),
            "apply_and_replace_ms": round(applied * 1e3, 1),
            "scan_of_one_picture_seconds": round(min(took for _, took in taken), 3),
        }


def run(*arguments: str) -> bytes:
    """Run hashmatch in a separate process. With or without a match is fine."""
    ended = subprocess.run([*HASHMATCH, *arguments], capture_output=True, check=False)
    assert ended.returncode in (0, 1), ended.stderr.decode()
    return ended.stdout


def main() -> None:
    """Measure both, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    results = {"entries": options.entries, **of_the_index(options, rng)}
    results |= of_the_file(options, rng)
    for name, value in results.items():
        print(f"{name}: {value:,}")
    print(f"saved as {record.save('lookup-size', options.seed, results)}")


if __name__ == "__main__":
    main()
