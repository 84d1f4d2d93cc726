"""Compare the false matches that hashmatch expects with those that it counts, in worlds of scenes.

A scene is a small grey picture of a few random shapes over a slope, so many scenes are alike, as
in real folders. Some thousands of them stand for the operator's own pictures: the chance rates come
from their pairs. A list is made of other scenes, and further ones are looked up in it. Expected and
counted numbers should be within a factor of 3 of each other.

Rates must be counted as a list is made: entries with a flat hash are left out, and so are pictures
below the quality floor. Smooth pictures share the flat dHash, and counting those pairs made the
expected number 20 times too high. ::

    python bench/expected.py                  # lists of 1,000 to 100,000
    python bench/expected.py --most 1000000   # some minutes more

At the end, 20,000 scenes are looked up in the longest list with the default settings.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from hashmatch.hashing import ALGORITHMS, QUALITY_GRID, Codes, from_codes, quality
from hashmatch.hashing.distance import distances
from hashmatch.hashlist import HashList
from hashmatch.index import build_index
from hashmatch.match import Matcher
from hashmatch.match.rates import Curve, Rates, Seen, agreeing_distances
from hashmatch.model import Examination, HashKind, ViewHashes
from hashmatch.options import QUALITY_FLOOR

Grey = npt.NDArray[np.uint8]

KINDS = (HashKind("phash", 64), HashKind("dhash", 64), HashKind("phash", 256))
BOTH = KINDS[:2]
SIDE = 64
BATCH = 2_000
OWN, QUERIES, FILES = 12_000, 4_000, 20_000
MIRRORS = 8
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
        grey += level / (1 + inside**4)
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


def draw(seed: int, count: int, *, turned: bool = False, most: int = FEW) -> dict[HashKind, Codes]:
    """The hashes of so many scenes; turned, those of all symmetries of each, one after another."""
    rng, parts, have = np.random.default_rng(seed), [], 0
    while have < count:
        grey = scenes(rng, min(BATCH, 2 * (count - have) + 100), most)
        if turned:
            sides = [
                np.rot90(each, k, (1, 2)) for each in (grey, grey[:, :, ::-1]) for k in range(4)
            ]
            grey = np.stack(sides, axis=1).reshape(-1, SIDE, SIDE)
        parts.append(hashed(grey))
        have += len(parts[-1][KINDS[0]])
    return {kind: np.concatenate([part[kind] for part in parts])[:count] for kind in KINDS}


def curve(counts: npt.NDArray[np.int64], pairs: int) -> Curve:
    """A curve of distances at which at least 3 pairs are near, and a third more than before."""
    steps, last = [], 2.25
    for distance, near in enumerate(counts.cumsum().tolist()):
        if near >= last * 4 / 3:
            steps.append(Seen(distance, near, pairs))
            last = near
    return tuple(steps)


def count_rates(own: dict[HashKind, Codes]) -> Rates:
    """The chance rates of the pairs of the operator's own scenes."""
    number = len(own[KINDS[0]])
    counts = {kind: np.zeros(kind.bits + 1, np.int64) for kind in KINDS}
    together = np.zeros(65, np.int64)
    for first in range(0, number - 1, 200):
        rows = np.arange(first, min(first + 200, number))
        later = np.arange(number) > rows[:, None]
        apart = {}
        for kind in KINDS:
            apart[kind] = distances(own[kind][rows][:, None], own[kind])[later]
            counts[kind] += np.bincount(apart[kind], minlength=kind.bits + 1)
        together += np.bincount(np.maximum(*(apart[kind] for kind in BOTH)), minlength=65)
    pairs = number * (number - 1) // 2
    alone = {kind: curve(found, pairs) for kind, found in counts.items()}
    return Rates("scenes", alone, {frozenset(BOTH): curve(together, pairs)})


