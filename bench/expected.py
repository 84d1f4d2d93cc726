"""Compare the false matches that hashmatch expects with those that it counts, in worlds of scenes.

A scene is a small grey picture of a few random shapes over a slope, so many scenes are alike, as
in real folders. Some thousands of them stand for the operator's own pictures: the chance rates come
from their pairs, with mirror images and quarter turns. A list is made of other scenes, and further
ones are looked up in it. Expected and counted numbers should be within a factor of 3 of each other.

Rates must be counted as a list is made: entries with a flat hash are left out, and so are pictures
below the quality floor. Smooth pictures share the flat dHash, and counting those pairs made the
expected number 20 times too high.

At the end, 20,000 scenes are looked up in the longest list with the default settings: what is a
match, what is a candidate, and whether anything within the default thresholds is missing. ::

    python bench/expected.py                      # lists of 1,000 to 100,000
    python bench/expected.py --most 1000000 --seed N --cache FOLDER

With ``--cache``, the hashes of scenes are kept in a folder, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import record as runs
from hashmatch.hashing import ALGORITHMS, QUALITY_GRID, Codes, from_codes, quality
from hashmatch.hashing.distance import distances
from hashmatch.hashlist import HashList
from hashmatch.index import LinearIndex
from hashmatch.match import Matcher
from hashmatch.match.rates import Curve, Rates, Seen
from hashmatch.model import Examination, HashKind, ViewHashes
from hashmatch.options import QUALITY_FLOOR

Grey = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]

PHASH, DHASH = BOTH = HashKind("phash", 64), HashKind("dhash", 64)
REACH = {PHASH: 16, DHASH: 12, HashKind("phash", 256): 80}
"""How far to count pairs, in bits: further than any rule reaches."""
KINDS = tuple(REACH)
SIDE = 64
SCENES = 250
"""Scenes to draw at a time, so that their pixels fit a cache."""

SIZES = tuple(10**power for power in range(3, 7))
OWN, TURNED, QUERIES, FILES = 12_000, 64_000, 4_000, 20_000
"""Scenes to count rates between; readings of 8,000 more in all symmetries, so that the counts reach
rates of 4e-9; queries, and files that are looked up by default."""
FEWER, CHECKED = 4_000, 2_000
"""Scenes to count the rates of files between; files to compare with every entry."""

MIRRORS = 8
cache: Path | None = None
"""Where to keep hashes; None to draw them anew."""

ENOUGH = 10
"""Matches, expected and counted, from which their ratio means something."""

FEW, MANY = 5, 20
"""Shapes of a scene: few, so that there is much to count, and as many as make scenes differ as much
as photographs do, for the default settings."""


def scenes(rng: np.random.Generator, count: int, most: int) -> Grey:
    """Draw scenes of up to ``most`` shapes: uint8, shape (count, SIDE, SIDE)."""
    across, down = np.meshgrid(*(np.linspace(0, 1, SIDE, dtype=np.float32),) * 2)
    slope = rng.normal(0, 60, (2, count, 1, 1)).astype(np.float32)
    grey = 128 + slope[0] * (across - 0.5) + slope[1] * (down - 0.5)
    shapes = rng.integers(most // 5, most + 1, count)
    for number in range(most):
        x, y = rng.random((2, count, 1, 1), dtype=np.float32)
        size = 0.1 + 0.3 * rng.random((2, count, 1, 1), dtype=np.float32)
        level = rng.normal(0, 80, (count, 1, 1)).astype(np.float32)
        level *= (shapes > number)[:, None, None]
        inside = ((across - x) / size[0]) ** 2 + ((down - y) / size[1]) ** 2
        inside *= inside
        grey += level / (1 + inside * inside)
    grey += rng.normal(0, 3, grey.shape).astype(np.float32)
    return grey.clip(0, 255).astype(np.uint8)


def shrunk(grey: Grey, height: int, width: int) -> Grey:
    """Average blocks of pixels, whose edges are rounded to whole pixels."""
    rows = np.linspace(0, SIDE, height + 1).round().astype(int)
    columns = np.linspace(0, SIDE, width + 1).round().astype(int)
    total = np.zeros((len(grey), SIDE + 1, SIDE + 1), dtype=np.int32)
    total[:, 1:, 1:] = grey.cumsum(axis=1, dtype=np.int32).cumsum(axis=2)
    corners = total[:, rows[:, None], columns]
    sums = corners[:, 1:, 1:] - corners[:, :-1, 1:] - corners[:, 1:, :-1] + corners[:, :-1, :-1]
    areas = np.outer([b - a for a, b in pairwise(rows)], [b - a for a, b in pairwise(columns)])
    return np.ascontiguousarray((sums / areas).round().astype(np.uint8))


def hashed(grey: Grey) -> dict[HashKind, Codes]:
    """The hashes of scenes that are detailed enough, without those that any kind finds flat."""
    grey = grey[quality(grey[:, :QUALITY_GRID, :QUALITY_GRID]) >= QUALITY_FLOOR]
    found, kept = {}, np.ones(len(grey), dtype=bool)
    for kind in KINDS:
        algorithm = ALGORITHMS[kind.algorithm]
        width, height = algorithm.grid(kind.bits)
        found[kind] = algorithm.hash(shrunk(grey, height, width), kind.bits)
        kept &= ~algorithm.is_flat(found[kind])
    return {kind: codes[kept] for kind, codes in found.items()}


def blocks(seed: int, *, turned: bool, most: int) -> Iterator[dict[HashKind, Codes]]:
    """Yield the hashes of scenes without end; turned, those of all symmetries of each in turn."""
    rng = np.random.default_rng(seed)
    while True:
        grey = scenes(rng, SCENES, most)
        if turned:
            sides = [
                np.rot90(each, k, (1, 2)) for each in (grey, grey[:, :, ::-1]) for k in range(4)
            ]
            grey = np.stack(sides, axis=1).reshape(-1, SIDE, SIDE)
        yield hashed(grey)


def draw(seed: int, count: int, *, turned: bool = False, most: int = FEW) -> dict[HashKind, Codes]:
    """The hashes of so many scenes; turned, those of all symmetries of each, one after another."""
    name = f"{seed}-{count}-{most}{'-turned' if turned else ''}.npz"
    kept = None if cache is None else cache / name
    if kept is not None and kept.exists():
        with np.load(kept) as columns:
            return {kind: columns[str(kind)] for kind in KINDS}
    parts, have = [], 0
    for part in blocks(seed, turned=turned, most=most):
        parts.append(part)
        have += len(part[KINDS[0]])
        if have >= count:
            break
    drawn = {kind: np.concatenate([part[kind] for part in parts])[:count] for kind in KINDS}
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, **{str(kind): codes for kind, codes in drawn.items()})
    return drawn


def curve(counts: Counts, pairs: int) -> Curve:
    """A curve of distances at which at least 10 pairs are near, and a third more than before."""
    steps, least = [], float(ENOUGH)
    for distance, near in enumerate(counts.cumsum().tolist()):
        if near >= least:
            steps.append(Seen(distance, near, pairs))
            least = near * 4 / 3
    return tuple(steps)


def count_pairs(
    queries: dict[HashKind, Codes], entries: dict[HashKind, Codes]
) -> dict[frozenset[HashKind], Counts]:
    """How many pairs are at each distance, as far as ``REACH``, and at each level of agreement."""
    together = np.zeros(REACH[PHASH] + 1, np.int64)
    found = {frozenset(BOTH): together}
    for kind, reach in REACH.items():
        counts = found[frozenset({kind})] = np.zeros(reach + 1, np.int64)
        for near in LinearIndex(entries[kind]).pieces(queries[kind], reach):
            counts += np.bincount(near.distance, minlength=reach + 1)
            if kind == PHASH:
                apart = distances(queries[DHASH][near.query], entries[DHASH][near.row])
                level = np.maximum(apart, near.distance)
                together += np.bincount(level, minlength=65)[: reach + 1]
    return found


def count_rates(own: dict[HashKind, Codes], others: dict[HashKind, Codes]) -> Rates:
    """The chance rates between the operator's own scenes, the second ones in all symmetries."""
    pairs = len(own[PHASH]) * len(others[PHASH])
    curves = {kinds: curve(found, pairs) for kinds, found in count_pairs(own, others).items()}
    together = {frozenset(BOTH): curves.pop(frozenset(BOTH))}
    return Rates("scenes", {kind: found for (kind,), found in curves.items()}, together)


