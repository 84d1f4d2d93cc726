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
    """An item, or a member of an archive, on its way to its result."""

    __slots__ = ("evidence", "journey", "name", "number", "result", "step", "was_uncertain")

    def __init__(self, journey: J, name: bytes | None, number: int, evidence: Any) -> None:
        self.journey = journey
        self.name = name  # of the member within the archive; None for the item itself
        self.number = number  # 1, 2, ... for members; 0 for the item itself
        self.evidence = evidence  # what its result is based on; the pipeline never looks into it
        # its result, set once it is decided; the pipeline never looks into that either
        self.result: Any = None
        self.step = PartStep.UNSCREENED
        self.was_uncertain = False  # it had to be examined in full, which happens once at most


class Journey:
    """One item's way through the pipeline, which alone changes its attributes.

    The shell derives a class that knows the item.
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
        self.place: Hashable = None  # what is kept so that it can be opened later, if anything is
        self.members = 0  # how many members of it have been found
        self.undecided = 0  # how many of its parts have no result
        self.parts: deque[PartJourney[Any]] = deque()  # those that have not left, in order
        self.to_confirm: list[PartJourney[Any]] = []  # those for which it is to be reopened
