"""An item and its parts as the pipeline keeps track of them. The tables in ``pipeline.py`` say how.

Only the pipeline changes their steps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from enum import Enum
from typing import Any, Generic, TypeVar

J = TypeVar("J", bound="Journey")


class Step(Enum):
    """Where an item is."""

    NEW = "new"
    DIGESTING = "digesting"
    WAITING = "waiting"
    EXAMINING = "examining"
    COMPLETE = "complete"
    CLOSED = "closed"


class PartStep(Enum):
    """Where a part is."""

    UNSCREENED = "unscreened"
    SCREENING = "screening"
    UNCERTAIN = "uncertain"
    DECIDED = "decided"


class PartJourney(Generic[J]):
    """An item, or a member of an archive, on its way to its result.

    Attributes:
        journey: of the item.
        name: of the member within the archive; None for the item itself.
        number: 1, 2, ... for members; 0 for the item itself.
        evidence: what its result is based on; the pipeline never looks into it.
        result: its result, set once it is decided; the pipeline never looks into that either.
        step: where it is.
        was_uncertain: it had to be examined in full, which happens once at most.
    """

    __slots__ = ("evidence", "journey", "name", "number", "result", "step", "was_uncertain")

    def __init__(self, journey: J, name: bytes | None, number: int, evidence: Any) -> None:
        self.journey = journey
        self.name = name
        self.number = number
        self.evidence = evidence
        self.result: Any = None
        self.step = PartStep.UNSCREENED
        self.was_uncertain = False


class Journey:
    """One item's way through the pipeline, which alone changes these attributes.

    The shell derives a class that knows the item.

    Attributes:
        step: where the item is.
        is_open: whether it is open.
        place: what is kept so that it can be opened later, if anything is.
        members: how many members of it have been found.
        undecided: how many of its parts have no result.
        parts: those that have not left, in order.
        to_confirm: those for which it is to be reopened.
    """

    __slots__ = (
        "__weakref__",
        "is_open",
        "members",
        "parts",
        "place",
        "step",
        "to_confirm",
        "undecided",
    )

    def __init__(self) -> None:
        self.step = Step.NEW
        self.is_open = False
        self.place: Hashable = None
        self.members = 0
        self.undecided = 0
        self.parts: deque[PartJourney[Any]] = deque()
        self.to_confirm: list[PartJourney[Any]] = []
