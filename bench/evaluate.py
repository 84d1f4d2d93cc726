"""Measure how long an evaluation takes and how much memory it needs.

    python bench/evaluate.py [--pictures N] [--transforms N] [--negatives N] [--jobs N] [--seed S]

It times a whole evaluation of generated one-megapixel JPEGs, and the negatives alone: all pairs of
many more pictures, with random hashes in families of look-alikes.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Self

import numpy as np

import record
from hashmatch.evaluate import TRANSFORMS, EvaluationSettings, analyse, evaluate
from hashmatch.evaluate.gather import Measurements
from hashmatch.evaluate.identity import identify
from hashmatch.evaluate.pictures import hashed_kinds

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))
from textures import texture

SIZE = (1160, 870)


def resident() -> int:
    """Memory of this process and all its descendants, in bytes; shared pages count in each."""
    parents, sizes = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = dict(
                line.split(":", 1) for line in (folder / "status").read_text().splitlines()
            )
        except OSError:
            continue
        number = int(folder.name)
        parents[number] = int(status["PPid"])
        sizes[number] = 1024 * int(status.get("VmRSS", "0 kB").split()[0])
    ours = {os.getpid()}
    while more := {one for one, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return sum(sizes.get(number, 0) for number in ours)


def cpu_seconds() -> float:
    """CPU time of this process and its ended children. Other load hardly affects it."""
    return sum(os.times()[:4])


class Watch:
    """Records the largest sum of memory seen while it runs."""

    def __init__(self) -> None:
        self.peak = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.2):
            self.peak = max(self.peak, resident())


def save(path: Path, seed: int) -> None:
    """Generate a one-megapixel picture, and save it as JPEG."""
    texture(seed, *SIZE, roughness=0.66).save(path, quality=88)


def whole(pictures: int, transforms: int, jobs: int, seed: int) -> dict[str, float]:
    """Time an evaluation of one-megapixel pictures."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number:05}.jpg" for number in range(pictures)]
        with ProcessPoolExecutor(jobs) as pool:
            list(pool.map(save, paths, range(1_000_000 * seed, 1_000_000 * seed + pictures)))
        # Evenly spread over all, so that costly and cheap ones are both included
        names = list(TRANSFORMS)
        chosen = tuple(names[number * len(names) // transforms] for number in range(transforms))
        with Watch() as watch:
            begun, worked = time.perf_counter(), cpu_seconds()
            evaluate([folder], EvaluationSettings(transforms=chosen), jobs=jobs)
            seconds, worked = time.perf_counter() - begun, cpu_seconds() - worked
    return {
        "pictures": pictures,
        "transforms": transforms,
        "jobs": jobs,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(worked, 1),
        "peak_megabytes": round(watch.peak / 1e6),
    }


def negatives(pictures: int, seed: int) -> dict[str, float]:
    """Time comparing all pairs of many pictures, from hashes to figures."""
    rng = np.random.default_rng(seed)
    settings = EvaluationSettings()
    kinds = hashed_kinds(settings)
    families = rng.integers(0, pictures, pictures)
    codes = {}
    for kind in kinds:
        centres = rng.integers(0, 2**64, (pictures, kind.words), dtype=np.uint64)
        flips = rng.random((pictures, kind.bits)) < 0.25
        codes[kind] = centres[families] ^ np.packbits(flips, axis=1).view(">u8").astype(np.uint64)
    measured = Measurements(
        names=tuple(b"%d" % number for number in range(pictures)),
        digests=tuple(f"{number:064x}" for number in range(pictures)),
        kinds=settings.kinds,
        transforms=settings.transforms,
        entries=codes,
        queries={kind: codes[kind] for kind in settings.kinds},
        owner=np.arange(pictures),
        further=np.zeros(pictures, dtype=np.bool_),
        variant=np.zeros((0, 2), dtype=np.int64),
        stored=np.zeros(0, dtype=np.bool_),
        variant_further=np.zeros(0, dtype=np.bool_),
        distance=np.zeros((0, len(settings.kinds)), dtype=np.uint16),
    )
    begun, worked = time.perf_counter(), cpu_seconds()
    identities = identify(measured, settings.seed)
    copies = time.perf_counter() - begun
    analyse(measured, identities, settings)
    return {
        "pictures": pictures,
        "copies_seconds": round(copies, 2),
        "seconds": round(time.perf_counter() - begun, 2),
        "cpu_seconds": round(cpu_seconds() - worked, 2),
        "peak_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
    }


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=1_000)
    parser.add_argument("--transforms", type=int, default=30)
    parser.add_argument("--negatives", type=int, default=20_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    results = {}
    if options.negatives:
        results["negatives"] = negatives(options.negatives, options.seed)
        print(results["negatives"])
    if options.pictures:
        results["whole"] = whole(options.pictures, options.transforms, options.jobs, options.seed)
        print(results["whole"])
    print(f"saved as {record.save('evaluate', options.seed, results)}")


if __name__ == "__main__":
    main()
