"""Check that what ``evaluate`` promises on some pictures holds on others.

``evaluate`` measures 500 generated pictures, and advises cutoffs for lists of 10,000 and 1,000,000
entries with the false matches to expect. Then the near pairs of 500 other pictures, their crops
and mirror images included, are counted at these very cutoffs. ::

    python bench/promise.py [--pictures N] [--seed S] [--jobs N]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import record as runs
from hashmatch.evaluate import Evaluation, EvaluationSettings, evaluate, record
from hashmatch.evaluate.samples import SampleCounts
from hashmatch.hashing import parse_kind
from hashmatch.match.cutoffs import MILLION

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))
from textures import texture

SIZE = (320, 240)
LISTS = (10_000, 1_000_000)
LIMIT = 1_000.0
"""False matches per million files, as scans accept by default."""


def draw(place: tuple[str, int]) -> None:
    """Draw one picture."""
    folder, seed = place
    picture = texture(seed, *SIZE, roughness=0.66)
    picture.save(Path(folder) / f"{seed}.jpg", "JPEG", quality=88)


def measured(pictures: int, seed: int, jobs: int) -> Evaluation:
    """Evaluate generated pictures by one everyday change: only pairs matter here."""
    with tempfile.TemporaryDirectory() as folder:
        with ProcessPoolExecutor(jobs) as pool:
            list(pool.map(draw, ((folder, seed + number) for number in range(pictures))))
        return evaluate([folder], settings_for(LISTS[0]), jobs=jobs)


def settings_for(entries: int) -> EvaluationSettings:
    """A list of this length, a million files a day and the usual limit."""
    return EvaluationSettings(
        transforms=("jpeg-75",),
        list_size=entries,
        files_per_day=MILLION,
        max_false_per_day=LIMIT,
    )


def counted(samples: SampleCounts, within: dict[str, int], views: int, entries: int) -> float:
    """The false matches per million files that these pairs make by one cutoff."""
    kinds = tuple(map(parse_kind, within))
    by_kinds = {frozenset(kinds): counts for kinds, counts in samples.near.items()}
    level = next(iter(within.values())) if len(kinds) == 1 else max(within.values())
    near, _ = by_kinds[frozenset(kinds)][level]
    return near / samples.pairs * entries * views * MILLION


def main() -> None:
    """Print what was promised and counted for each list, and save it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--seed", type=int, default=200_000, help="of the first picture")
    parser.add_argument("--jobs", type=int, default=1)
    asked = parser.parse_args()
    own = measured(asked.pictures, asked.seed, asked.jobs)
    others = measured(asked.pictures, asked.seed + asked.pictures, asked.jobs)
    results: dict[str, Any] = {"pictures": asked.pictures, "pairs": own.samples.pairs}
    for entries in LISTS:
        advice = record(replace(own, settings=settings_for(entries)))["advice"]
        total = 0.0
        for cutoff in advice["cutoffs"]:
            total += counted(others.samples, cutoff["within"], cutoff["views"], entries)
        results[str(entries)] = {
            "advice": advice["sentence"],
            "promised": advice["per_million_files"],
            "bound": advice["bound"],
            "extrapolated": advice["extrapolated"],
            "counted": total,
        }
        print(f"{entries:,} entries: {advice['sentence']}")
        print(
            f"  promised {advice['per_million_files']:.3g} per million files (bound"
            f" {advice['bound']:.3g}), counted {total:.3g} on others, accepted {LIMIT:g}"
        )
    print(f"saved as {runs.save('promise', asked.seed, results)}")


if __name__ == "__main__":
    main()
