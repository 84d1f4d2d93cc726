"""Measures whole scans: ours, the loops people write, other packages, and the limit.

    python bench/scan.py [--sets 12mp,mixture] [--lists 10000,1000000] [--rounds N] [--seed S]
                         [--near N] [--only NAME;NAME] [--python NAME=INTERPRETER] [--times N]

Every contestant is a separate process (bench/scan_contestants/), timed from start to end,
including list and imports. Our sources are compiled first, as installers do. Contestants take
turns, and the best round of each counts. The pictures are generated once, like photographs with
skies, walls, vignettes and letterboxes, in the folder for temporary files; each is scanned under
several names, with ``--times N`` under N times as many. Lists hold random hashes, and entries near
one in ``--near`` of the pictures, which a scan must decode in full; 0 for none. Answers are
compared before any time is printed. Contestants with another hash are not compared, and say so.

A run takes up to two minutes a set. Runs of single sets on one day are saved together.

A package that is not installed is reported as missing. Some need other versions of our packages, so
``--python perception=/path/to/python`` sets the interpreter for a contestant.
"""

from __future__ import annotations

import argparse
import compileall
import json
import math
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagehash
from PIL import Image

import hashmatch
import record

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))
from textures import scene, screenshot

HERE = Path(__file__).resolve().parent / "scan_contestants"
ROUGHNESS = 0.8  # makes files as large as photographs at quality 85
OURS = [sys.executable, "-m", "hashmatch"]
PHOTO, PROGRESSIVE = {"quality": 85}, {"quality": 85, "progressive": True}
SETS = {  # name: (width, height, suffix, options for saving, how many)
    "200x200": (200, 200, "jpg", PHOTO, 300),
    "500x375": (500, 375, "jpg", PHOTO, 150),
    "2mp": (1600, 1200, "jpg", PHOTO, 40),
    "12mp": (4000, 3000, "jpg", PHOTO, 40),
    "24mp": (6000, 4000, "jpg", PHOTO, 40),
    "progressive": (2592, 1944, "jpg", PROGRESSIVE, 40),
    "png": (1024, 768, "png", {}, 40),
    "screenshots": (1920, 1080, "png", {}, 40),
    "webp": (1024, 768, "webp", PHOTO, 40),
}
COPIES = {
    "200x200": 14,
    "500x375": 12,
    "2mp": 15,
    "12mp": 3,
    "progressive": 3,
    "24mp": 2,
    "mixture": 10,
}
"""Under how many names each picture is scanned, if not 5: enough to take longer than a start."""

EVERY = ",".join([*SETS, "mixture"])
MIXTURE = {"12mp": 5, "2mp": 20, "500x375": 60, "png": 8, "webp": 8, "200x200": 130}


@dataclass(frozen=True)
class Contestant:
    """A process that scans.

    Attributes:
        name: in the results.
        program: a file of bench/scan_contestants, or None for hashmatch itself.
        jobs: how many pictures at a time.
        decode: for hashmatch, how to decode.
        install: how to install what it needs; None if we depend on it anyway.
        compared: whether its answers must equal ours.
    """

    name: str
    program: str | None = None
    jobs: int = 1
    decode: str = "fast"
    install: str | None = None
    compared: bool = True

    def takes_part(self, only: str) -> bool:
        """Whether to run it."""
        return self.name.startswith(tuple(only.split(";")))

    def command(self, python: str, entries: Path, folder: Path, output: Path) -> list[str]:
        """The command line to run it."""
        if self.program is None:
            how = ["--jobs", str(self.jobs), "--decode", self.decode, "--threshold", "8"]
            said = ["--quiet", "--format", "jsonl", "--output", str(output)]
            return [*OURS, "scan", str(folder), "--list", str(entries), *how, *said]
        program = str(HERE / self.program)
        return [python, program, str(entries), str(folder), str(output), str(self.jobs)]


CONTESTANTS = (
    Contestant("hashmatch fast, 1 job"),
    Contestant("hashmatch fast, 2 jobs", jobs=2),
    Contestant("hashmatch exact, 1 job", decode="exact"),
    Contestant("hashmatch exact, 2 jobs", decode="exact", jobs=2),
    Contestant("hashmatch match_many, 2 workers", "hashmatch_library.py", jobs=2),
    Contestant("imagehash loop", "imagehash_loop.py"),
    Contestant("imagehash, 2 processes", "imagehash_processes.py", jobs=2),
    Contestant(
        "perception, 2 workers",
        "perception_parallel.py",
        jobs=2,
        install="pip install perception",
        compared=False,
    ),
    Contestant(
        "imagededup, 2 processes",
        "imagededup_processes.py",
        jobs=2,
        install="pip install imagededup",
        compared=False,
    ),
    Contestant("limit: the fastest decoder", "fastest_decode.py", compared=False),
)
PEERS = ("imagehash, 2 processes", "perception, 2 workers", "imagededup, 2 processes")


