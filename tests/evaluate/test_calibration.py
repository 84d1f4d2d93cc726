from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="module")
def shares() -> dict[str, Any]:
    """How often sixty evaluations of a simulated world were right, by rule."""
    from calibration import calibrate  # noqa: PLC0415 # its imports take over a second
    from worlds import World  # noqa: PLC0415 # as above

    return calibrate(World.make(5, 150, 1.0), runs=60, pictures=500, seed=7)


def test_recall_intervals_hold_the_truth(shares: dict[str, Any]) -> None:
    """95% intervals of recall contain the true recall in 92 to 98% of runs, overall and each."""
    for rule in shares.values():
        assert 0.9 <= rule["recall"] <= 1
        assert 0.92 <= rule["recall_by_transform"] <= 0.98


def test_false_match_intervals_hold_the_truth(shares: dict[str, Any]) -> None:
    """95% intervals of the rate of false matches contain the true rate about as often."""
    for rule in shares.values():
        assert 0.9 <= rule["false_rate"] <= 1
        assert rule["false_rate_missed_above"] <= 0.05


def test_recommended_thresholds_keep_the_limit(shares: dict[str, Any]) -> None:
    """At most one recommendation in twenty really has more false matches than the limit."""
    for rule in shares.values():
        assert rule["too_lax"] <= 0.05
        assert rule["recommended"] > 0.2
