"""Measures a scan of one small file, from the start of the command to its end.

::

    python bench/startup.py [--rounds N] [--before COMMIT] [--urgent] [--seed S]

The lists are one of four entries, and one of 10,000 as text and compiled. All scans take turns for
several rounds, and the shortest time counts. The package is copied and compiled to bytecode first,
as installers do. ``--before`` measures another commit as well. ``--urgent`` asks the system for
real-time priority, which on a busy machine comes near what a quiet one shows; it needs root.
"""

from __future__ import annotations

import argparse
import compileall
import io
import os
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import record
from hashmatch import HashList
from hashmatch.hashlist.operations import compile_list

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))
from textures import texture

TOP = Path(__file__).resolve().parent.parent


def sources(folder: Path, before: str | None) -> dict[str, Path]:
    """Copies of the package, compiled, by name."""
    found = {"now": folder / "now"}
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(TOP / "src", found["now"] / "src", ignore=unwanted)
    if before is not None:
        found["before"] = folder / "before"
        packed = subprocess.run(
            ["git", "-C", TOP, "archive", before, "src"], capture_output=True, check=True
        )
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as tar:
            tar.extractall(found["before"], filter="data")
    for path in found.values():
        compileall.compile_dir(path, quiet=1)
    return {name: path / "src" for name, path in found.items()}


def lists(folder: Path, seed: int) -> dict[str, Path]:
    """Hash lists, by name."""
    rng = np.random.default_rng(seed)
    found = {}
    for count in (4, 10_000):
        lines = [
            f"{algorithm}:{int(code):016x} {algorithm}-{number}\n"
            for algorithm in ("phash", "dhash")
            for number, code in enumerate(rng.integers(0, 2**64, count // 2, dtype=np.uint64))
        ]
        found[f"{count} entries"] = path = folder / f"{count}.txt"
        path.write_text("".join(lines))
        path.chmod(0o600)
    found["10000 entries, compiled"] = folder / "compiled"
    compile_list(HashList.load(path), folder / "compiled")
    return found


def run(source: Path, hash_list: Path, picture: Path, *, urgent: bool) -> tuple[float, float]:
    """Scan once; return the seconds that it took, and those of the processor."""
    command = [sys.executable, "-m", "hashmatch", "scan", picture, "--list", hash_list, "--quiet"]
    earlier = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": str(source)},
        stdout=subprocess.DEVNULL,
        preexec_fn=_hurry if urgent else None,
        check=True,
    )
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, used.ru_utime + used.ru_stime - earlier.ru_utime - earlier.ru_stime


def _hurry() -> None:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))


def main() -> None:
    """Make the lists and the picture, scan it again and again, and save the results."""
    parser = argparse.ArgumentParser(description="Scan one file.")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--before", metavar="COMMIT")
    parser.add_argument("--urgent", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    times: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        picture = folder / "one.jpg"
        texture(asked.seed, 640, 480).save(picture, "JPEG", quality=85)
        packages, hash_lists = sources(folder, asked.before), lists(folder, asked.seed)
        for _ in range(asked.rounds):
            for version, source in packages.items():
                for kind, path in hash_lists.items():
                    took = run(source, path, picture, urgent=asked.urgent)
                    times.setdefault(f"{version}, {kind}", []).append(took)
    results: dict[str, Any] = {"rounds": asked.rounds, "urgent": asked.urgent}
    for name, took in times.items():
        seconds, cpu = (round(min(values), 3) for values in zip(*took, strict=True))
        results[name] = {"seconds": seconds, "cpu_seconds": cpu}
        print(f"{name}: {seconds} s, {cpu} s of the processor")
    print(record.save("startup", asked.seed, results))


if __name__ == "__main__":
    main()