def own_rates(seed: int, shapes: int, number: int = OWN) -> Rates:
    """The chance rates of scenes drawn from this seed."""
    own = draw(seed, number, most=shapes)
    return count_rates(own, draw(seed + 100, TURNED, turned=True, most=shapes))


def thresholds() -> list[dict[HashKind, int]]:
    """For each kind, and for both together, a strict and a lax threshold with enough to count."""
    found: list[dict[HashKind, int]] = []
    for kind in KINDS:
        usual = ALGORITHMS[kind.algorithm].thresholds[kind.bits]
        lax = 2 * usual if kind.bits > 64 else usual * 3 // 2  # nothing is as near as is usual
        found += [{kind: usual}, {kind: lax}]
    return [*found, *(dict.fromkeys(BOTH, level) for level in (8, 10, 12))]


def compare(seed: int, most: int) -> dict[str, Any]:
    """Print and return one row for each list, rule and threshold, and the worst factor."""
    rates, rules = own_rates(seed, FEW), thresholds()
    print(f"counted rates after {time.process_time():.0f} s of CPU", flush=True)
    looked_up = {1: draw(seed + 2, QUERIES), MIRRORS: draw(seed + 3, QUERIES, turned=True)}
    counted = {views: dict.fromkeys(map(frozenset, rules), np.int64(0)) for views in looked_up}
    listed, worst, rows = draw(seed + 1, most, turned=True), 1.0, []
    print(f"drew the list after {time.process_time():.0f} s of CPU", flush=True)
    for start, size in pairwise((0, *(size for size in SIZES if size <= most))):
        added = {kind: codes[start:size] for kind, codes in listed.items()}
        for views, queries in looked_up.items():
            for kinds, counts in count_pairs(queries, added).items():
                counted[views][kinds] = counted[views][kinds] + counts
            for within in rules:
                number = int(counted[views][frozenset(within)][: max(within.values()) + 1].sum())
                chance = rates.of(within)
                assert chance is not None
                expected, bound = chance.times(size * QUERIES)[:2]  # each view of a file is a query
                ratio = expected / number if number else float("inf")
                # Entries come in all symmetries, so mirrored queries are near eight of them
                enough = max(expected, number) >= ENOUGH * views
                worst = max(worst, ratio, 1 / ratio) if enough else worst
                rule = " and ".join(f"{kind} {bits}" for kind, bits in within.items())
                rows.append([size, views, rule, round(expected, 1), round(bound, 1), number])
                print(
                    f"{size:>9,} {'mirrors' if views > 1 else 'plain':8} {rule:28}"
                    f" expected {expected:>12,.1f} bound {bound:>12,.1f} counted {number:>10,}"
                    f"  {f'{ratio:.2f}' if enough else 'too few'}",
                    flush=True,
                )
    print(f"worst factor {worst:.2f}", flush=True)
    return {"worst": worst, "entries": most, "rows": rows}


