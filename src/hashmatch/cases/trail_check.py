"""Compares the decisions in a case store with those in an audit trail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hashmatch.cases.deciding import trail_event
from hashmatch.cases.store import Cases
from hashmatch.cases.values import DecisionRecord


@dataclass(frozen=True, slots=True)
class TrailCheck:
    """The result of a comparison."""

    decisions: int  # how many the store has
    # decisions that were added, changed or removed behind the trail's back
    problems: tuple[str, ...]
    gaps: tuple[str, ...]  # what an interrupted process may have left


def check_trail(cases: Cases, events: Iterable[tuple[str, Mapping[str, Any]]]) -> TrailCheck:
    """Find decisions that no trail has, or that one has otherwise.

    The events of all trails come with their place, such as ``trail:12``.
    """
    # A number is given again if a process was killed before its decision counted
    chained: dict[int, list[tuple[str, Mapping[str, Any]]]] = {}
    for place, event in events:
        if event.get("type") == "decision" and event.get("cases") == cases.token:
            chained.setdefault(event["id"], []).append((place, event))
    stored = {made.id: made for made in cases.decisions()}
    problems = [
        fault
        for number, made in stored.items()
        for fault in _faults(made, trail_event(cases.token, made), chained.get(number, ()))
    ]
    last = max(stored, default=0)
    for number in range(1, last + 1):
        if number not in stored:
            places = "".join(f" ({place} has it)" for place, _ in chained.get(number, ()))
            problems.append(f"decision {number} was removed{places}")
    problems += [
        f"match {match} has a decision in force that no decision gives it"
        for match in cases.misjudged()
    ]
    gaps = [
        f"decision {number} ({place} has it) was interrupted before it counted, or removed"
        for number, found in sorted(chained.items())
        for place, _ in found
        if number > last
    ]
    return TrailCheck(len(stored), tuple(problems), tuple(gaps))


def _faults(
    made: DecisionRecord,
    wanted: Mapping[str, Any],
    chained: Sequence[tuple[str, Mapping[str, Any]]],
) -> Iterator[str]:
    if not chained:
        yield f"{_named(made)} is not in the trail"
        return
    wrong = [
        [name for name, value in wanted.items() if event.get(name) != value] for _, event in chained
    ]
    if all(wrong):
        yield f"{_named(made)} differs from {chained[-1][0]} in {', '.join(wrong[-1])}"


def _named(made: DecisionRecord) -> str:
    return f"decision {made.id} ({made.decision} on case {made.case}, by {made.reviewer})"
