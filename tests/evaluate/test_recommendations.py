from __future__ import annotations

import numpy as np
import pytest

from hashmatch.evaluate import EvaluationSettings, prose
from hashmatch.evaluate.figures import Figures
from hashmatch.evaluate.intervals import PairCounts, wilson
from hashmatch.evaluate.recommend import recommend
from hashmatch.report import numbers

SETTINGS = EvaluationSettings(list_size=1000, files_per_day=1000, max_false_per_day=100)
"""One comparison in ten thousand may be a false match."""


def figures(matches: list[int], found: list[float], pictures: int = 1000) -> Figures:
    """Figures with these independent false matches and these recalls, by level."""
    pairs = pictures * (pictures - 1)
    counts = np.array(matches)
    variance = np.array(matches) / pairs**2
    return Figures(
        pictures,
        np.zeros((len(matches), 1), np.int64),
        wilson(np.array(found), pictures),
        PairCounts(pictures, counts, variance),
    )


STEPS = [0.5, 0.6, 0.7, 0.8]


@pytest.mark.parametrize(
    ("score", "outcome"),
    [([0, 2, 50, 90], "held"), ([0, 2, 90, 300], "open"), ([0, 2, 300, 900], "broken")],
)
def test_the_other_half_has_its_say(score: list[int], outcome: str) -> None:
    """The level is chosen on one half; the other confirms it, cannot tell, or refutes it."""
    chosen = recommend(figures([0, 3, 40, 400], STEPS), figures(score, STEPS), SETTINGS)
    assert (chosen.level, chosen.outcome, chosen.unseen_level, chosen.more_pictures) == (
        2,
        outcome,
        0,
        0,
    )


def test_nothing_is_recommended_without_support() -> None:
    """If even the strictest bound is above the limit, more pictures are asked for."""
    few = figures([0, 0, 1, 2], STEPS, pictures=100)
    chosen = recommend(few, few, SETTINGS)
    assert (chosen.level, chosen.outcome, chosen.unseen_level) == (None, "unsupported", 1)
    # 22.5 / n^2 comes down to one in ten thousand at 475 pictures in each half
    assert chosen.more_pictures == 2 * 475 - 200


def test_more_pictures_are_asked_for_where_they_would_do() -> None:
    """With false matches at the strictest level, the pictures asked for narrow the interval."""
    few = figures([3, 5, 9, 20], STEPS, pictures=200)
    chosen = recommend(few, few, SETTINGS)
    assert (chosen.level, chosen.unseen_level) == (None, None)
    assert chosen.more_pictures > 0
    # The same rate of false matches, among as many pictures as were asked for
    enough = 200 + chosen.more_pictures // 2
    share = enough * (enough - 1) / (200 * 199)
    more = figures([int(3 * share)] * 4, STEPS, pictures=enough)
    assert recommend(more, more, SETTINGS).level is not None


def test_pictures_that_would_not_help_are_not_asked_for() -> None:
    """If the strictest level really exceeds the limit, no more pictures are asked for."""
    few = figures([9, 15, 30, 60], STEPS, pictures=200)
    chosen = recommend(few, few, SETTINGS)
    assert (chosen.level, chosen.more_pictures) == (None, 0)
    assert prose.more_pictures(0) == "More pictures like these would not change that."


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (1234.5, "1,234"),
        (99.7, "100"),
        (12.34, "12"),
        (0.0123, "0.012"),
        (0.000196, "0.0002"),
        (0.00002, "under 0.0001"),
    ],
)
def test_amounts_are_short(value: float, shown: str) -> None:
    """Amounts below a hundred have at most two significant digits and no exponent."""
    assert numbers.amount(value) == shown