def make_set(folder: Path, name: str, seed: int) -> list[Path]:
    """The pictures of a set, made once."""
    width, height, suffix, options, count = SETS[name]
    place = folder / "pictures" / name
    place.mkdir(parents=True, exist_ok=True)
    paths = [place / f"{number:05}.{suffix}" for number in range(count)]
    first = seed * 1_000_003 + [*SETS].index(name) * 100_003
    for number, path in enumerate(paths):
        if not path.exists():
            if name == "screenshots":
                picture = screenshot(first + number, width, height)
            else:
                picture = scene(first + number, width, height, roughness=ROUGHNESS)
            half = path.with_suffix(".part")
            picture.save(half, {"jpg": "JPEG"}.get(suffix, suffix), **options)
            half.rename(path)
    return paths


def make_folder(folder: Path, name: str, seed: int, copies: int) -> tuple[Path, list[Path]]:
    """Make the folder to scan, with links to the pictures, and return one path of each picture."""
    if name == "mixture":
        pictures = [
            path for part, n in MIXTURE.items() for path in make_set(folder, part, seed)[:n]
        ]
        random.Random(seed).shuffle(pictures)
    else:
        pictures = make_set(folder, name, seed)
    place = folder / f"{name}-{len(pictures)}x{copies}"
    if not place.exists():
        half = place.with_suffix(".part")
        half.mkdir(parents=True)
        for copy in range(copies):
            for number, path in enumerate(pictures):
                os.link(path, half / f"{copy:03}-{number:05}{path.suffix}")
        half.rename(place)
    return place, pictures


def make_list(
    folder: Path, name: str, pictures: list[Path], size: int, near: int, seed: int
) -> Path:
    """Make a list of ``size`` entries, some of them 0 to 8 bits from one in ``near`` pictures."""
    path = folder / f"{name}-{size}-{near}.txt"
    if path.exists():
        return path
    rng = random.Random(seed)
    values = [rng.getrandbits(64) for _ in range(size)]
    for number, picture in enumerate(pictures[::near][:size] if near else ()):
        with Image.open(picture) as image:
            value = int(str(imagehash.phash(image)), 16)
        for place in rng.sample(range(64), rng.randint(0, 8)):
            value ^= 1 << place
        values[number] = value
    lines = [f"{value:016x} e{number}" for number, value in enumerate(values)]
    path.write_text("\n".join(["# algorithm: phash", *lines, ""]))
    return path


def run(command: list[str]) -> tuple[float, float] | None:
    """Wall-clock and CPU seconds of a process and its children; None if it failed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # or only ours would recompile each time
    ended = subprocess.run(command, capture_output=True, env=environment, check=False)
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if ended.returncode not in (0, 1):  # hashmatch exits with 1 on a match
        print(ended.stderr.decode()[-500:], file=sys.stderr)
        return None
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, cpu


def answers(contestant: Contestant, output: Path) -> dict[str, set[str]]:
    """What it found: the ids of the entries near each file that has any."""
    if contestant.program is not None:
        return {path: set(ids) for path, ids in json.loads(output.read_text()).items() if ids}
    records = [json.loads(line) for line in output.read_text().splitlines()[:-1]]
    return {r["path"]: {m["entry"] for m in r["matches"]} for r in records if r["matches"]}


def is_installed(contestant: Contestant, python: str) -> bool:
    """Whether what it needs is installed."""
    if contestant.install is None:
        return True
    needed = contestant.install.split()[-1]
    return (
        subprocess.run(
            [python, "-c", f"import {needed}"], check=False, capture_output=True
        ).returncode
        == 0
    )


def contest(
    folder: Path, entries: Path, rounds: int, pythons: dict[str, str], only: str
) -> dict[str, Any]:
    """Run all in turns, and compare what they find."""
    results: dict[str, Any] = {}
    best: dict[str, list[float]] = {}
    running: list[tuple[Contestant, str]] = []
    for contestant in CONTESTANTS:
        if not contestant.takes_part(only):
            continue
        python = pythons.get((contestant.program or "").split("_")[0], sys.executable)
        if is_installed(contestant, python):
            running.append((contestant, python))
        else:
            results[contestant.name] = {"missing": contestant.install}
    expected: dict[str, set[str]] | None = None
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "found"
        for turn in range(rounds):
            for contestant, python in running:
                spent = run(contestant.command(python, entries, folder, output))
                if spent is None:
                    results[contestant.name] = {"failed": True}
                    continue
                if contestant.compared and turn == 0:
                    found = answers(contestant, output)
                    expected = found if expected is None else expected
                    if found != expected:
                        sys.exit(
                            f"{contestant.name} finds different matches than {running[0][0].name}"
                        )
                kept = best.setdefault(contestant.name, [math.inf, math.inf])
                best[contestant.name] = [*map(min, kept, spent)]
    for contestant_name, (seconds, cpu) in best.items():
        results[contestant_name] = {"seconds": round(seconds, 3), "cpu_seconds": round(cpu, 3)}
    results["matches"] = len(expected or {})
    return results


def show(results: dict[str, Any], files: int) -> None:
    """Print a set's times, and how they compare with the loop."""
    loop = results.get("imagehash loop", {}).get("seconds", math.nan)
    for name, result in results.items():
        if not isinstance(result, dict):
            continue
        if "seconds" not in result:
            how = result.get("missing")
            print(f"  {name:36} " + (f"missing: {how}" if how else "failed"))
            continue
        each = result["seconds"] / files * 1000
        cpu = result["cpu_seconds"] / files * 1000
        print(f"  {name:36} {each:9.3f} ms {cpu:9.3f} ms CPU {loop / result['seconds']:7.2f}x")


