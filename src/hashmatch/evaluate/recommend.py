"""The threshold to use: chosen on one half of the pictures, scored on the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hashmatch.evaluate.figures import Figures
from hashmatch.evaluate.settings import EvaluationSettings

TENTH = 0.1
ENOUGH = 10
"""With fewer false matches than this of both rules, they cannot be compared."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What the data supports.

    Attributes:
        level: the largest level whose upper bound of false matches is within the limit on the half
            chosen on; None if not even the strictest is.
        outcome: ``held`` if the other half's upper bound is within the limit too, ``broken`` if its
            lower end is above the limit, ``open`` if it cannot tell; ``unsupported`` if there is no
            level.
        unseen_level: the largest level without any false match on the half chosen on; None if
            there is one at the strictest.
        more_pictures: how many more would support the strictest level, if they are like these; 0
            if there is a level, or if no number of them would do.
    """

    level: int | None
    outcome: str
    unseen_level: int | None
    more_pictures: int


def recommend(choose: Figures, score: Figures, settings: EvaluationSettings) -> Recommendation:
    """Choose a level on one half, and see how it does on the other.

    Upper bounds never fall from one level to the next. So a level that is too lax is recommended
    only if the bound at the first such level is below the truth, which is as rare at one level as
    at many: looking at all of them costs nothing.
    """
    limit = settings.max_false_rate
    bearable = np.flatnonzero(choose.pairs.rate.high <= limit)
    clean = np.flatnonzero(choose.pairs.matches == 0)
    unseen = int(clean[-1]) if len(clean) else None
    if not len(bearable):
        needed = choose.pairs.needed(0, limit)
        lacking = lacking_pictures(needed, choose.pictures + score.pictures)
        return Recommendation(None, "unsupported", unseen, lacking)
    level = int(bearable[-1])
    rate = score.pairs.rate
    outcome = "open"
    if rate.high[level] <= limit:
        outcome = "held"
    elif rate.low[level] > limit:
        outcome = "broken"
    return Recommendation(level, outcome, unseen, 0)


def lacking_pictures(needed: int, total: int) -> int:
    """How many more pictures it takes until each half has as many as are needed.

    Args:
        needed: in each half; 0 if no number would do, as is returned then.
        total: how many there are.
    """
    return max(1, 2 * needed - total) if needed else 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two algorithms together compared with the first of them alone, at equal recall.

    Attributes:
        level: of the two together.
        alone_level: the lowest level of the first alone that finds as much; None if none does.
        recall: of the two together.
        false_together: their false matches on the half scored on.
        false_alone: those of the first alone.
        verdict: ``a_tenth`` if together they have at most a tenth as many, ``more`` if not,
            ``cannot_tell`` if there are too few of either to say.
    """

    level: int
    alone_level: int | None
    recall: float
    false_together: int
    false_alone: int | None
    verdict: str


def compare(together: Figures, alone: Figures, level: int | None) -> Comparison:
    """Compare two algorithms that must agree with the first alone, where both find as much.

    Args:
        together: figures of the rule that needs both, on the half scored on.
        alone: figures of the first algorithm, on the same half.
        level: of ``together``; None for the laxest at which both find as much, which has the most
            false matches to judge by.
    """
    if level is None:
        reached = np.flatnonzero(together.recall.value <= alone.recall.value[-1])
        level = int(reached[-1]) if len(reached) else 0
    recall = float(f"{together.recall.value[level]:.6g}")
    as_much = np.flatnonzero(alone.recall.value >= together.recall.value[level])
    ours = int(together.pairs.matches[level])
    if not len(as_much):
        return Comparison(level, None, recall, ours, None, "cannot_tell")
    other = int(as_much[0])
    theirs = int(alone.pairs.matches[other])
    verdict = "a_tenth" if ours <= TENTH * theirs else "more"
    if max(ours, theirs) < ENOUGH:
        verdict = "cannot_tell"
    return Comparison(level, other, recall, ours, theirs, verdict)
