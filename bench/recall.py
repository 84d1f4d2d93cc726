"""Count what is found of generated pictures, by everyday change, at a given rate of false matches.

A list has the phash and the dhash of each picture, and as many random entries as it takes to have
the length given. Each changed copy is looked up as an upload would be, by each rule, with the usual
limit of false matches. By the rates of photographs, that is 1e-6 for each pair of a file and an
entry in a list of 1,000, and 1e-8 in one of 100,000. ::

    python bench/recall.py [--pictures N] [--entries N ...] [--seed S] [--rules NAME ...]
"""

from __future__ import annotations

import argparse
import io
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

import record as runs
from hashmatch import HashKind, HashList, Matcher, Verdict
from hashmatch.evaluate import TRANSFORMS
from hashmatch.examine.examination import examine
from hashmatch.examine.transform.variants import variants
from hashmatch.options import ExamineOptions

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))
from textures import texture

KINDS = (HashKind("dhash", 64), HashKind("phash", 64))
SIZE = (320, 240)
RULES: dict[str, dict[str, Any]] = {
    "one hash": {"require": "any", "views": "plain"},
    "default": {},
    "thorough": {"views": "thorough"},
}


def matchers(
    own: list[tuple[str, ...]], entries: int, rules: dict[str, dict[str, Any]]
) -> dict[str, Matcher]:
    """A matcher for each rule, of the pictures' hashes and random ones."""
    words = np.random.default_rng(1).integers(2**63, size=(2, max(0, entries - len(own))))
    lines = [
        f"{kind.algorithm}:{pair[at]} own{row}"
        for at, kind in enumerate(KINDS)
        for row, pair in enumerate(own)
    ]
    lines += [
        f"{kind.algorithm}:{word:016x} e{row}"
        for kind, column in zip(KINDS, words.tolist(), strict=True)
        for row, word in enumerate(column)
    ]
    listed = HashList.loads("\n".join(lines))
    return {name: Matcher(listed, isolate=False, **rule) for name, rule in rules.items()}


def main() -> None:
    """Print the share found as a match, and as a match or a candidate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--entries", type=int, nargs="+", default=[1_000])
    parser.add_argument("--seed", type=int, default=70_000, help="of the first picture")
    parser.add_argument("--rules", nargs="+", choices=RULES, default=list(RULES))
    options = parser.parse_args()
    chosen = {name: RULES[name] for name in options.rules}
    files = []
    for number in range(options.pictures):
        stream = io.BytesIO()
        picture = texture(options.seed + number, *SIZE, roughness=0.66)
        picture.save(stream, "JPEG", quality=88)
        files.append(stream.getvalue())
    options_of = ExamineOptions(kinds=KINDS)
    own = [tuple(map(str, examine(data, options_of).views[0].hashes)) for data in files]
    looked_up = {entries: matchers(own, entries, chosen) for entries in options.entries}
    matched: Counter[tuple[int, str, str]] = Counter()
    reported = matched.copy()
    of_picture: Counter[tuple[int, str, int]] = Counter()
    views: Counter[str] = Counter()
    for row, data in enumerate(files):
        for name, variant in zip(TRANSFORMS, variants(data, tuple(TRANSFORMS), row), strict=True):
            for rule, how in chosen.items():
                which = how.get("views", "default")
                found = examine(variant, ExamineOptions(kinds=KINDS, views=which))
                views[rule] += len(found.views)
                for entries, rules in looked_up.items():
                    (outcome,) = rules[rule].judge([found])
                    ours = [each for each in outcome.matches if each.entry.id == f"own{row}"]
                    is_match = any(each.cause is None for each in ours)
                    matched[entries, rule, name] += is_match
                    of_picture[entries, rule, row] += is_match
                    reported[entries, rule, name] += bool(ours)
                    assert ours or outcome.verdict is not Verdict.MATCH
    results = {}
    for entries, rules in looked_up.items():
        for rule, matcher in rules.items():
            shares = {name: matched[entries, rule, name] / len(files) for name in TRANSFORMS}
            either = sum(reported[entries, rule, name] for name in TRANSFORMS)
            mean = sum(shares.values()) / len(shares)
            either_share = either / len(files) / len(TRANSFORMS)
            each = [of_picture[entries, rule, row] / len(TRANSFORMS) for row in range(len(files))]
            half = 1.96 * float(np.std(each, ddof=1)) / len(files) ** 0.5
            settings, expected = matcher.settings(), matcher.expected_false().record()
            within = [
                each
                for sort in ("match_within", "turned_within", "further_within")
                for each in settings[sort]
            ]
            print(
                f"{entries:>9,} {rule:10} match {mean:.4f} (+- {half:.4f}),"
                f" reported {either_share:.3f}  {within}"
            )
            results[f"{entries} {rule}"] = {
                "match": mean,
                "95% interval": [mean - half, mean + half],
                "reported": either_share,
                "within": within,
                "expected per million files": expected["per_million_files"],
                "views": views[rule] / len(files) / len(TRANSFORMS),
                **shares,
            }
    for name in TRANSFORMS:
        row = " ".join(f"{figures[name]:.2f}" for figures in results.values())
        print(f"{name:<18} {row}")
    print(f"saved as {runs.save(f'recall-{options.seed}', options.seed, results)}")


if __name__ == "__main__":
    main()
