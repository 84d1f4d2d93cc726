"""The threshold to use: chosen on one half of the pictures, scored on the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hashmatch.evaluate.figures import Figures
from hashmatch.evaluate.settings import EvaluationSettings


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

    It is 0 if no number is enough, as where ``needed`` is 0.
    """
    return max(1, 2 * needed - total) if needed else 0
