"""Measure what further views cost a whole scan, in processor time.

Folders of generated JPEGs are scanned with plain and default views in turn, by a list with the
phash and the dhash of each entry. All processes count, the workers included. Processor time needs
no quiet machine, and ratios of scans that follow each other need it least: each round is short,
the two take turns at being first, and the mean of the rounds' ratios has a 95% interval. ::

    python bench/views.py [--rounds N] [--folder FOLDER] [--views NAME NAME]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from math import exp, log
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import record as runs
from hashmatch import HashKind, HashList, Matcher
from hashmatch.examine.examination import examine
from hashmatch.options import ExamineOptions

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))
from textures import texture

SIZES = {(200, 200): 1_000, (640, 480): 400, (1920, 1080): 80}
"""Files to scan of each size, so that a scan takes a second or two."""

NORMAL = 1.96


def draw(folder: Path, count: int, size: tuple[int, int]) -> None:
    """Draw the pictures that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(900_000, 900_000 + count):
        path = folder / f"{seed}.jpg"
        if not path.exists():
            # Large pictures are enlarged: drawing them would take longer than all scans
            small = texture(seed, *(min(side, 640) for side in size), roughness=0.66)
            small.resize(size).save(path, "JPEG", quality=85)


def write_list(path: Path, entries: int) -> None:
    """Write a list of other generated pictures: random hashes would be near nothing."""
    if path.exists():
        return
    options, lines = ExamineOptions(kinds=(HashKind("dhash", 64), HashKind("phash", 64))), []
    for seed in range(950_000, 950_000 + entries):
        (view, *_) = examine(texture(seed, 200, 200, roughness=0.66), options).views
        lines += [f"{value.algorithm}:{value} e{seed}" for value in view.hashes]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def share_in_full(folder: Path, listed: Path, views: str) -> float:
    """The share of previews that leave open whether they are near an entry."""
    matcher = Matcher(HashList.load(listed), views=views, isolate=False)
    found = [examine(path.read_bytes(), matcher.options) for path in folder.iterdir()]
    return matcher.screen(found).count(None) / len(found)


def cpu_of(command: list[str]) -> float:
    """Seconds of processor time that a command and its workers take."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=False, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stderr.decode())
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measured(ratios: list[float]) -> tuple[float, float]:
    """The geometric mean of ratios, and by which factor its 95% interval reaches from it."""
    logs = [log(ratio) for ratio in ratios]
    return exp(mean(logs)), exp(NORMAL * stdev(logs) / len(logs) ** 0.5)


def main() -> None:
    """Print and save the ratios of all rounds, and their mean, for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--folder", type=Path, help="keep the pictures there")
    parser.add_argument("--views", nargs=2, default=["plain", "default"])
    asked = parser.parse_args()
    results: dict[str, Any] = {"entries": asked.entries, "views": asked.views}
    with tempfile.TemporaryDirectory() as temporary:
        top = asked.folder or Path(temporary)
        top.mkdir(parents=True, exist_ok=True)
        listed = top / f"list-{asked.entries}.txt"
        write_list(listed, asked.entries)
        for size, files in SIZES.items():
            name = "x".join(map(str, size))
            draw(top / name, files, size)
            command = [sys.executable, "-m", "hashmatch", "scan", str(top / name), "--jobs", "1"]
            command += ["--list", str(listed), "-o", str(Path(temporary) / "results.jsonl")]
            ratios, seconds = [], []
            for number in range(asked.rounds):
                order = asked.views[:: -1 if number % 2 else 1]
                used = {views: cpu_of([*command, "--views", views]) for views in order}
                ratios.append(used[asked.views[1]] / used[asked.views[0]])
                seconds += used.values()
            middle, factor = measured(ratios)
            print(
                f"{name}: {' over '.join(asked.views[::-1])} {middle:.3f} ({middle / factor:.3f} to"
                f" {middle * factor:.3f}), {asked.rounds} rounds of {mean(seconds):.2f} s",
                flush=True,
            )
            in_full = {views: share_in_full(top / name, listed, views) for views in asked.views}
            print(f"{name}: decoded in full {in_full}", flush=True)
            results[name] = {
                "files": files,
                "ratio": middle,
                "95% interval": [middle / factor, middle * factor],
                "ratios": ratios,
                "decoded in full": in_full,
            }
    print(f"saved as {runs.save('views', 1, results)}")


if __name__ == "__main__":
    main()
