"""Whether the false matches to expect are those that are counted.

    python bench/expected.py [--pictures N] [--files N] [--seed S]

Splits hashes in three: chance rates are counted on the first part, and lists of the second are
matched against the third, by one and by two algorithms. The hashes are those of crops in
``../shared/data`` if they are there, else simulated families, and those of generated pictures of
every kind, with and without mirrors. Exits 1 if an expected number that rests on enough matches is
more than three times, or less than a third of, the counted one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

import record
from hashmatch import Entry, HashKind, HashList, Matcher
from hashmatch.examine.examination import examine
from hashmatch.hashing import Codes, from_codes
from hashmatch.hashing.distance import distances
from hashmatch.match.rates import Rates, Seen
from hashmatch.model import Examination, ViewHashes
from hashmatch.options import ExamineOptions
from worlds import World

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))
from textures import texture

CROPS = Path(__file__).resolve().parents[1].parent / "shared" / "data"
KINDS = tuple(
    HashKind(*kind)
    for kind in (("phash", 64), ("dhash", 64), ("phash", 256), ("dhash", 256), ("pdq", 256))
)
ENOUGH = 20
"""Near pairs that a rate, or a counted number, must rest on."""

FACTOR = 3

Hashes = Mapping[HashKind, Codes]


def crops(seed: int, pictures: int) -> tuple[str, Hashes]:
    """Both 64-bit hashes of photographs' crops, or of simulated pictures, in random order."""
    paths = [CROPS / f"{name}-crops-250k.npy" for name in ("phash", "dhash")]
    rng = np.random.default_rng(seed)
    if all(path.exists() for path in paths):
        loaded = [np.load(path)[:, None] for path in paths]
        rows = rng.permutation(len(loaded[0]))[:pictures]
        return "crops", {kind: codes[rows] for kind, codes in zip(KINDS, loaded, strict=False)}
    world = World.make(seed)
    measured, _ = world.sample((seed,), pictures)
    return "families", {kind: measured.entries[kind] for kind in measured.kinds}


def count_rates(first: Hashes, second: Hashes) -> Rates:
    """Chance rates of every distance at which enough pairs are near."""
    alone: dict[HashKind, list[int]] = {kind: [0] * (kind.bits + 1) for kind in first}
    agreeing = [0] * 65
    rows = len(next(iter(second.values())))
    for row in range(rows):
        near = {kind: distances(first[kind], second[kind][row]) for kind in first}
        for kind, bits in near.items():
            alone[kind] = (alone[kind] + np.bincount(bits, minlength=kind.bits + 1)).tolist()
        both = np.maximum(near[KINDS[0]], near[KINDS[1]])
        agreeing = (agreeing + np.bincount(both, minlength=65)).tolist()
    pairs = rows * len(first[KINDS[0]])

    def curve(found: list[int]) -> tuple[Seen, ...]:
        levels = enumerate(np.cumsum(found).tolist())
        return tuple(Seen(bits, near, pairs) for bits, near in levels if near >= ENOUGH)

    return Rates(
        "counted",
        {kind: curve(found) for kind, found in alone.items()},
        {frozenset(KINDS[:2]): curve(agreeing)},
    )


def make_list(hashes: Hashes, rows: slice) -> HashList:
    """A list of these pictures, the hashes of each under one id."""
    return HashList.from_entries(
        Entry(f"e{number}", value)
        for kind, codes in hashes.items()
        for number, value in enumerate(from_codes(kind, codes[rows]))
    )


def compare(
    rates: Rates, hash_list: HashList, files: list[Examination], **settings: Any
) -> dict[str, Any]:
    """Expected and counted false matches of some files."""
    matcher = Matcher(
        hash_list, rates=rates, isolate=False, quality_floor=0, max_matches=10**6, **settings
    )
    expected = matcher.expected_false()
    all_must = settings.get("require") == "all"
    counted = sum(
        len({match.entry.id for match in outcome.matches}) if all_must else outcome.match_count
        for outcome in matcher.judge(files)
    )
    return {
        "kinds": [str(kind) for kind in expected.thresholds],
        "rule": settings.get("require", "any"),
        "mirrors": settings.get("mirrors", False),
        "thresholds": list(expected.thresholds.values()),
        "entries": len(hash_list),
        "files": len(files),
        "expected": round(expected.per_file.rate * len(files), 2),
        "counted": counted,
    }


