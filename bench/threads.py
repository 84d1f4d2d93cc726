"""Measures how fast several threads match small pictures in one process.

::

    python bench/threads.py [--rounds N] [--urgent] [--seed S]

The same pictures are matched without worker processes, by one thread, two and eight in turns. The
shortest time counts. ``--urgent`` asks for real-time priority, which needs root: on a busy machine,
more threads otherwise get more of the processor than one.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import record
from hashmatch import Entry, HashList, Matcher, PerceptualHash

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))
from textures import texture

SIZES = ((200, 200), (500, 375), (1000, 750))
THREADS = (1, 2, 8)
PICTURES = 64


def encoded(seed: int, size: tuple[int, int]) -> bytes:
    """A JPEG."""
    stream = io.BytesIO()
    texture(seed, *size).save(stream, "JPEG", quality=85)
    return stream.getvalue()


def run(matcher: Matcher, pictures: list[bytes], threads: int) -> tuple[float, float]:
    """Match all pictures; return milliseconds a picture, and those of the processor."""
    began, used = time.perf_counter(), time.process_time()
    if threads == 1:
        for picture in pictures:
            matcher.match(picture)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(matcher.match, pictures))
    spent = time.perf_counter() - began, time.process_time() - used
    return spent[0] / len(pictures) * 1e3, spent[1] / len(pictures) * 1e3


def main() -> None:
    """Match, and save the results."""
    parser = argparse.ArgumentParser(description="Match small pictures by several threads.")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--urgent", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    if asked.urgent:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(20))
    codes = np.random.default_rng(asked.seed).integers(0, 2**64, 10_000, dtype=np.uint64)
    hashes = (PerceptualHash.from_hex(f"{int(code):016x}") for code in codes)
    entries = [Entry(f"e{number}", each) for number, each in enumerate(hashes)]
    matcher = Matcher(HashList.from_entries(entries), isolate=False)
    results: dict[str, Any] = {"rounds": asked.rounds, "urgent": asked.urgent}
    for size in SIZES:
        pictures = [encoded(asked.seed * PICTURES + number, size) for number in range(PICTURES)]
        times: dict[int, list[tuple[float, float]]] = {}
        run(matcher, pictures, THREADS[-1])
        for _ in range(asked.rounds):
            for threads in THREADS:
                times.setdefault(threads, []).append(run(matcher, 2 * pictures, threads))
        for threads, took in times.items():
            elapsed, cpu = (round(min(each), 2) for each in zip(*took, strict=True))
            name = f"{size[0]} x {size[1]}, threads: {threads}"
            results[name] = {"ms": elapsed, "cpu_ms": cpu}
            print(f"{name}: {elapsed} ms a picture, {cpu} of the processor", flush=True)
    print(record.save("threads", asked.seed, results))


if __name__ == "__main__":
    main()