def thresholds() -> list[dict[HashKind, int]]:
    """For each kind, and for both together, a strict and a lax threshold with enough to count."""
    found: list[dict[HashKind, int]] = []
    for kind in KINDS:
        usual = ALGORITHMS[kind.algorithm].thresholds[kind.bits]
        lax = 2 * usual if kind.bits > 64 else usual * 3 // 2  # nothing is as near as is usual
        found += [{kind: usual}, {kind: lax}]
    return [*found, *({**agreeing_distances(BOTH, level)} for level in (8, 10, 12))]


def main() -> None:
    """Print one row for each list, rule and threshold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=100_000)
    most = parser.parse_args().most
    clock = time.process_time()
    rates = count_rates(draw(1, OWN))
    entries = draw(2, most, turned=True)
    plain, turned = draw(3, QUERIES), draw(4, QUERIES, turned=True)
    worst = 1.0
    for size in (10**power for power in range(3, 8)):
        if size > most:
            break
        indexes = {kind: build_index(entries[kind][:size], radius=kind.bits // 5) for kind in KINDS}
        for queries, views in ((plain, 1), (turned, MIRRORS)):
            files = QUERIES / views
            for within in thresholds():
                chance = rates.of(within)
                assert chance is not None
                expected = chance.rate * size * views * files
                counted = 0
                first, *others = within
                for at in range(0, QUERIES, 500):
                    part = queries[first][at : at + 500]
                    hits = indexes[first].search(part, within[first])
                    near = np.ones(len(hits.row), dtype=bool)
                    for kind in others:
                        asked = queries[kind][at : at + 500][hits.query]
                        near &= distances(asked, entries[kind][hits.row]) <= within[kind]
                    counted += int(near.sum())
                rule = " and ".join(f"{kind} {bits}" for kind, bits in within.items())
                enough = min(expected, counted) >= 10
                ratio = expected / counted if counted else float("inf")
                if enough:
                    worst = max(worst, ratio, 1 / ratio)
                verdict = f"{ratio:.2f}" if enough else "too few"
                print(
                    f"{size:>9,} {'mirrors' if views > 1 else 'plain':8} {rule:28}"
                    f" expected {expected:>12,.1f} counted {counted:>10,}  {verdict}",
                    flush=True,
                )
    print(f"worst factor {worst:.2f}")
    by_default(
        count_rates(draw(6, OWN, most=MANY)),
        draw(7, most, turned=True, most=MANY),
        draw(5, FILES, most=MANY),
    )
    print(f"{time.process_time() - clock:.0f} s of CPU")


def by_default(rates: Rates, entries: dict[HashKind, Codes], files: dict[HashKind, Codes]) -> None:
    """Count the verdicts of other scenes with the default settings and a list of all entries."""
    lines = [
        f"{kind.algorithm}:{code:016x} e{row}"
        for kind in BOTH
        for row, code in enumerate(entries[kind][:, 0].tolist())
    ]
    matcher = Matcher(HashList.loads("\n".join(lines)), rates=rates, isolate=False)
    del lines
    columns = [from_codes(kind, files[kind]) for kind in matcher.options.kinds]
    pictures = [
        Examination("PNG", SIDE, SIDE, (ViewHashes("stored", 100, hashes),), quality=100)
        for hashes in zip(*columns, strict=True)
    ]
    found: Counter[str] = Counter()
    for first in range(0, len(pictures), 500):
        found.update(each.verdict for each in matcher.judge(pictures[first : first + 500]))
    print(f"by default, {len(entries[BOTH[0]]):,} entries: {matcher.settings()['match_within']}")
    expected = matcher.expected_false().record()
    million = 1_000_000 / len(pictures)
    print(
        f"  expected per million files: {expected['per_million_files']:,.0f} matches,"
        f" {expected['candidates_per_million_files']:,.0f} near entries that are candidates"
    )
    print(
        f"  counted per million files, of {len(pictures):,}: {found['match'] * million:,.0f}"
        f" matches, {found['candidate'] * million:,.0f} files that are candidates"
    )


if __name__ == "__main__":
    main()
