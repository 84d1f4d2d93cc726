"""Measure what further views cost a whole scan, in processor time.

Folders of generated JPEGs are scanned with plain, default and thorough views in turn, by a list
with the phash and the dhash of each entry. All processes count, the workers included. Processor
time needs no quiet machine, and the ratios of rounds that are interleaved need it least. ::

    python bench/views.py [--files N] [--rounds N] [--folder FOLDER] [--views NAME ...]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import record as runs
from hashmatch import HashKind, HashList, Matcher
from hashmatch.examine.examination import examine
from hashmatch.options import ExamineOptions

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))
from textures import texture

SIZES = ((200, 200), (640, 480))


def draw(folder: Path, count: int, size: tuple[int, int]) -> None:
    """Draw the pictures that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(900_000, 900_000 + count):
        path = folder / f"{seed}.jpg"
        if not path.exists():
            texture(seed, *size, roughness=0.66).save(path, "JPEG", quality=85)


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


def main() -> None:
    """Print and save the seconds of each round, and the ratios of their medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=2_000)
    parser.add_argument("--entries", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="keep the pictures there")
    parser.add_argument("--views", nargs="+", default=["plain", "default"])
    asked = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as temporary:
        top = asked.folder or Path(temporary)
        top.mkdir(parents=True, exist_ok=True)
        listed = top / f"list-{asked.entries}.txt"
        write_list(listed, asked.entries)
        for size in SIZES:
            name = "x".join(map(str, size))
            draw(top / name, asked.files, size)
            seconds: dict[str, list[float]] = {views: [] for views in asked.views}
            for _ in range(asked.rounds):
                for views, found in seconds.items():
                    command = [sys.executable, "-m", "hashmatch", "scan", str(top / name)]
                    command += ["--list", str(listed), "--jobs", "1", "--views", views]
                    found.append(cpu_of([*command, "-o", str(Path(temporary) / "results.jsonl")]))
            middle = {views: median(found) for views, found in seconds.items()}
            ratios = {views: each / middle[asked.views[0]] for views, each in middle.items()}
            print(name, {views: f"{ratio:.3f}" for views, ratio in ratios.items()}, seconds)
            in_full = {views: share_in_full(top / name, listed, views) for views in asked.views}
            print(name, "decoded in full", in_full, flush=True)
            results[name] = {"seconds": seconds, "ratios": ratios, "decoded in full": in_full}
    asked_for = {"files": asked.files, "entries": asked.entries}
    print(f"saved as {runs.save('views', 1, {**asked_for, **results})}")


if __name__ == "__main__":
    main()
