"""Which item is at which step: a state machine without files, processes or clocks.

The shell, ``engine.py``, reports events by calling methods, and carries out the commands that
``commands`` hands back. Each item is on a ``Journey``:

==========  =======================  ==========  ================================================
step        event                    next step   what follows
==========  =======================  ==========  ================================================
(none)      ``admit``                new
new         ``known``                complete    its parts are to be screened
new         ``opened``               examining   ``ExamineItem``
new         ``opened`` (to digest)   digesting   ``ExamineItem`` with ``digest_only``
new         ``found`` (the item)     complete    it could not be opened
digesting   ``found`` (the item)     complete    it could not be read
digesting   ``known``                complete    its parts are to be screened
digesting   ``examine``              examining   ``ExamineItem``
digesting   ``wait``                 waiting
waiting     ``known``                complete    its parts are to be screened
waiting     ``examine``              examining   ``ExamineItem``
waiting     ``wait``                 waiting
examining   ``found`` (a member)     examining   the member is to be screened
examining   ``found`` (the item)     complete    the item is to be screened
complete    the last ``decided``     closed      ``CloseItem``
==========  =======================  ==========  ================================================

Each part of an item (its members, if it is an archive, and last the item itself) has steps, too:

============  ===============  ============  ===================================================
step          event            next step     what follows
============  ===============  ============  ===================================================
unscreened    ``screen``       screening
screening     ``decided``      decided       it leaves once everything ahead of it has left
screening     ``uncertain``    uncertain     ``ExamineItem`` in full, once; the item is reopened for
                                             it as soon as one more file may be open
uncertain     ``confirmed``    unscreened    it was examined in full
uncertain     ``unreadable``   unscreened    the item could not be reopened
decided       ``leave``        (gone)
============  ===============  ============  ===================================================

Every other event raises ``IllegalEvent``. So every part gets exactly one result, and results leave
in the order in which their items came, an archive after its members.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeAlias

from hashmatch.scan.journey import J, PartJourney, PartStep, Step


class IllegalEvent(RuntimeError):  # noqa: N818 # it reads as what happened
    """The shell reported an event that the tables above do not have: a mistake in the shell."""


# Looking a member up on its class takes longer than all else that is done with it
_NEW, _DIGESTING, _WAITING, _EXAMINING, _COMPLETE, _CLOSED = Step
_UNSCREENED, _SCREENING, _UNCERTAIN, _DECIDED = PartStep

_UNSETTLED = (_DIGESTING, _WAITING)
_NOT_YET_KNOWN = (_NEW, *_UNSETTLED)
_MAY_FAIL = (_NEW, _DIGESTING)


@dataclass(slots=True, eq=False)
class ExamineItem(Generic[J]):
    """Have an item examined; open it first if it is not open."""

    journey: J
    part: PartJourney[J] | None = None  # the part to examine again, in full; None for everything
    digest_only: bool = False  # take digests, and do nothing else
    skip: int = 0  # how many members to pass over
    count: int = 0  # how many members to examine; 0 for all the rest and the item itself


@dataclass(slots=True, eq=False)
class CloseItem(Generic[J]):
    """Close an item, and stop keeping anything open for it."""

    journey: J


Command: TypeAlias = ExamineItem[J] | CloseItem[J]


class Bounds(NamedTuple):
    """How much there may be at a time."""

    items: int  # items that have not left
    files: int  # items open
    held: int  # places kept for items that may have to be opened later


class Pipeline(Generic[J]):
    """The state machine, and how much there may be in it at a time."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._journeys: deque[J] = deque()
        self._commands: deque[Command[J]] = deque()
        self._unscreened: list[PartJourney[J]] = []
        self._to_reopen: deque[J] = deque()
        self._held: Counter[Hashable] = Counter()
        self._open = 0
        self._new = 0  # each of which may come to be open, or to hold a place

    @property
    def has_room(self) -> bool:
        """Whether a further item may be admitted."""
        bounds = self._bounds
        return (
            len(self._journeys) < bounds.items
            and self._open + self._new < bounds.files
            and len(self._held) + self._new < bounds.held
        )

    @property
    def is_empty(self) -> bool:
        """Whether every item has left."""
        return not self._journeys

    @property
    def unscreened(self) -> int:
        """How many parts wait for ``screen``."""
        return len(self._unscreened)

    def commands(self) -> Iterator[Command[J]]:
        """Yield what is to be done now. Carry out each command before taking the next."""
        while True:
            if not self._commands and self._to_reopen and self._may_reopen():
                self._reopen(self._to_reopen.popleft())
            if not self._commands:
                return
            yield self._commands.popleft()

    def admit(self, journey: J) -> None:
        """Take in an item."""
        if journey.step is not _NEW or not self.has_room:
            raise IllegalEvent("admit")
        self._journeys.append(journey)
        self._new += 1

    def opened(self, journey: J, *, digest_first: bool) -> None:
        """Note that an item is open now, and is to be examined, or only digested at first."""
        self._expect(journey, (_NEW,), "opened")
        self._new -= 1
        journey.is_open = True
        self._open += 1
        journey.step = _DIGESTING if digest_first else _EXAMINING
        self._commands.append(ExamineItem(journey, digest_only=digest_first))

    def known(
        self,
        journey: J,
        parts: Iterable[tuple[bytes | None, Any]],
        *,
        place: Hashable = None,
    ) -> None:
        """Note that all parts of an item are known; the last, with no name, is the item itself.

        ``place`` is what to keep so that the item can be opened later, if it may have to be.
        """
        self._expect(journey, _NOT_YET_KNOWN, "known")
        if place is not None:
            if journey.is_open:
                raise IllegalEvent("known, of an open item that is to be opened later")
            journey.place = place
            self._held[place] += 1
        for name, evidence in parts:
            self._add(journey, name, evidence)
        self._expect(journey, (_COMPLETE,), "known")

    def wait(self, journey: J) -> None:
        """Note that an item was digested, and may equal one that is being examined."""
        self._expect(journey, _UNSETTLED, "wait")
        journey.step = _WAITING

    def examine(self, journey: J) -> None:
        """Note that an item was digested, and is not known."""
        self._expect(journey, _UNSETTLED, "examine")
        journey.step = _EXAMINING
        self._commands.append(ExamineItem(journey))

    def found(self, journey: J, name: bytes | None, evidence: Any) -> None:
        """Note what was found of an item (no name), or of a member of it."""
        if journey.step is not _EXAMINING and not (name is None and journey.step in _MAY_FAIL):
            raise IllegalEvent("found")
        self._add(journey, name, evidence)

    def screen(self) -> list[PartJourney[J]]:
        """Take all parts that are to be screened."""
        parts, self._unscreened = self._unscreened, []
        for part in parts:
            part.step = _SCREENING
        return parts

    def decided(self, part: PartJourney[J], result: Any) -> None:
        """Note the result of a part."""
        self._expect_part(part, _SCREENING, "decided")
        part.step = _DECIDED
        part.result = result
        journey = part.journey
        journey.undecided -= 1
        if journey.step is _COMPLETE and not journey.undecided:
            self._close(journey)

    def uncertain(self, part: PartJourney[J]) -> None:
        """Note that a part has to be examined in full."""
        self._expect_part(part, _SCREENING, "uncertain")
        if part.was_uncertain:
            raise IllegalEvent("uncertain, again")
        part.step = _UNCERTAIN
        part.was_uncertain = True
        journey = part.journey
        if journey.is_open:
            self._confirm(part)
            return
        if not journey.to_confirm:
            self._to_reopen.append(journey)
        journey.to_confirm.append(part)

    def confirmed(self, part: PartJourney[J], evidence: Any) -> None:
        """Note what was found by examining a part in full."""
        self._expect_part(part, _UNCERTAIN, "confirmed")
        self._queue(part, evidence)

    def unreadable(self, part: PartJourney[J], evidence: Any) -> None:
        """Note that the item of a part could not be reopened, so the part stays as it is."""
        self._expect_part(part, _UNCERTAIN, "unreadable")
        if part.journey.is_open:
            part.journey.is_open = False
            self._open -= 1
        self._queue(part, evidence)

    def leave(self) -> list[PartJourney[J]]:
        """Take the parts that may leave, in order."""
        done: list[PartJourney[J]] = []
        while self._journeys:
            journey = self._journeys[0]
            parts = journey.parts
            while parts and parts[0].step is _DECIDED:
                done.append(parts.popleft())
            if journey.step is not _CLOSED:  # else every part was decided, and has left
                break
            self._journeys.popleft()
        return done

    def abandon(self) -> Iterator[J]:
        """Yield the items that have not left, all of which are to be closed."""
        yield from self._journeys

    def _add(self, journey: J, name: bytes | None, evidence: Any) -> None:
        if journey.step is _COMPLETE:
            raise IllegalEvent("a part after the last one")
        if journey.step is _NEW and name is None:
            self._new -= 1
        if name is None:
            number = 0
            journey.step = _COMPLETE
        else:
            number = journey.members = journey.members + 1
        part = PartJourney(journey, name, number, evidence)
        journey.undecided += 1
        journey.parts.append(part)
        self._unscreened.append(part)

    def _queue(self, part: PartJourney[J], evidence: Any) -> None:
        part.evidence = evidence
        part.step = _UNSCREENED
        self._unscreened.append(part)

    def _may_reopen(self) -> bool:
        return self._open + self._new < self._bounds.files

    def _reopen(self, journey: J) -> None:
        journey.is_open = True
        self._open += 1
        parts, journey.to_confirm = journey.to_confirm, []
        for part in parts:
            self._confirm(part)

    def _confirm(self, part: PartJourney[J]) -> None:
        journey = part.journey
        # A picture can be an archive too, whose members are done
        skip, count = (part.number - 1, 1) if part.number else (journey.members, 0)
        self._commands.append(ExamineItem(journey, part, skip=skip, count=count))

    def _close(self, journey: J) -> None:
        journey.step = _CLOSED
        self._open -= journey.is_open
        journey.is_open = False
        if journey.place is not None:
            self._held[journey.place] -= 1
            if not self._held[journey.place]:
                del self._held[journey.place]
        self._commands.append(CloseItem(journey))

    def _expect(self, journey: J, steps: Iterable[Step], event: str) -> None:
        if journey.step not in steps:
            raise IllegalEvent(f"{event}, of an item that is {journey.step.value}")

    def _expect_part(self, part: PartJourney[J], step: PartStep, event: str) -> None:
        if part.step is not step:
            raise IllegalEvent(f"{event}, of a part that is {part.step.value}")
