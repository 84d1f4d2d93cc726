"""Measures what it costs to look files up by exact digest as well.

    python bench/digests.py [--pictures N] [--jobs N] [--rounds N] [--seed S]

It scans generated JPEGs of 2 megapixels with the command and a list of pHash entries, and then
again with entries of MD5, SHA-1 or SHA-256 on the list, or all three. Scans take turns, and the
shortest of each counts. All must find the same pictures before a figure is printed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import record

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))
from textures import texture

SIZE = (1600, 1200)
ROUGHNESS = 0.8  # makes files as large as photographs at quality 85
ENTRIES = 1000
TARGET = 0.15
"""How much longer a scan may take, as a share."""

WITH = {"none": (), **{name: (name,) for name in ("md5", "sha1", "sha256")}}
WITH["all three"] = ("md5", "sha1", "sha256")


def make_pictures(folder: Path, count: int, seed: int) -> int:
    """Write the pictures, and return their bytes."""
    folder.mkdir()
    total = 0
    for number in range(count):
        path = folder / f"{number:05}.jpg"
        picture = texture(seed * 1_000_003 + number, *SIZE, roughness=ROUGHNESS)
        picture.save(path, "JPEG", quality=85)
        total += path.stat().st_size
    return total


def make_list(path: Path, algorithms: tuple[str, ...], first: Path, seed: int) -> None:
    """Write random entries, and the digests of one picture."""
    rng = np.random.default_rng(seed)
    lines = [f"phash:{rng.bytes(8).hex()} p{number}" for number in range(ENTRIES)]
    for name in algorithms:
        width = hashlib.new(name).digest_size
        lines += [f"{name}:{rng.bytes(width).hex()} {name}{number}" for number in range(ENTRIES)]
        lines.append(f"{name}:{hashlib.new(name, first.read_bytes()).hexdigest()} {name}-first")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def scan(folder: Path, name: str, jobs: int) -> tuple[float, float, list[Any]]:
    """Scan once, and return seconds, CPU seconds, and what was found for each picture."""
    command = [sys.executable, "-m", "hashmatch", "scan", str(folder / "pictures"), "--quiet"]
    command += ["--list", str(folder / name), "--format", "jsonl", "--jobs", str(jobs)]
    earlier = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    output = subprocess.run(command, check=False, stdout=subprocess.PIPE).stdout
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime - earlier.ru_utime - earlier.ru_stime
    told = [json.loads(line) for line in output.splitlines()]
    found = [(each["path"], [m["algorithm"] for m in each["matches"]]) for each in told[:-1]]
    return seconds, cpu, found


def main() -> None:
    """Make the pictures, scan them in turns, and keep the results."""
    parser = argparse.ArgumentParser(description="Measure what exact digests cost a scan.")
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in WITH}
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        total = make_pictures(folder / "pictures", options.pictures, options.seed)
        first = folder / "pictures" / "00000.jpg"
        for name, algorithms in WITH.items():
            make_list(folder / name, algorithms, first, options.seed)
        for _ in range(options.rounds):
            for name, algorithms in WITH.items():
                seconds, cpu, found = scan(folder, name, options.jobs)
                wanted = [sorted(algorithms), *([[]] * (options.pictures - 1))]
                if [sorted(algorithm) for _, algorithm in found] != wanted:
                    raise RuntimeError(f"{name}: found different pictures")
                times[name].append((seconds, cpu))
    best = {name: min(all_of) for name, all_of in times.items()}
    rows = {}
    for name, (seconds, _) in best.items():
        cpu = min(cpu for _, cpu in times[name])
        more = seconds / best["none"][0] - 1
        more_cpu = cpu / min(cpu for _, cpu in times["none"]) - 1
        rows[name] = {"seconds": round(seconds, 3), "cpu_seconds": round(cpu, 3)}
        rows[name] |= {"more": round(more, 3), "more_cpu": round(more_cpu, 3)}
        print(
            f"{name}: {seconds:.2f} s, {more:+.1%} ({cpu:.2f} s of CPU, {more_cpu:+.1%}); "
            f"{TARGET:.0%} more asked at most"
        )
    setting = {name: getattr(options, name) for name in ("pictures", "jobs", "rounds")}
    saved = record.save("digests", options.seed, {**setting, "bytes": total, "scans": rows})
    print(f"saved as {saved}")


if __name__ == "__main__":
    main()
