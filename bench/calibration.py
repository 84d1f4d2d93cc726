"""Measure how often the 95% intervals of an evaluation contain the truth.

    python bench/calibration.py [--runs N] [--pictures N] [--seed S]

The pictures are simulated (``worlds.py``), so the truth is known exactly. For each rule the program
reports how many of the runs' intervals contain the truth, at levels where at least three false
matches are expected (elsewhere the bound is one-sided and holds more often on purpose); how often
the recommended threshold has more false matches than the limit; and, for comparison, how often the
interval of a plain bootstrap over pictures contains the truth.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from typing import Any

import numpy as np
import numpy.typing as npt

import record
from hashmatch.evaluate import EvaluationSettings, RuleFigures, analyse
from hashmatch.evaluate.evaluation import Evaluation
from hashmatch.evaluate.identity import SCORE
from hashmatch.evaluate.intervals import Estimate
from worlds import DEPTH, World

EXPECTED = 3
"""Intervals are checked at levels where at least this many unordered pairs are expected."""

WORLDS = {
    "mixed": (400, 1.0, 0.0),
    "even": (400, 0.0, 0.0),
    "skewed": (400, 1.5, 0.0),
    "few": (60, 1.0, 0.0),
    "hub": (2000, 0.0, 0.003),
}
"""Number of families, how much their sizes differ, and the share of pictures near all of them."""

Floats = npt.NDArray[np.float64]


def truths(figures: RuleFigures, false: Floats, found: Floats) -> tuple[Floats, Floats]:
    """A rule's true rate of false matches and true recall, by level."""
    rule = figures.rule
    bounds = np.full((rule.levels, 2), DEPTH)
    bounds[:, list(rule.columns)] = rule.thresholds
    first, second = bounds.T
    if rule.all_must or len(rule.columns) == 1:
        return false[first, second], found[:, first, second]
    alone = np.full(rule.levels, DEPTH)
    rate = false[first, alone] + false[alone, second] - false[first, second]
    recall = found[:, first, alone] + found[:, alone, second] - found[:, first, second]
    return rate, recall


def holds(estimate: Estimate, truth: Floats) -> npt.NDArray[np.bool_]:
    """Where the interval contains the truth."""
    return (estimate.low <= truth) & (truth <= estimate.high)


def bootstrap(evaluation: Evaluation, figures: RuleFigures, draws: int, seed: int) -> Estimate:
    """Percentiles of the rate of false matches over pictures resampled with replacement."""
    members = evaluation.identities.members(SCORE)
    query, entry, level = evaluation.near.levels(figures.rule)
    inside = np.isin(query, members) & np.isin(entry, members)
    query, entry, level = (
        np.searchsorted(members, query[inside]),
        np.searchsorted(members, entry[inside]),
        level[inside],
    )
    rng = np.random.default_rng(seed)
    rates = []
    for _ in range(draws):
        times = np.bincount(rng.integers(0, len(members), len(members)), minlength=len(members))
        weights = times[query] * times[entry]
        matches = np.bincount(level, weights=weights, minlength=figures.rule.levels).cumsum()
        rates.append(matches / (len(members) ** 2 - (times**2).sum()))
    low, high = np.quantile(rates, (0.025, 0.975), axis=0)
    return Estimate(figures.score.pairs.rate.value, low, high)


def calibrate(
    world: World, runs: int, pictures: int, seed: int, *, draws: int = 0
) -> dict[str, Any]:
    """Run evaluations in a world, and count how often they are right."""
    false, found = world.false_rates(), world.recalls()
    share: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in range(runs):
        measured, identities = world.sample((seed, run), pictures)
        # A limit that a few levels meet in any world
        limit = float(false[12, DEPTH])
        settings = EvaluationSettings(
            transforms=measured.transforms,
            list_size=1000,
            files_per_day=1000,
            max_false_per_day=1e6 * limit,
        )
        evaluation = analyse(measured, identities, settings)
        for figures in evaluation.rules:
            rate, recall = truths(figures, false, found)
            counts = share[figures.rule.name]
            score = figures.score
            told = rate * score.pairs.pairs / 2 >= EXPECTED
            counts["false_rate"] += holds(score.pairs.rate, rate)[told].tolist()
            counts["false_rate_missed_above"] += (score.pairs.rate.high < rate)[told].tolist()
            counts["false_rate_everywhere"] += holds(score.pairs.rate, rate).tolist()
            counts["recall"] += holds(score.recall, recall.mean(axis=0)).tolist()
            counts["recall_by_transform"] += (
                holds(score.recall_by_transform, recall.T).ravel().tolist()
            )
            level = figures.recommendation.level
            counts["recommended"].append(level is not None)
            counts["too_lax"].append(level is not None and bool(rate[level] > limit))
            if draws:
                plain = holds(bootstrap(evaluation, figures, draws, run), rate)
                counts["plain_bootstrap"] += plain[told].tolist()
    return {
        rule: {name: round(float(np.mean(values)), 4) for name, values in counts.items() if values}
        for rule, counts in share.items()
    }


def main() -> None:
    """Calibrate on every world, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--pictures", type=int, default=800)
    parser.add_argument("--draws", type=int, default=200, help="of the plain bootstrap")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    results = {}
    for name, sizes in WORLDS.items():
        world = World.make(options.seed, *sizes)
        results[name] = calibrate(
            world, options.runs, options.pictures, options.seed, draws=options.draws
        )
        for rule, shares in results[name].items():
            print(name, rule, shares)
    print(f"saved as {record.save('calibration', options.seed, results)}")


if __name__ == "__main__":
    main()
