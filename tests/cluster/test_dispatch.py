"""Who examines what: every job ends exactly once, and no file is blamed for another."""

from __future__ import annotations

from collections import Counter
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from hashmatch.cluster import dispatch
from hashmatch.cluster.dispatch import MOST_ATTEMPTS, Attempt, Dispatch, Lot
from hashmatch.cluster.shard import BYTES_PER_ITEM, MAX_ITEMS
from hashmatch.examine.sandbox import Job

NODES = ("a", "b", "c")
LATER = 1e9


def filled(jobs: list[Job], *nodes: str) -> Dispatch:
    """A dispatch with these jobs and nodes."""
    made = Dispatch()
    made.set_nodes(nodes)
    for job in jobs:
        made.submit(job, 0, 0.0)
    return made


def attempts(made: Dispatch, now: float = LATER) -> list[Attempt]:
    """All that can be handed over now."""
    found = []
    while (attempt := made.next(now)) is not None:
        found.append(attempt)
    return found


class Play:
    """Plays what nodes may do, and counts how jobs end."""

    def __init__(self, jobs: list[Job]) -> None:
        self.made = filled(jobs, *NODES)
        self.there = set(NODES)
        self.ended: Counter[Job] = Counter()
        self._names = (f"new{number}" for number in count())
        self._handed: list[Attempt] = []

    def step(self, event: str, place: int) -> None:
        """Let something happen, to the attempt or node at a place."""
        self._handed += attempts(self.made)
        if event in ("join", "vanish", "lose"):
            getattr(self, event)(place)
            self.made.set_nodes(self.there)
        elif self._handed:
            getattr(self, event)(self._handed[place % len(self._handed)])
        self.ended.update(self.made.given_up)
        self.made.given_up.clear()
        self._check()

    def join(self, _: int) -> None:
        """A node comes."""
        self.there.add(next(self._names))

    def vanish(self, place: int) -> None:
        """A node ends."""
        self.there -= set(sorted(self.there)[place % 3 : place % 3 + 1])

    def lose(self, _: int) -> None:
        """The scheduler ends."""
        self.made.lose_all()

    def refuse(self, attempt: Attempt) -> None:
        """A node says what no node says."""
        self.made.refuse(attempt.node)
        self.there.discard(attempt.node)

    def lie(self, attempt: Attempt) -> None:
        """A node is found to have lied."""
        self.made.expose(attempt.node)
        self.there.discard(attempt.node)

    def fail(self, attempt: Attempt) -> None:
        """A node fails; some have failed before, or ended."""
        self.made.fail(attempt.number)

    def answer(self, attempt: Attempt) -> None:
        """A node answers, perhaps for the second time."""
        done = self.made.end(attempt.number)
        self.ended.update(done.lot.jobs if done else ())

    def _check(self) -> None:
        open_attempts = self.made._attempts.values()
        assert self.made.liars.isdisjoint(each.node for each in open_attempts)
        holding = Counter(each.node for each in open_attempts)
        assert max(holding.values(), default=0) <= MOST_ATTEMPTS
        for each in open_attempts:
            assert len({job.exact for job in each.lot.jobs}) == 1
            assert not each.lot.alone or holding[each.node] == 1


events = st.sampled_from([*["answer"] * 3, "fail", "join", "vanish", "lose", "refuse", "lie"])


@settings(max_examples=200)
@given(st.integers(1, 150), st.lists(st.tuples(events, st.integers(0, 99)), max_size=60))
def test_every_job_ends_exactly_once(size: int, happenings: list[tuple[str, int]]) -> None:
    """Whatever nodes do, each job is answered or given up once, and no node has too much."""
    jobs = [Job(-1, exact=number % 7 == 0) for number in range(size)]
    play = Play(jobs)
    for event, place in happenings:
        play.step(event, place)
    play.step("join", 0)
    for place in range(5000):
        if not play.made.jobs:
            break
        play.step("answer", place)
    assert play.ended == Counter(jobs)


def test_a_file_that_ends_every_node_is_blamed_and_no_other() -> None:
    """Of 500 files, the one whose nodes vanish is given up; its neighbours are all answered."""
    jobs = [Job(-1) for _ in range(MAX_ITEMS)]
    poison = jobs[333]
    made = filled(jobs, "a", "b")
    names = (f"new{number}" for number in count())
    there = {"a", "b"}
    answered: list[Job] = []
    for _ in range(1000):
        found = attempts(made)
        running = {each.node: each for each in reversed(list(made._attempts.values()))}
        for node, attempt in running.items():
            if poison in attempt.lot.jobs:
                there = there - {node} | {next(names)}
                made.set_nodes(there)
            else:
                done = made.end(attempt.number)
                answered += done.lot.jobs if done else ()
        if not found and not made._attempts:
            break
    assert made.given_up == [poison]
    assert Counter(answered) == Counter(job for job in jobs if job is not poison)