def ratios(results: dict[str, Any]) -> dict[str, float]:
    """The targets for one set, and what was measured."""

    def quotient(first: str, second: str, of: str = "seconds") -> float | None:
        pair = [results.get(name, {}).get(of) for name in (first, second)]
        return round(pair[0] / pair[1], 2) if all(pair) else None

    ours, both = "hashmatch fast, 1 job", "hashmatch fast, 2 jobs"
    ran = [name for name in PEERS if "seconds" in results.get(name, {})]
    peer = min(ran, key=lambda name: results[name]["seconds"], default="")
    others = [*ran, "imagehash loop"] if "seconds" in results.get("imagehash loop", {}) else ran
    cheapest = min(others, key=lambda name: results[name]["cpu_seconds"], default="")
    limit = "limit: the fastest decoder"
    found = {
        "1 job against the imagehash loop": quotient("imagehash loop", ours),
        "2 jobs against the imagehash loop": quotient("imagehash loop", both),
        f"2 jobs against the best peer ({peer})": quotient(peer, both),
        "CPU time, 1 job, in those of the fastest decoder": quotient(ours, limit, "cpu_seconds"),
        "2 jobs against 1 job": quotient(ours, both),
        "match_many, 2 workers, against the imagehash loop": quotient(
            "imagehash loop", "hashmatch match_many, 2 workers"
        ),
        f"CPU time of the cheapest peer ({cheapest}), in ours": quotient(
            cheapest, ours, "cpu_seconds"
        ),
    }
    return {name: value for name, value in found.items() if value is not None}


def main() -> None:
    """Make the pictures, run the contestants, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", default=EVERY)
    parser.add_argument("--lists", default="10000,1000000")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--near", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--times", type=int, default=1, help="how many times as many files")
    parser.add_argument("--only", default="", help="only contestants whose names begin like this")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--python", action="append", default=[], metavar="NAME=INTERPRETER")
    options = parser.parse_args()
    data = options.data or Path(tempfile.gettempdir()) / f"hashmatch-bench-{options.seed}"
    pythons = dict(text.split("=", 1) for text in options.python)
    # The processes that decode write no bytecode, and would compile theirs each time
    compileall.compile_dir(Path(hashmatch.__file__).parent, quiet=1)
    results = {}
    for name in options.sets.split(","):
        copies = COPIES.get(name, 5) * options.times
        folder, pictures = make_folder(data, name, options.seed, copies)
        files = len(pictures) * copies
        for size in map(int, options.lists.split(",")):
            entries = make_list(data, name, pictures, size, options.near, options.seed)
            found = contest(folder, entries, options.rounds, pythons, options.only)
            print(f"{name}, {files} files, {size} entries, {found['matches']} files match:")
            show(found, files)
            told = ratios(found)
            for what, value in told.items():
                print(f"    {what}: {value}")
            set_of = f"{name}, {options.times} times" if options.times > 1 else name
            results[f"{set_of}, {size} entries, near 1 in {options.near}"] = {
                "files": files,
                **found,
                "ratios": told,
            }
    print(f"saved as {record.save('scan', options.seed, results, join=True)}")


if __name__ == "__main__":
    main()
