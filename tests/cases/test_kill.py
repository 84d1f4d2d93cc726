"""What SIGKILL leaves of decisions, in both databases."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cases.findings import finding, match_of
from commands import unmeasured
from counts import LONG
from hashmatch.cases import Cases, check_trail
from hashmatch.custody.audit import verify
from hashmatch.custody.journal import JournalReader

PROGRAM = Path(__file__).with_name("deciding.py")
ROUNDS = 40 if LONG else 2
AFTER = 25
"""Decisions that are said before the process is killed, somewhere in one of the next."""


def test_no_decision_is_lost_and_none_is_half_made(place: str, tmp_path: Path) -> None:
    """Whatever was said to count is stored and in the trail, and what is in force follows."""
    trail = tmp_path / "audit.log"
    with Cases(place) as cases:
        cases.record(finding(number, match_of(1), match_of(2)) for number in range(3))
    said: dict[int, tuple[int, str]] = {}
    for _ in range(ROUNDS):
        with subprocess.Popen(
            [sys.executable, PROGRAM, place, str(trail)],
            stdout=subprocess.PIPE,
            text=True,
            env=unmeasured(),
        ) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(AFTER)]
            process.kill()
            lines += process.stdout.readlines()
        for line in lines:
            if line.endswith("\n") and len(line.split()) == 3:
                number, case, word = line.split()
                said[int(number)] = (int(case), word)
    assert len(said) >= ROUNDS * AFTER
    journal = JournalReader(trail)
    events = [(f"trail:{journal.line}", record["event"]) for record in journal]
    with Cases(place, create=False) as cases:
        stored = {made.id: (made.case, made.decision) for made in cases.decisions()}
        assert said.items() <= stored.items()
        found = check_trail(cases, events)
        assert found.problems == ()
        assert len(found.gaps) <= 1
        assert cases.misjudged() == []
    assert not verify(trail).problems


@pytest.mark.parametrize("order", ["first_seen", "doubt"])
def test_the_queue_is_a_range_of_an_index(order: str, place: str) -> None:
    """With any filter and order, the database walks one index, and sorts nothing."""
    from cases.plans import plan_of  # noqa: PLC0415 # imports the database's driver

    with Cases(place) as cases:
        cases.record(finding(number) for number in range(3))
        for named in ({}, {"list": "list-0"}, {"band": "close", "door": "scan"}):
            plan = plan_of(cases, order, **named)
            index = "facets_by_time" if order == "first_seen" else "facets_by_doubt"
            assert index in plan, plan
            assert "sort" not in plan.lower().replace("seq scan", ""), plan
            assert "temp b-tree" not in plan.lower(), plan
