"""The pipeline's state machine, driven by events in any order that the shell could report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeAlias

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hashmatch.scan.journey import Journey, PartJourney, PartStep, Step
from hashmatch.scan.pipeline import Bounds, CloseItem, ExamineItem, IllegalEvent, Pipeline

BOUNDS = Bounds(items=5, files=2, held=2)


class Numbered(Journey):
    """A journey that knows its place in the order, and what the shell has open for it."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.readable = False
        self.reopens = True
        self.names: list[bytes | None] = []


class Interleavings(RuleBasedStateMachine):
    """A shell that does whatever it may do next, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.pipeline: Pipeline[Numbered] = Pipeline(BOUNDS)
        self.admitted = 0
        self.new: list[Numbered] = []
        self.digesting: list[Numbered] = []
        self.waiting: list[Numbered] = []
        self.examining: list[Numbered] = []
        self.screening: list[PartJourney[Numbered]] = []
        self.in_full: list[PartJourney[Numbered]] = []
        self.closed: Counter[int] = Counter()
        self.left: list[tuple[int, bytes | None, object]] = []
        self.expected: dict[int, list[bytes | None]] = {}

    def obey(self) -> None:
        """Carry out the commands, as the engine does."""
        for command in self.pipeline.commands():
            journey = command.journey
            if isinstance(command, CloseItem):
                self.closed[journey.number] += 1
                journey.readable = False
            elif command.part is None:
                assert journey.readable
                (self.digesting if command.digest_only else self.examining).append(journey)
            else:
                self.examine_in_full(command, command.part)

    def examine_in_full(self, command: ExamineItem[Numbered], part: PartJourney[Numbered]) -> None:
        """Reopen the item, unless it is gone."""
        journey = command.journey
        members = [name for name in journey.names if name is not None]
        if part.name is None:
            assert (command.skip, command.count) == (len(members), 0)
        else:
            assert command.count == 1
            assert members[command.skip] == part.name
        if not journey.readable and not journey.reopens:
            self.pipeline.unreadable(part, "unconfirmed")
        else:
            journey.readable = True
            self.in_full.append(part)

    def add(self, journey: Numbered, name: bytes | None) -> None:
        """Note that a part is to get a result."""
        journey.names.append(name)
        self.expected.setdefault(journey.number, []).append(name)

    @precondition(lambda self: self.pipeline.has_room)
    @rule()
    def admit(self) -> None:
        """An item arrives."""
        journey = Numbered(self.admitted)
        self.admitted += 1
        self.pipeline.admit(journey)
        self.new.append(journey)

    @precondition(lambda self: self.new)
    @rule(digest_first=st.booleans())
    def opened(self, digest_first: bool) -> None:
        """It can be opened."""
        journey = self.new.pop()
        journey.readable = True
        self.pipeline.opened(journey, digest_first=digest_first)
        self.obey()

    @precondition(lambda self: self.new or self.digesting)
    @rule()
    def failed(self) -> None:
        """It cannot be opened, or not be read."""
        journey = (self.new or self.digesting).pop()
        self.add(journey, None)
        self.pipeline.found(journey, None, "failed")

    @precondition(lambda self: self.new or self.digesting or self.waiting)
    @rule(
        members=st.integers(0, 3),
        place=st.sampled_from([None, "a", "b", "c"]),
        reopens=st.booleans(),
    )
    def known(self, members: int, place: str | None, reopens: bool) -> None:
        """It is known, itself or by its contents."""
        journey = (self.new or self.digesting or self.waiting).pop()
        journey.reopens = reopens
        names = [*(b"%d" % number for number in range(members)), None]
        for name in names:
            self.add(journey, name)
        parts = [(name, "known") for name in names]
        self.pipeline.known(journey, parts, place=None if journey.readable else place)

    @precondition(lambda self: self.digesting or self.waiting)
    @rule(examine=st.booleans())
    def settled(self, examine: bool) -> None:
        """It was digested: it is new, or may equal another one."""
        journey = (self.waiting or self.digesting).pop()
        if examine:
            self.pipeline.examine(journey)
            self.obey()
        else:
            self.pipeline.wait(journey)
            self.waiting.insert(0, journey)

    @precondition(lambda self: self.examining)
    @rule(data=st.data(), last=st.booleans())
    def found(self, data: st.DataObject, last: bool) -> None:
        """A worker has examined a member, or the whole."""
        journey = data.draw(st.sampled_from(self.examining))
        name = None if last else b"%d" % len(journey.names)
        if last:
            self.examining.remove(journey)
        self.add(journey, name)
        self.pipeline.found(journey, name, "found")

    @rule()
    def screen(self) -> None:
        """Whatever waits is handed out for its screening."""
        parts = self.pipeline.screen()
        assert all(part.step is PartStep.SCREENING for part in parts)
        self.screening += parts

    @precondition(lambda self: self.screening)
    @rule(data=st.data(), uncertain=st.booleans())
    def screened(self, data: st.DataObject, uncertain: bool) -> None:
        """A part is decided, or has to be examined in full."""
        part = data.draw(st.sampled_from(self.screening))
        self.screening.remove(part)
        if uncertain and not part.was_uncertain and part.evidence in {"known", "found"}:
            self.pipeline.uncertain(part)
        else:
            self.pipeline.decided(part, (part.journey.number, part.name))
        self.obey()

    @precondition(lambda self: self.in_full)
    @rule(data=st.data())
    def confirmed(self, data: st.DataObject) -> None:
        """A worker has examined a part in full."""
        part = data.draw(st.sampled_from(self.in_full))
        self.in_full.remove(part)
        self.pipeline.confirmed(part, "in full")

    @rule()
    def leave(self) -> None:
        """Whoever waits for results takes them."""
        for part in self.pipeline.leave():
            self.left.append((part.journey.number, part.name, part.result))

    @invariant()
    def bounds_are_kept(self) -> None:
        """No more is open, held or on its way than there may be."""
        assert self.pipeline._open <= BOUNDS.files
        assert len(self.pipeline._held) <= BOUNDS.held

    @invariant()
    def what_left_is_in_order_and_was_decided_once(self) -> None:
        """Results are those of the items in order, each archive after its members."""
        order = [
            (number, name, (number, name))
            for number in sorted(self.expected)
            for name in self.expected[number]
        ]
        assert self.left == order[: len(self.left)]
        assert all(count == 1 for count in self.closed.values())

    def teardown(self) -> None:
        """From wherever it stands, everything comes to its end, and nothing is left open."""
        while self.new:
            self.failed()
        for journey in [*self.digesting, *self.waiting]:
            self.pipeline.examine(journey)
        self.obey()
        for journey in self.examining:
            self.add(journey, None)
            self.pipeline.found(journey, None, "found")
        for _ in range(4 * BOUNDS.items):  # an item or two are reopened at a time
            self.screen()
            parts, self.screening = self.screening, []
            for part in parts:
                self.pipeline.decided(part, (part.journey.number, part.name))
            self.obey()
            while self.in_full:
                self.pipeline.confirmed(self.in_full.pop(), "in full")
            self.leave()
        assert self.pipeline.is_empty
        assert len(self.left) == sum(map(len, self.expected.values()))
        assert self.closed == Counter(range(self.admitted))
        assert (self.pipeline._open, len(self.pipeline._held)) == (0, 0)
        self.what_left_is_in_order_and_was_decided_once()


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(max_examples=60, stateful_step_count=40)


def journey_at(step: Step) -> tuple[Pipeline[Numbered], Numbered]:
    """A pipeline whose only item is at this step."""
    pipeline: Pipeline[Numbered] = Pipeline(BOUNDS)
    journey = Numbered(0)
    pipeline.admit(journey)
    if step in {Step.DIGESTING, Step.WAITING, Step.EXAMINING}:
        pipeline.opened(journey, digest_first=step is not Step.EXAMINING)
    if step is Step.WAITING:
        pipeline.wait(journey)
    if step in {Step.COMPLETE, Step.CLOSED}:
        pipeline.known(journey, [(None, "known")])
    if step is Step.CLOSED:
        pipeline.decided(pipeline.screen()[0], "result")
    assert journey.step is step
    return pipeline, journey


EVENTS: dict[str, tuple[Callable[[Pipeline[Numbered], Numbered], None], set[Step]]] = {
    "admit": (lambda p, j: p.admit(j), set()),
    "known": (
        lambda p, j: p.known(j, [(b"1", ""), (None, "")]),
        {Step.NEW, Step.DIGESTING, Step.WAITING},
    ),
    "opened": (lambda p, j: p.opened(j, digest_first=True), {Step.NEW}),
    "wait": (lambda p, j: p.wait(j), {Step.DIGESTING, Step.WAITING}),
    "examine": (lambda p, j: p.examine(j), {Step.DIGESTING, Step.WAITING}),
    "found member": (lambda p, j: p.found(j, b"1", ""), {Step.EXAMINING}),
    "found item": (lambda p, j: p.found(j, None, ""), {Step.NEW, Step.DIGESTING, Step.EXAMINING}),
}
"""Each event, and the steps at which the table of transitions allows it."""


@pytest.mark.parametrize("step", [step for step in Step if step is not Step.NEW])
@pytest.mark.parametrize("event", EVENTS)
def test_events_that_the_table_does_not_have_are_illegal(event: str, step: Step) -> None:
    """At every step, exactly the events in the table are taken; the others raise."""
    pipeline, journey = journey_at(step)
    report, legal = EVENTS[event]
    if step in legal:
        report(pipeline, journey)
    else:
        with pytest.raises(IllegalEvent):
            report(pipeline, journey)


PartEvent: TypeAlias = Callable[[Pipeline[Numbered], PartJourney[Numbered]], None]

PART_EVENTS: dict[str, tuple[PartEvent, PartStep]] = {
    "decided": (lambda p, part: p.decided(part, "again"), PartStep.SCREENING),
    "uncertain": (lambda p, part: p.uncertain(part), PartStep.SCREENING),
    "confirmed": (lambda p, part: p.confirmed(part, "in full"), PartStep.UNCERTAIN),
    "unreadable": (lambda p, part: p.unreadable(part, "unconfirmed"), PartStep.UNCERTAIN),
}


@pytest.mark.parametrize("step", PartStep)
@pytest.mark.parametrize("event", PART_EVENTS)
def test_a_part_is_decided_once_and_examined_in_full_at_most_once(
    event: str, step: PartStep
) -> None:
    """At every step of a part, exactly the events in the table are taken; the others raise."""
    pipeline, journey = journey_at(Step.COMPLETE)
    (part,) = journey.parts
    if step is not PartStep.UNSCREENED:
        pipeline.screen()
    if step is PartStep.UNCERTAIN:
        pipeline.uncertain(part)
        list(pipeline.commands())
    if step is PartStep.DECIDED:
        pipeline.decided(part, "result")
    report, legal = PART_EVENTS[event]
    if step is not legal:
        with pytest.raises(IllegalEvent):
            report(pipeline, part)
        return
    report(pipeline, part)
    if legal is PartStep.UNCERTAIN:
        pipeline.screen()
        with pytest.raises(IllegalEvent, match="again"):
            pipeline.uncertain(part)


def test_nothing_is_admitted_beyond_the_bounds() -> None:
    """Once there is no room, a further item is refused."""
    pipeline: Pipeline[Numbered] = Pipeline(BOUNDS)
    for number in range(BOUNDS.files):
        journey = Numbered(number)
        pipeline.admit(journey)
        pipeline.opened(journey, digest_first=False)
    assert not pipeline.has_room
    with pytest.raises(IllegalEvent):
        pipeline.admit(Numbered(9))


def test_an_item_is_reopened_only_once_another_is_closed() -> None:
    """While as many files are open as may be, a part that needs its item again waits."""
    pipeline: Pipeline[Numbered] = Pipeline(BOUNDS)
    known, *others = (Numbered(number) for number in range(1 + BOUNDS.files))
    pipeline.admit(known)
    pipeline.known(known, [(b"member", "known"), (None, "known")], place="a")
    for journey in others:
        pipeline.admit(journey)
        pipeline.opened(journey, digest_first=False)
    for part in pipeline.screen():
        pipeline.uncertain(part)
    assert [command.journey for command in pipeline.commands()] == others
    pipeline.found(others[0], None, "found")
    (part,) = pipeline.screen()
    pipeline.decided(part, "result")
    close, *reopened = pipeline.commands()
    assert isinstance(close, CloseItem)
    assert [each.part for each in reopened] == list(known.parts)  # type: ignore[union-attr] # ExamineItem
    assert pipeline._open == BOUNDS.files
