"""Which node examines what, and what follows when it does not: a state machine without I/O.

Jobs gather until there are enough for a *lot*, which goes to one node as a shard. A node has a few
lots at a time, so that it never waits. Every time a lot is handed over is an *attempt*, which has a
number of its own; once it has ended or been given up, nothing that bears its number counts.

A lot whose node fails or vanishes twice is halved. A single file that fails is tried again on a
node that has nothing else, so no file is blamed for its neighbours. If it fails twice there, its
job is given up. A check that fails goes to another node; when none is left, or too many have failed
on it, the caller takes it. A scheduler that is lost, and a node that is refused, are the fault of
no lot.

A node that lied is refused, too. Jobs that it has answered are done as far as this module knows:
the caller submits them again.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hashmatch.cluster.shard import BYTES_PER_ITEM, MAX_ITEMS
from hashmatch.examine.sandbox import Job, Reply

MOST_ATTEMPTS = 4
"""Lots that a node has at a time."""

_MAX_BYTES = MAX_ITEMS * BYTES_PER_ITEM

_FEWEST = 25
"""Jobs in a lot, if there are as many: nodes that idle share what there is."""

_MOST_FAILURES = 2
_MOST_IN_A_ROW = 8
_PATIENCE = 0.5
"""Seconds for which jobs wait for others of their kind, unless a node idles."""


@dataclass(eq=False, slots=True)
class Lot:
    """Jobs that go to a node together."""

    jobs: Sequence[Job]  # all of one kind: in full or not, for digests alone or not
    failures: int = 0  # how many attempts ended without an answer
    # nodes that failed on it. They get it again only if there is no other, and never if it is a
    # check: then they and the node that it checks prove nothing
    avoid: set[str] = field(default_factory=set)
    checks: str | None = None  # the node whose answer this checks, if it does
    expected: Sequence[Sequence[Reply]] | None = None  # what that node answered to each job

    @property
    def alone(self) -> bool:
        """Whether its node must have nothing else, so that no other lot can be the cause."""
        return len(self.jobs) == 1 and self.failures > 0 and self.checks is None

    @property
    def is_spent(self) -> bool:
        """Whether no node gets it again. One that it ended may come back under a new address."""
        return self.failures > _MOST_FAILURES


class Attempt(NamedTuple):
    """A lot in the hands of a node."""

    number: int  # of the attempt; never used again
    node: str  # its address
    lot: Lot


@dataclass(slots=True)
class _Gathering:
    """Jobs of one kind that wait to become lots, with the sizes of their files."""

    since: float
    jobs: deque[tuple[Job, int]] = field(default_factory=deque)
    size: int = 0

    @property
    def is_enough(self) -> bool:
        """Whether these are a whole lot."""
        return len(self.jobs) >= MAX_ITEMS or self.size >= _MAX_BYTES

    def take(self, share: int) -> Lot:
        """Make a lot of the first jobs: at most so many, and one at least."""
        taken: list[Job] = []
        size = 0
        while self.jobs and len(taken) < min(MAX_ITEMS, share):
            size += self.jobs[0][1]
            if taken and size > _MAX_BYTES:
                break
            job, length = self.jobs.popleft()
            self.size -= length
            taken.append(job)
        return Lot(taken)


class Dispatch:
    """The state machine."""

    def __init__(self) -> None:
        self.jobs = 0  # how many jobs have been submitted and not answered; checks do not count
        self.checks = 0  # how many lots that only check are left
        self.given_up: list[Job] = []  # jobs that no node could examine; the caller takes them
        self.liars: frozenset[str] = frozenset()  # nodes that gave a false answer
        self._gathering: dict[tuple[bool, bool], _Gathering] = {}
        self._lots: deque[Lot] = deque()
        self._nodes: dict[str, dict[int, Attempt]] = {}
        self._refused: set[str] = set()
        self._failures: Counter[str] = Counter()
        self._attempts: dict[int, Attempt] = {}
        self._number = 0

    @property
    def nodes(self) -> int:
        """How many nodes there are that have not been refused."""
        return len(self._nodes)

    def submit(self, job: Job, size: int, now: float) -> None:
        """Take a job, whose file has so many bytes."""
        self.jobs += 1
        kind = (job.exact, job.digest_only)
        gathering = self._gathering.setdefault(kind, _Gathering(now))
        gathering.jobs.append((job, size))
        gathering.size += size

    def check(self, lot: Lot) -> None:
        """Take a lot that only checks what a node answered, unless that node is known to lie."""
        if lot.checks is not None and lot.checks not in self.liars:
            lot.avoid.add(lot.checks)
            self.checks += 1
            self._lots.append(lot)

    def set_nodes(self, addresses: Iterable[str]) -> None:
        """Note which nodes there are. The lots of those that have vanished have failed."""
        there = {address for address in addresses if address not in self._refused}
        for gone in self._nodes.keys() - there:
            for attempt in self._nodes.pop(gone).values():
                del self._attempts[attempt.number]
                self._fail(attempt)
        for address in there:
            self._nodes.setdefault(address, {})

    def refuse(self, address: str) -> None:
        """Give a node no more lots, and those that it has to others."""
        self._refused.add(address)
        self._give_back(self._nodes.pop(address, {}).values())

    def expose(self, address: str) -> None:
        """Refuse a node that lied, and check no more of what it answered."""
        self.liars |= {address}
        self.refuse(address)
        self._withdraw([lot for lot in self._lots if lot.checks == address])

    def lose_all(self) -> None:
        """Note that the scheduler is lost, and with it all attempts."""
        attempts = list(self._attempts.values())
        self._nodes.clear()
        self._give_back(attempts)

    def end(self, number: int) -> Attempt | None:
        """Note that an attempt has an answer. None if it no longer counts."""
        attempt = self._attempts.pop(number, None)
        if attempt is not None:
            del self._nodes[attempt.node][number]
            self._failures[attempt.node] = 0
            if attempt.lot.checks is None:
                self.jobs -= len(attempt.lot.jobs)
            else:
                self.checks -= 1
        return attempt

    def find(self, number: int) -> Attempt | None:
        """The attempt of that number; None if it no longer counts."""
        return self._attempts.get(number)

    def fail(self, number: int) -> bool:
        """Note that an attempt failed on its node. False if the node does nothing but fail."""
        attempt = self._attempts.pop(number, None)
        if attempt is None:
            return True
        del self._nodes[attempt.node][number]
        self._fail(attempt)
        self._failures[attempt.node] += 1
        return len(self._nodes) == 1 or self._failures[attempt.node] < _MOST_IN_A_ROW

    def next(self, now: float) -> Attempt | None:
        """Hand a lot to a node, if there is one to hand over and one to take it."""
        free = [
            address
            for address, attempts in self._nodes.items()
            if len(attempts) < MOST_ATTEMPTS
            and not any(each.lot.alone for each in attempts.values())
        ]
        if not free:
            return None
        free.sort(key=lambda address: len(self._nodes[address]))
        for lot in self._lots:
            if lot.is_spent:
                continue
            avoid = lot.avoid
            if lot.checks is None and avoid >= self._nodes.keys():
                avoid = set()
            for address in free:
                if address not in avoid and not (lot.alone and self._nodes[address]):
                    self._lots.remove(lot)
                    return self._hand_over(lot, address)
        if any(lot.alone for lot in self._lots):
            del free[0]  # it is to finish what it has, and then take that one
        if not free:
            return None
        gathered = self._gather(now, idle=sum(not self._nodes[address] for address in free))
        return None if gathered is None else self._hand_over(gathered, free[0])

    def unchecked(self) -> list[Lot]:
        """Withdraw the checks that no node is left for, or that are spent, and return them."""
        return self._withdraw(
            [
                lot
                for lot in self._lots
                if lot.checks and (lot.is_spent or lot.avoid >= self._nodes.keys())
            ]
        )

    def _withdraw(self, checks: list[Lot]) -> list[Lot]:
        for lot in checks:
            self._lots.remove(lot)
        self.checks -= len(checks)
        return checks

    def _hand_over(self, lot: Lot, address: str) -> Attempt:
        self._number += 1
        attempt = Attempt(self._number, address, lot)
        self._attempts[attempt.number] = self._nodes[address][attempt.number] = attempt
        return attempt

    def _gather(self, now: float, idle: int) -> Lot | None:
        """Make a lot of jobs of one kind, if they are enough or have waited long enough."""
        for kind, gathering in self._gathering.items():
            if not (idle or gathering.is_enough or now - gathering.since >= _PATIENCE):
                continue
            lot = gathering.take(max(_FEWEST, -(-len(gathering.jobs) // max(1, idle))))
            gathering.since = now
            if not gathering.jobs:
                del self._gathering[kind]
            return lot
        return None

    def _give_back(self, attempts: Iterable[Attempt]) -> None:
        for attempt in list(attempts):
            self._attempts.pop(attempt.number, None)
            self._lots.appendleft(attempt.lot)

    def _fail(self, attempt: Attempt) -> None:
        """Count a failure against a lot, and halve it or give it up if there are too many."""
        lot = attempt.lot
        lot.avoid.add(attempt.node)
        lot.failures += 1
        if lot.checks is not None:
            self._lots.append(lot)
        elif len(lot.jobs) > 1 and lot.failures >= _MOST_FAILURES:
            middle = len(lot.jobs) // 2
            self._lots.extendleft((Lot(lot.jobs[middle:]), Lot(lot.jobs[:middle])))
        elif len(lot.jobs) == 1 and lot.is_spent:  # the first may be a neighbour's
            self.jobs -= 1
            self.given_up.extend(lot.jobs)
        else:
            self._lots.appendleft(lot)
