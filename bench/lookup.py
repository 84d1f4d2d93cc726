"""Measures lookups: hashmatch's indexes beside those of other packages, on one thread.

    python bench/lookup.py [--table | --edges] [--only NAME ...] [--against PATTERN]
        [--least N] [--most N] [--seed N]

Every contestant of ``bench/lookup_contestants`` runs in a separate process. It must find all
entries within a radius, and its answers must equal those of ``LinearIndex`` before it is timed. All
take turns for several rounds, so all meet the same noise, and the shortest time counts. Times are
processor time, so a busy machine matters little. A contestant that is not installed is reported as
missing, with the command to install it.

Half of the queries of random lists lie near an entry, and all queries of lists of real pictures do.
The hashes of the latter are in the folder that ``HASHMATCH_CROPS`` names.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import record
from hashmatch.index import LinearIndex

HERE = Path(__file__).resolve().parent
CROPS = Path(os.environ.get("HASHMATCH_CROPS", HERE))
"""The folder of ``phash-crops-250k.npy`` and ``dhash-crops-250k.npy``: hashes of real pictures, as
uint64. Lists of these are left out where the files are missing."""

ROUNDS = 3
BATCHES = (1, 16, 256)
QUERIES = 256
TOO_LONG = 1.0
"""A contestant that needs more seconds than this for all queries is not timed again, nor at larger
radii; that one time is its result."""


@dataclass(frozen=True)
class Dataset:
    """A list of hashes, and the radii to search it with.

    Attributes:
        name: in results.
        entries: how many hashes.
        bits: of each.
        radii: in bits.
        batches: queries a call.
        needed: the contestants that matter; None for all.
    """

    name: str
    entries: int
    bits: int
    radii: tuple[int, ...]
    batches: tuple[int, ...] = BATCHES
    needed: re.Pattern[str] | None = None

    def make(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray] | None:
        """Entries and queries; None if the data is missing."""
        words = self.bits // 64
        if self.name.endswith("crops"):
            path = CROPS / f"{self.name}-250k.npy"
            if not path.exists():
                return None
            codes = np.load(path)[: self.entries, None].copy()
            return codes, disturbed(codes[rng.integers(0, len(codes), QUERIES)], 6, rng)
        codes = rng.integers(0, 2**64, (self.entries, words), dtype=np.uint64)
        if self.name == "clustered":
            # 1 to 50 variants of each original, all within 6 bits of it
            variants = rng.integers(1, 51, self.entries)
            original = np.repeat(np.arange(self.entries), variants)[: self.entries]
            codes = disturbed(codes[rng.permutation(original)], 6, rng)
        queries = rng.integers(0, 2**64, (QUERIES, words), dtype=np.uint64)
        queries[::2] = codes[rng.integers(0, len(codes), QUERIES // 2)]
        queries[::2] = disturbed(queries[::2], 6, rng)
        return codes, queries


OURS_AND_FAISS = re.compile("ours_|faiss")
OURS = re.compile("ours_")
HASHED = re.compile("ours_auto|ours_linear|faiss_multihash")
SCANS = re.compile("ours_auto|ours_linear|faiss_flat")
EVERY = (0, 2, 4, 6, 8, 10, 12, 14, 16)
TABLE = (
    Dataset("uniform", 10**3, 64, (8,), (1,), OURS),
    Dataset("phash-crops", 250_000, 64, (8,), (64,), OURS_AND_FAISS),
    Dataset("dhash-crops", 250_000, 64, (4,), (64,), OURS_AND_FAISS),
    Dataset("uniform", 10**6, 64, (8,), (1, 64), OURS_AND_FAISS),
    Dataset("uniform", 10**6, 256, (31,), (64,), OURS_AND_FAISS),
    Dataset("uniform", 10**7, 64, (8,), (64,), OURS_AND_FAISS),
)
EDGES = (
    Dataset("uniform", 10**4, 64, (0,), (1, 16, 64, 256), HASHED),
    Dataset("uniform", 10**6, 64, (0,), (1, 16, 64, 256), HASHED),
    Dataset("uniform", 10**6, 256, (0,), (1, 16, 64, 256), HASHED),
    Dataset("uniform", 10**6, 64, (16,), (1, 64), SCANS),
    Dataset("dhash-crops", 250_000, 64, (12,), (1, 64), SCANS),
    Dataset("uniform", 10**4, 256, (90,), (1, 64), SCANS),
    Dataset("uniform", 10**6, 256, (90,), (1, 64), SCANS),
)
"""The radii at which a hash table or a scan of the whole list is the fastest."""

GRID = (
    *(Dataset("uniform", 10**power, 64, EVERY) for power in (3, 4, 5, 6)),
    *(Dataset("clustered", 10**power, 64, EVERY) for power in (4, 5, 6)),
    Dataset("phash-crops", 250_000, 64, EVERY),
    Dataset("dhash-crops", 250_000, 64, EVERY),
    *(Dataset("uniform", 10**power, 256, (8, 16, 31)) for power in (4, 5, 6)),
    Dataset("clustered", 10**5, 256, (8, 16, 31)),
    Dataset("uniform", 10**7, 64, (0, 4, 8, 12), needed=OURS_AND_FAISS),
    Dataset("clustered", 10**7, 64, (0, 4, 8, 12), needed=OURS_AND_FAISS),
)


REFERENCES = ("hashmatch auto", "hashmatch linear")
"""Contestants that are always timed, because all others are compared with them."""


def disturbed(codes: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Copies of hashes, each with 0 to ``most`` bits flipped."""
    codes = codes.copy()
    flips = rng.integers(0, most + 1, len(codes))
    for flip in range(most):
        some = np.flatnonzero(flips > flip)
        bit = rng.integers(0, 64, len(some)).astype(np.uint64)
        codes[some, rng.integers(0, codes.shape[1], len(some))] ^= np.uint64(1) << bit
    return codes


