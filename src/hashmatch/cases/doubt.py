"""How far a match is from certain, in words and as a number to sort by."""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Row

    from hashmatch.cases.values import CaseMatch


def band(distance: int, threshold: int) -> str:
    """Say how far a match is from certain: ``equal``, ``close``, ``far`` or ``edge``."""
    if distance == 0:
        return "equal"
    if 2 * distance <= threshold:
        return "close"
    # The edge is the last quarter of the threshold
    return "far" if 4 * distance <= 3 * threshold else "edge"


def doubt(match: CaseMatch | Row[Any]) -> float:
    """How likely a match is a mistake, as a number to sort by.

    Candidates come first, then matches whose distance is not exact, then those that chance makes
    most often, then those that use most of the threshold. A match whose chance is not known counts
    as a frequent one.
    """
    chance = 1e3 if match.expected_false is None else match.expected_false
    often = (log10(min(max(chance, 1e-15), 1e3)) + 15) / 18
    used = match.distance / match.threshold if match.threshold else 0.0
    # Each part is smaller than the step of the one before it
    return 4.0 * (match.cause is not None) + 2.0 * (not match.exact) + often + 1e-4 * used
