"""The threshold to use: chosen on one half of the pictures, scored on the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hashmatch.evaluate.figures import Figures
from hashmatch.evaluate.settings import EvaluationSettings

TENTH = 0.1
ENOUGH = 10
"""Fewer false matches than that of either rule do not say how they compare."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What the data supports.

    Attributes:
        level: the largest level whose upper bound of false matches is within the limit, on the
            half that it is chosen on; None where not even the strictest is.
        outcome: ``held`` where the other half's upper bound is within the limit too, ``broken``
            where its lower end is above it, ``open`` where it cannot tell; ``unsupported`` where
            there is no level.
        unseen: the largest level without any false match on the half that is chosen on; None
            where there is one at the strictest.
        more_pictures: how many more would be needed for the strictest level, if they are like
            these; 0 where there is a level, or where no number of them would do.
    """

    level: int | None
    outcome: str
    unseen: int | None
    more_pictures: int


def recommend(choose: Figures, score: Figures, settings: EvaluationSettings) -> Recommendation:
    """Choose a level on the one half, and look how it does on the other.

    Upper bounds never fall from one level to the next. So a level that is too lax is recommended
    only where the bound at the first such level lies under the truth, which is as rare at one
    level as at many: looking at all of them costs nothing.
    """
    limit = settings.max_false_rate
    bearable = np.flatnonzero(choose.pairs.rate.high <= limit)
    clean = np.flatnonzero(choose.pairs.matches == 0)
    unseen = int(clean[-1]) if len(clean) else None
    if not len(bearable):
        needed, total = choose.pairs.needed(0, limit), choose.pictures + score.pictures
        return Recommendation(
            None, "unsupported", unseen, max(1, 2 * needed - total) * (needed > 0)
        )
    level = int(bearable[-1])
    rate = score.pairs.rate
    outcome = "open"
    if rate.high[level] <= limit:
        outcome = "held"
    elif rate.low[level] > limit:
        outcome = "broken"
    return Recommendation(level, outcome, unseen, 0)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two algorithms together against the first of them alone, at equal recall.

    Attributes:
        level: of the two together.
        alone: the lowest level of the first alone that finds as much; None where none does.
        recall: of the two together.
        false_together: their false matches on the half that is scored on.
        false_alone: those of the first alone.
        verdict: ``a_tenth`` where together there are at most a tenth of them, ``more`` where
            not, ``cannot_tell`` where there are too few of either to say.
    """

    level: int
    alone: int | None
    recall: float
    false_together: int
    false_alone: int | None
    verdict: str


def compare(together: Figures, alone: Figures, level: int | None) -> Comparison:
    """Hold two algorithms that must agree against the first alone, where both find as much.

    Args:
        together: figures of the rule that both must be near, on the half that is scored on.
        alone: figures of the first algorithm, on the same half.
        level: of ``together``; None for the laxest at which both find as much, where there are
            the most false matches to tell from.
    """
    if level is None:
        reached = np.flatnonzero(together.recall.value <= alone.recall.value[-1])
        level = int(reached[-1]) if len(reached) else 0
    recall = float(together.recall.value[level])
    as_much = np.flatnonzero(alone.recall.value >= recall)
    ours = int(together.pairs.matches[level])
    if not len(as_much):
        return Comparison(level, None, recall, ours, None, "cannot_tell")
    other = int(as_much[0])
    theirs = int(alone.pairs.matches[other])
    verdict = "a_tenth" if ours <= TENTH * theirs else "more"
    if max(ours, theirs) < ENOUGH:
        verdict = "cannot_tell"
    return Comparison(level, other, recall, ours, theirs, verdict)