class Worker:
    """A contestant's process."""

    def __init__(self, module: str, variant: str, name: str, folder: Path) -> None:
        self.name = f"{name} {variant}".strip()
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        self._process = subprocess.Popen(
            [
                sys.executable,
                str(HERE / "lookup_contestants"),
                module,
                variant,
                str(folder / "codes.npy"),
                str(folder / "queries.npy"),
            ],
            env=os.environ | dict.fromkeys(names, "1"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.build_seconds = self._hear()["build_seconds"]

    def _hear(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} has ended: {self._process.wait()}")
        return json.loads(line)

    def ask(self, do: str, **order: Any) -> dict[str, Any]:
        """Send a request and return the answer."""
        self._process.stdin.write(json.dumps({"do": do, **order}) + "\n")
        self._process.stdin.flush()
        return self._hear()

    def end(self) -> float:
        """End the process, and return its peak memory in MB."""
        peak = self.ask("memory")["peak_mb"]
        self._process.stdin.close()
        self._process.wait()
        return peak


def contestants() -> dict[str, tuple[str, str, int]]:
    """Each module's name, install command and limit, read without importing what it needs."""
    found = {}
    for path in sorted((HERE / "lookup_contestants").glob("[a-z]*.py")):
        text = path.read_text(encoding="utf-8")
        name, install = (
            re.search(rf'^{key} = "(.*)"$', text, re.MULTILINE)[1] for key in ("NAME", "INSTALL")
        )
        base, power = re.search(r"^LIMIT = (\d+)\*\*(\d+)$", text, re.MULTILINE).groups()
        found[path.stem] = name, install, int(base) ** int(power)
    return found


def start(dataset: Dataset, folder: Path, missing: dict[str, str]) -> list[Worker]:
    """Start a worker for each contestant that can take part, one after the other."""
    workers = []
    for module, (name, install, limit) in contestants().items():
        if dataset.entries > limit or (dataset.needed and not dataset.needed.match(module)):
            continue
        try:
            loaded = importlib.import_module(f"lookup_contestants.{module}")
        except ImportError:
            missing[name] = install
            continue
        workers += [
            Worker(module, variant, name, folder) for variant in loaded.variants(dataset.bits)
        ]
    return workers


def run(dataset: Dataset, seed: int, missing: dict[str, str]) -> list[dict[str, Any]]:
    """Measure all cells of a dataset, with a row for each contestant."""
    made = dataset.make(np.random.default_rng(seed))
    if made is None:
        print(f"{dataset.name}: not there, skipped")
        return []
    codes, queries = made
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "codes.npy", codes)
        np.save(folder / "queries.npy", queries)
        workers = start(dataset, folder, missing)
        asked = workers
        for radius in dataset.radii:
            found, asked = ask_all(dataset, radius, LinearIndex(codes), queries, asked, folder)
            rows += found
        peaks = {worker.name: worker.end() for worker in workers}
    for row in rows:
        row["peak_mb"] = round(peaks[row["contestant"]])
    return rows


def ask_all(
    dataset: Dataset,
    radius: int,
    oracle: LinearIndex,
    queries: np.ndarray,
    workers: list[Worker],
    folder: Path,
) -> tuple[list[dict[str, Any]], list[Worker]]:
    """Measure one radius: compare all answers, time all in turns, and decide who goes on."""
    hits = oracle.search(queries, radius)
    np.save(folder / "answers.npy", np.sort(hits.query << 32 | hits.row))
    running = []
    prepared: dict[str, float] = {}
    slow: dict[str, float] = {}
    for worker in workers:
        found = worker.ask("check", radius=radius, answers=str(folder / "answers.npy"))
        if not found["same"]:
            raise RuntimeError(f"{worker.name} gives different answers: {dataset}, radius {radius}")
        prepared[worker.name] = found["prepare_seconds"]
        if found["seconds"] < TOO_LONG or worker.name in REFERENCES:
            running.append(worker)
        else:
            slow[worker.name] = found["seconds"] / len(queries)
    rows = []
    for batch in dataset.batches:
        best = {worker.name: float("inf") for worker in running}
        for _ in range(ROUNDS):
            for worker in running:
                took = worker.ask("time", radius=radius, batch=batch)["seconds"]
                best[worker.name] = min(best[worker.name], took)
        best |= slow if batch == QUERIES else {}
        rows += [
            {
                "data": dataset.name,
                "entries": dataset.entries,
                "bits": dataset.bits,
                "radius": radius,
                "batch": batch,
                "contestant": worker.name,
                "us_per_query": round(best[worker.name] * 1e6, 2),
                "hits_per_query": round(len(hits.row) / len(queries), 2),
                "build_seconds": round(worker.build_seconds + prepared[worker.name], 3),
            }
            for worker in workers
            if worker.name in best
        ]
        report(rows[-len(best) :])
    return rows, running


def report(rows: list[dict[str, Any]]) -> None:
    """Print one cell, and how our own choice compares."""
    cell = {row["contestant"]: row["us_per_query"] for row in rows}
    first = rows[0]
    auto = cell["hashmatch auto"]
    peers = {name: took for name, took in cell.items() if not name.startswith("hashmatch")}
    best = min(peers, key=peers.get, default=None)
    print(
        f"{first['data']} {first['entries']:,} x {first['bits']} bits, radius {first['radius']}, "
        f"batch {first['batch']}, {first['hits_per_query']} hits a query: auto {auto:.1f} us, "
        f"{cell['hashmatch linear'] / auto:.2f} x linear"
        + (f", {peers[best] / auto:.2f} x the best peer, {best}" if best else ""),
        flush=True,
    )


def main() -> None:
    """Run the requested datasets, and save the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="only the cells with a target")
    parser.add_argument("--edges", action="store_true", help="only radius 0 and very large ones")
    parser.add_argument("--only", action="append", help="only datasets of this name")
    parser.add_argument("--against", help="only contestants whose module matches this pattern")
    parser.add_argument("--least", type=int, default=0, help="only lists from this size on")
    parser.add_argument("--most", type=int, default=10**7, help="only lists up to this size")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    asked = TABLE if options.table else EDGES if options.edges else GRID
    if options.against:
        needed = re.compile(options.against)
        asked = tuple(replace(dataset, needed=needed) for dataset in asked)
    some = options.only or options.against or options.least or options.most < 10**7
    name = "lookup-part" if some else "lookup"
    name = "lookup-table" if options.table else "lookup-edges" if options.edges else name
    missing: dict[str, str] = {}
    rows: list[dict[str, Any]] = []
    for dataset in asked:
        size = options.least <= dataset.entries <= options.most
        if size and dataset.name in (options.only or [dataset.name]):
            rows += run(dataset, options.seed, missing)
            path = record.save(name, options.seed, {"missing": missing, "cells": rows})
            print(f"saved as {path}")
    for name, install in missing.items():
        print(f"missing: {name}; {install}")


if __name__ == "__main__":
    main()
