"""Measures how much faster a second scan of unchanged files is, and how many files it opens.

::

    python bench/rescan.py [--files N] [--jobs N] [--seed N]

The command scans small JPEGs without a state, then with a new one, and then three times again with
that one, of which the shortest counts. Each scan is timed from start to end. If strace is
installed, another one runs under it, to count the files that any of its processes opens.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import record

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))
from textures import texture

SIZE = (200, 200)
DIFFERENT = 300
"""Different pictures; other files differ in bytes after the picture, so each is decoded."""

LONG_AGO = time.time() - 3600


def make_files(root: Path, count: int, seed: int) -> int:
    """Write the files, a thousand per folder, and return their size in bytes."""
    pictures = []
    for number in range(DIFFERENT):
        stream = io.BytesIO()
        texture(seed * DIFFERENT + number, *SIZE).save(stream, "JPEG", quality=85)
        pictures.append(stream.getvalue())
    total = 0
    for number in range(count):
        path = root / f"{number // 1000:04d}" / f"{number:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        total += path.write_bytes(pictures[number % DIFFERENT] + number.to_bytes(4, "big"))
        os.utime(path, (LONG_AGO, LONG_AGO))
    return total


def run(folder: Path, jobs: int, *before: str, state: bool = True) -> dict[str, Any]:
    """Scan once, and return the time it took."""
    command = [*before, sys.executable, "-m", "hashmatch", "scan", str(folder / "files")]
    command += ["--list", str(folder / "list.txt")]
    command += ["--state", str(folder / "scan.db")] if state else []
    command += ["--format", "jsonl", "--output", str(folder / "out.jsonl"), "--jobs", str(jobs)]
    earlier = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    environment = {**os.environ}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # or each start would compile everything again
    subprocess.run([*command, "--quiet"], check=True, env=environment)
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime - earlier.ru_utime - earlier.ru_stime
    return {"seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2)}


def opened(folder: Path, jobs: int) -> int | None:
    """Count the files of the folder that a scan opens; None if strace is not installed."""
    if shutil.which("strace") is None:
        return None
    log = folder / "strace.log"
    run(folder, jobs, "strace", "-f", "-qq", "-e", "trace=open,openat,openat2", "-o", str(log))
    return sum(b'.jpg"' in line for line in log.open("rb"))


def main() -> None:
    """Make the files, scan them, and save the results."""
    parser = argparse.ArgumentParser(description="Scan files twice with one state.")
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = make_files(folder / "files", asked.files, asked.seed)
        list_path = folder / "list.txt"
        list_path.write_text("# algorithm: phash\n# name: far\n0123456789abcdef far\n")
        list_path.chmod(0o600)
        without = run(folder, asked.jobs, state=False)
        first = run(folder, asked.jobs)
        before = (folder / "out.jsonl").read_bytes().splitlines()[:-1]
        again = [run(folder, asked.jobs) for _ in range(3)]
        second = {name: min(each[name] for each in again) for name in again[0]}
        after = (folder / "out.jsonl").read_bytes().splitlines()[:-1]
        results = {
            "files": asked.files,
            "bytes": size,
            "jobs": asked.jobs,
            "without_a_state": without,
            "first": first,
            "state_adds_cpu": round(first["cpu_seconds"] / without["cpu_seconds"] - 1, 3),
            "second": second,
            "times_as_fast": round(first["seconds"] / second["seconds"], 1),
            "times_less_cpu": round(first["cpu_seconds"] / second["cpu_seconds"], 1),
            "same_records": before == after,
            "opened_by_the_second": opened(folder, asked.jobs),
            "state_mib": round((folder / "scan.db").stat().st_size / 2**20),
        }
    print(results)
    print(record.save("rescan", asked.seed, results))


if __name__ == "__main__":
    main()
