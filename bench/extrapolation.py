"""Check how good the chance rates are that lie below all counts.

In three worlds of scenes, a few pairs give the rates, as an operator's own pictures would, and 30
times as many pairs of other scenes give what the rates really are. At each distance below the few
pairs' lowest count, the extrapolated rate is compared with the counted one. The extrapolation was
chosen in worlds of other seeds, three of them with other numbers of shapes. ::

    python bench/extrapolation.py [--seed S] [--cache FOLDER]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import expected
import record as runs
from expected import BOTH, KINDS, count_rates, draw
from hashmatch.match.rates import Curve, Rates, read_curve

SHAPES = (4, 6, 12)
SAMPLES = 4
FEW, MANY = (800, 4_000), (3_000, 32_000)
"""Scenes, and readings of others in all symmetries, to count pairs between."""

LEAST = 20
"""Counted pairs from which the true rate is known well enough."""


def rates_of(seed: int, shapes: int, numbers: tuple[int, int]) -> Rates:
    """The chance rates between so many scenes and readings."""
    own = draw(seed, numbers[0], most=shapes)
    return count_rates(own, draw(seed + 1, numbers[1], turned=True, most=shapes))


def curves(rates: Rates) -> list[Curve]:
    """Those of each kind, and that of two that agree."""
    return [*(rates.alone[kind] for kind in KINDS), rates.agreeing[frozenset(BOTH)]]


def guesses(seed: int, shapes: int) -> Iterator[tuple[float, bool]]:
    """Yield each guess over what is true, and whether its bound covers that."""
    truth = curves(rates_of(seed, shapes, MANY))
    for sample in range(1, 1 + SAMPLES):
        few = curves(rates_of(seed + 10 * sample, shapes, FEW))
        for known, true in zip(few, truth, strict=True):
            for seen in true:
                if seen.distance < known[0].distance and seen.near >= LEAST:
                    guess = read_curve(known, seen.distance)
                    yield guess.rate / seen.rate, guess.bound >= seen.rate


def main() -> None:
    """Print and save the share within a factor of 3, and the worst either way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=81_000)
    parser.add_argument("--cache", type=Path, help="folder to keep the hashes of scenes in")
    asked = parser.parse_args()
    expected.cache = asked.cache
    results = {}
    for shapes in SHAPES:
        found = list(guesses(asked.seed + 100 * shapes, shapes))
        ratios = [ratio for ratio, _ in found]
        results[f"{shapes} shapes"] = {
            "guesses": len(found),
            "within a factor of 3": sum(1 / 3 <= ratio <= 3 for ratio in ratios) / len(found),
            "most too low": 1 / min(ratios),
            "most too high": max(ratios),
            "covered by the bound": sum(covered for _, covered in found) / len(found),
        }
        print(shapes, results[f"{shapes} shapes"], flush=True)
    print(f"saved as {runs.save('extrapolation', asked.seed, results)}")


if __name__ == "__main__":
    main()