def near_by_default(files: dict[HashKind, Codes], listed: dict[HashKind, Codes]) -> Flags:
    """Which files are within a default threshold of an entry, by comparing each with every one."""
    near = np.zeros(CHECKED, dtype=bool)
    for kind in BOTH:
        usual = ALGORITHMS[kind.algorithm].thresholds[kind.bits]
        near |= LinearIndex(listed[kind]).any(files[kind][:CHECKED], usual)
    return near


def by_default(seed: int, size: int) -> dict[str, Any]:
    """Count the verdicts of other scenes with the default settings and a list of all entries."""
    rates, files = own_rates(seed + 5, MANY, FEWER), draw(seed + 4, FILES, most=MANY)
    listed = draw(seed + 6, size, turned=True, most=MANY)
    near = near_by_default(files, listed)
    print(f"compared after {time.process_time():.0f} s of CPU", flush=True)
    hash_list = HashList.loads(
        "\n".join(
            f"{kind.algorithm}:{code:016x} e{row}"
            for kind in BOTH
            for row, code in enumerate(listed[kind][:, 0].tolist())
        )
    )
    matcher = Matcher(hash_list, rates=rates, isolate=False)
    columns = [from_codes(kind, files[kind]) for kind in matcher.options.kinds]
    pictures = [
        Examination("PNG", SIDE, SIDE, (ViewHashes("stored", 100, hashes),), quality=100)
        for hashes in zip(*columns, strict=True)
    ]
    verdicts = [
        each.verdict.value
        for first in range(0, FILES, 500)
        for each in matcher.judge(pictures[first : first + 500])
    ]
    print(f"looked up after {time.process_time():.0f} s of CPU", flush=True)
    found = Counter(verdicts)
    missing = sum(
        verdict == "clear" for verdict, is_near in zip(verdicts, near, strict=False) if is_near
    )
    expected = matcher.expected_false().record()
    forced = Matcher(hash_list, rates=rates, threshold={"phash": 8, "dhash": 4}, isolate=False)
    result = {
        "entries": size,
        "match_within": matcher.settings()["match_within"],
        "expected": expected,
        "files": FILES,
        "compared with every entry": CHECKED,
        "matches": found["match"],
        "candidates": found["candidate"],
        "near by the default thresholds": int(near.sum()),
        "near and clear": missing,
        "warned where thresholds are forced": forced.expected_false().too_many,
    }
    million = 1_000_000 / FILES
    print(f"by default, {size:,} entries: {result['match_within']}")
    print(
        f"  expected per million files: {expected['per_million_files']:,.0f} matches,"
        f" {expected['candidates_per_million_files']:,.0f} near entries that are candidates"
    )
    print(
        f"  counted per million files, of {FILES:,}: {found['match'] * million:,.0f}"
        f" matches, {found['candidate'] * million:,.0f} files that are candidates"
    )
    print(
        f"  of {CHECKED:,} files that were compared with every entry, {near.sum():,} are within the"
        f" default thresholds, {missing} of them clear"
    )
    print(f"  warned of forced thresholds: {forced.expected_false().too_many}", flush=True)
    return result


def main() -> None:
    """Compare, then count by default, and save both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=100_000, help="entries of the longest list")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, help="folder to keep the hashes of scenes in")
    parser.add_argument("--only", choices=("compared", "default"), help="leave out the other half")
    asked = parser.parse_args()
    global cache  # noqa: PLW0603 # one folder for all that is drawn
    cache = asked.cache
    if asked.only != "default":
        found = {"compared": compare(asked.seed, asked.most)}
        print(f"saved as {runs.save('expected', asked.seed, found, join=True)}", flush=True)
    if asked.only != "compared":
        found = {"by default": by_default(asked.seed, asked.most)}
        print(f"saved as {runs.save('expected', asked.seed, found, join=True)}", flush=True)
    print(f"{time.process_time():.0f} s of CPU")


if __name__ == "__main__":
    main()
