"""Measures what the sandbox's walls cost: to start a worker, to examine a file, to start a scan.

::

    python bench/sandbox.py [--files N] [--rounds N] [--old FOLDER]

Walls on and walls off take turns, so that a busy machine slows both down. ``--old`` is the ``src``
folder of an earlier version, which takes turns too. Figures are CPU times of all processes,
medians of the rounds; the start of a scan is also timed by the clock, its quickest round.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import record
from rescan import make_files

SOURCE = Path(__file__).resolve().parent.parent / "src"
STARTS = 20

_CHILD = """
import json, os, resource, signal, sys, time
from pathlib import Path
folder, walls, starts = sys.argv[1], sys.argv[2], int(sys.argv[3])
try:
    from hashmatch.examine.sandbox import Job, Pool, WorkerLimits
    from hashmatch.options import ExamineOptions
    make = lambda: Pool(1, WorkerLimits(sandbox=walls))
except ImportError:  # an earlier version
    from hashmatch.model import ExamineOptions
    from hashmatch.workers import Job, Pool
    make = lambda: Pool(1)
from hashmatch.model import HashKind

def cpu():
    of = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(sum(resource.getrusage(one)[:2]) for one in of)

def examine(pool, paths):
    files = iter(paths)
    more, done = True, 0
    while more or pool.busy:
        while more and pool.hungry:
            path = next(files, None)
            if path is None:
                more = False
                break
            pool.submit(Job(os.open(path, os.O_RDONLY)))
        for reply in pool.poll(5):
            os.close(reply.job.descriptor)
            done += 1
    return done

options = ExamineOptions(
    kinds=(HashKind("phash", 64), HashKind("dhash", 64)), digests=("sha256",), fast=True
)
paths = sorted(Path(folder).rglob("*.jpg"))

def whole(paths, kills):
    before, began = cpu(), time.perf_counter()
    with make().configure(options) as pool:
        examine(pool, paths[:1])
        for _ in range(kills):
            os.kill(pool._workers[0].pid, signal.SIGKILL)
            examine(pool, paths[:1])
        examine(pool, paths[1:])
    return cpu() - before, time.perf_counter() - began

base, _ = whole(paths[:1], 0)
starting, _ = whole(paths[:1], starts)
cost, wall = whole(paths, 0)
print(json.dumps({
    "worker_ms": (starting - base) / starts * 1000,
    "file_ms": (cost - base) / (len(paths) - 1) * 1000,
    "files_per_second": len(paths) / wall,
}))
"""


def _environment(source: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(source)}


def measure(source: Path, walls: str, files: Path) -> dict[str, float]:
    """One round: the costs of a pool, in a separate process."""
    command = [sys.executable, "-c", _CHILD, str(files), walls, str(STARTS)]
    done = subprocess.run(command, env=_environment(source), capture_output=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found | start_of_scan(source, walls, files)


def start_of_scan(source: Path, walls: str, files: Path) -> dict[str, float]:
    """Scan one file with the command, from start to end."""
    one = next(files.rglob("*.jpg"))
    command = [sys.executable, "-m", "hashmatch", "scan", str(one), "--jobs", "2", "-q"]
    command += ["--list", str(files.parent / "list.txt")]
    if source == SOURCE:
        command += ["--sandbox", walls]
    earlier = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run(command, env=_environment(source), capture_output=True, check=False)
    spent = time.perf_counter() - began
    later = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "scan_ms": spent * 1000,
        "scan_cpu_ms": sum(late - early for late, early in zip(later[:2], earlier[:2], strict=True))
        * 1000,
    }


def main() -> None:
    """Measure, print and save."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--old", type=Path)
    asked = parser.parse_args()
    ways = [("best", SOURCE, "best"), ("off", SOURCE, "off")]
    if asked.old is not None:
        ways.append(("earlier version", asked.old.resolve(), "best"))
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name, _, _ in ways}
    with tempfile.TemporaryDirectory() as made:
        files = Path(made, "files")
        make_files(files, asked.files, seed=1)
        Path(made, "list.txt").write_text("# algorithm: phash\n0123456789abcdef a\n")
        for _ in range(asked.rounds):
            for name, source, walls in ways:
                rounds[name].append(measure(source, walls, files))
    results: dict[str, Any] = {"files": asked.files, "rounds": asked.rounds}
    for name, found in rounds.items():
        results[name] = {
            figure: round(
                (min if figure == "scan_ms" else statistics.median)(one[figure] for one in found), 3
            )
            for figure in found[0]
        }
        print(f"{name:<16}", results[name])
    record.save("sandbox", 1, results)


if __name__ == "__main__":
    main()