def examined(hashes: Hashes, rows: slice) -> list[Examination]:
    """Pictures with these hashes, as a scan would have examined them."""
    columns = [from_codes(kind, codes[rows]) for kind, codes in sorted(hashes.items())]
    return [
        Examination(format="PNG", views=(ViewHashes("stored", 100, values),), quality=100)
        for values in zip(*columns, strict=True)
    ]


def of_crops(seed: int, files: int) -> Iterator[dict[str, Any]]:
    """Lists of growing length, by either 64-bit hash and by both."""
    name, hashes = crops(seed, 130_000 + files)
    sample = {kind: codes[:5_000] for kind, codes in hashes.items()}
    rates = count_rates(sample, {kind: codes[5_000:10_000] for kind, codes in hashes.items()})
    for kinds, require in (((0,), "any"), ((1,), "any"), ((0, 1), "any"), ((0, 1), "all")):
        chosen = {KINDS[kind]: hashes[KINDS[kind]] for kind in kinds}
        curve = rates.agreeing[frozenset(KINDS[:2])]
        threshold = {
            str(kind): max(rates.alone[kind][0].distance, curve[0].distance * (require == "all"))
            for kind in chosen
        }
        queries = examined(chosen, slice(130_000, None))
        for entries in (1_000, 10_000, 100_000):
            hash_list = make_list(chosen, slice(20_000, 20_000 + entries))
            row = compare(rates, hash_list, queries, threshold=threshold, require=require)
            yield {"world": name, **row}


def of_pictures(seed: int, pictures: int) -> Iterator[dict[str, Any]]:
    """Generated pictures, by every kind of hash, upright and mirrored."""
    options = ExamineOptions(kinds=tuple(sorted(KINDS)), mirrors=True)
    seen = [examine(texture(seed + number, 320, 240), options) for number in range(pictures)]
    hashes = {
        kind: np.array([found.views[0].hashes[at].words for found in seen], np.uint64)
        for at, kind in enumerate(options.kinds)
    }
    third = pictures // 3
    rates = count_rates(
        {kind: codes[:third] for kind, codes in hashes.items()},
        {kind: codes[third : 2 * third] for kind, codes in hashes.items()},
    )
    for at, kind in enumerate(options.kinds):
        hash_list = make_list({kind: hashes[kind]}, slice(0, 2 * third))
        for mirrors in (False, True):
            files = [_only(each, at, mirrors=mirrors) for each in seen[2 * third :]]
            threshold = rates.alone[kind][0].distance
            row = compare(rates, hash_list, files, threshold=threshold, mirrors=mirrors)
            yield {"world": "generated pictures", **row}


def _only(found: Examination, column: int, *, mirrors: bool) -> Examination:
    """One kind of hash of a picture, of its first view or of all that are mirrored."""
    views = found.views if mirrors else found.views[:1]
    kept = tuple(ViewHashes(view.view, 100, (view.hashes[column],)) for view in views)
    return Examination(format="PNG", views=kept, quality=100)


def main() -> int:
    """Compare, print and keep the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=450)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rows, wrong = [], 0
    found = chain(of_crops(asked.seed, asked.files), of_pictures(asked.seed, asked.pictures))
    for row in found:
        expected, counted = row["expected"], row["counted"]
        row["judged"] = max(expected, counted) >= ENOUGH
        row["ratio"] = round(expected / counted, 2) if counted else None
        off = row["judged"] and not counted / FACTOR <= expected <= FACTOR * counted
        wrong += off
        rows.append(row)
        print(
            f"{row['world']:<20}{'+'.join(row['kinds']):<22}{row['rule']:<5}"
            f"{'mirrors' * row['mirrors']:<9}{row['entries']:>8} entries"
            f"  expected {expected:>12,.1f}  counted {counted:>9,}{'  WRONG' * off}",
            flush=True,
        )
    record.save("expected", asked.seed, rows)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