def test_a_lot_that_failed_goes_to_another_node() -> None:
    """A node that fails at everything is named, and its lots end elsewhere."""
    made = filled([Job(-1) for _ in range(MAX_ITEMS)], "bad", "good")
    ended = 0
    named = False
    while made.jobs:
        for attempt in attempts(made):
            if attempt.node == "bad":
                named = named or not made.fail(attempt.number)
            else:
                assert made.end(attempt.number)
                ended += len(attempt.lot.jobs)
    assert ended == MAX_ITEMS
    assert not made.given_up
    made = filled([Job(-1) for _ in range(100 * MAX_ITEMS)], "bad", "good")
    while not named:
        named = not all(made.fail(each.number) for each in attempts(made) if each.node == "bad")
    assert named


def test_lots_have_bounds() -> None:
    """A lot has 500 jobs at most, and large files make it smaller; one huge file is a lot too."""
    made = filled([Job(-1) for _ in range(3 * MAX_ITEMS)], "a")
    assert max(len(each.lot.jobs) for each in attempts(made)) == MAX_ITEMS
    made = Dispatch()
    made.set_nodes(["a"])
    for _ in range(5):
        made.submit(Job(-1), MAX_ITEMS * BYTES_PER_ITEM // 2, 0.0)
    assert [len(each.lot.jobs) for each in attempts(made)] == [2, 2]
    assert [len(each.lot.jobs) for each in attempts(made, LATER + 1)] == [1]
    made.submit(Job(-1), 10 * MAX_ITEMS * BYTES_PER_ITEM, 0.0)
    made.lose_all()
    made.set_nodes(["a"])
    assert sum(len(each.lot.jobs) for each in attempts(made)) == 6


def test_jobs_wait_for_others_unless_a_node_idles() -> None:
    """Few jobs wait half a second while all nodes have work, and not at all while one has none."""
    made = filled([Job(-1)], "a")
    assert len(attempts(made, now=0.0)) == 1
    made.submit(Job(-1), 0, 1.0)
    assert not attempts(made, now=1.1)
    assert len(attempts(made, now=1.0 + dispatch._PATIENCE)) == 1


def test_a_check_never_goes_to_the_node_it_checks() -> None:
    """Another node checks; where there is none, the check is handed back."""
    made = Dispatch()
    made.set_nodes(["a"])
    made.check(Lot([Job(-1)], checks="a", expected=[[]]))
    assert not attempts(made)
    made.set_nodes(["a", "b"])
    [attempt] = attempts(made)
    assert attempt.node == "b"
    assert made.unchecked() == []
    made.set_nodes(["a"])
    assert made.unchecked() == [attempt.lot]
    assert made.checks == 0


def test_a_check_that_fails_is_repeated() -> None:
    """Whether a checker fails or vanishes, another node checks; in the end the check is returned.

    No node gets it twice, even if only such nodes are left.
    """
    made = Dispatch()
    made.set_nodes("abc")
    lot = Lot([Job(-1)], checks="a", expected=[[]])
    made.check(lot)
    [first] = attempts(made)
    assert made.fail(first.number)
    [second] = attempts(made)
    assert {first.node, second.node} == {"b", "c"}
    assert made.unchecked() == []
    made.set_nodes(["a", first.node])  # the second has vanished
    assert made.checks == 1
    assert not attempts(made)
    made.set_nodes([first.node])
    assert not attempts(made)
    assert made.unchecked() == [lot]
    assert made.checks == 0


def test_a_check_that_ends_every_node_is_returned() -> None:
    """Nodes that are started again have new addresses, so a check might go on for ever."""
    made = Dispatch()
    lot = Lot([Job(-1)], checks="a", expected=[[]])
    made.check(lot)
    for number in range(dispatch._MOST_FAILURES + 1):
        made.set_nodes(["a", f"b{number}"])
        [attempt] = attempts(made)
        assert attempt.node == f"b{number}"
        assert made.unchecked() == []
    made.set_nodes(["a", "c"])
    assert not attempts(made)
    assert made.unchecked() == [lot]
    assert made.checks == 0


def test_a_liar_is_checked_no_more() -> None:
    """An exposed node gets nothing more, and nobody begins another check of it."""
    made = filled([Job(-1) for _ in range(3 * MAX_ITEMS)], "a", "b")
    handed = attempts(made)
    made.check(Lot([Job(-1)], checks="a", expected=[[]]))
    made.expose("a")
    made.check(Lot([Job(-1)], checks="a", expected=[[]]))
    assert (made.liars, made.checks, made.nodes) == (frozenset("a"), 0, 1)
    made.set_nodes(["a", "b"])
    for attempt in handed:
        assert (made.end(attempt.number) is None) == (attempt.node == "a")
    while made.jobs:
        for attempt in attempts(made):
            assert attempt.node == "b"
            assert made.end(attempt.number)
