"""Measure what the default thresholds find and cost on generated pictures, for docs/thresholds.md.

    python bench/thresholds.py [--pictures N] [--jobs N] [--seed S] [--cache FILE]

It runs the evaluation of ``hashmatch evaluate`` for a list of 5,000 entries, 500 files a
day and at most 250 false matches a day: about what a thousand pictures can prove.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import record as runs
from hashmatch.evaluate import EvaluationSettings, evaluate, record

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))
from textures import texture

SIZE = (320, 240)
SETTINGS = {"list_size": 5_000, "files_per_day": 500, "max_false_per_day": 250.0}


def summary(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule's figures at its usual thresholds, and its recommendation."""
    level, score = rule["usual"], rule["score"]
    return {
        "thresholds": rule["thresholds"][level],
        "recall": [score["recall"][end][level] for end in ("value", "low", "high")],
        "recall_by_transform": {
            name: found["value"][level] for name, found in score["transforms"].items()
        },
        "false_matches": {
            "pairs": score["pairs"],
            "by_level": score["false_matches"],
        },
        "recommendation": rule["recommendation"],
    }


def main() -> None:
    """Generate pictures, evaluate them, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=1_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=80_000, help="of the first picture")
    parser.add_argument(
        "--cache", type=Path, help="keep what was measured, to resume a stopped run"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.pictures):
            picture = texture(options.seed + number, *SIZE, roughness=0.66)
            picture.save(Path(folder) / f"{number:05}.jpg", quality=88)
        evaluation = evaluate(
            [folder], EvaluationSettings(**SETTINGS), jobs=options.jobs, cache=options.cache
        )
    found = record(evaluation)
    results = {
        "settings": SETTINGS,
        "pictures": found["pictures"]["different"],
        "pairs_by_distance": {one["algorithm"]: one["different"] for one in found["distances"]},
        "rules": {rule["name"]: summary(rule) for rule in found["rules"]},
    }
    for rule in found["rules"]:
        print(f"{rule['name']}: {rule['recommendation']['sentence']}")
    print(f"saved as {runs.save('thresholds', options.seed, results)}")


if __name__ == "__main__":
    main()
