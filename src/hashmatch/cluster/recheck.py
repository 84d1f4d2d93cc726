"""Examines a sample of files on a second node, and finds out who is right where two differ.

A node cannot know which of its answers are checked, and the second node is another one. Where the
two differ, or there is no second node, this machine examines the file itself, in its own sandbox,
and believes that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from hashmatch.cluster.answers import Answers
from hashmatch.cluster.dispatch import Lot
from hashmatch.cluster.node import examine_shard
from hashmatch.cluster.shard import Shard
from hashmatch.examine.sandbox import AnyPool, Job, Reply, make_pool
from hashmatch.model import Examination, Reason

_TOGETHER = 50
"""Files that are checked together."""

_CHANCE = frozenset(
    {
        Reason.TIMEOUT,
        Reason.DECODER_CRASH,
        Reason.TOO_LARGE,
        Reason.PERMISSION,
        Reason.CHANGED,
        Reason.VANISHED,
    }
)
"""Reasons that depend on the machine and the moment. None of them makes a file clear."""

_Found = list[tuple[bytes | None, Examination]]


class Recheck:
    """Chooses the files to examine twice, a share from 0 to 1, and compares the answers."""

    def __init__(
        self,
        share: float,
        chance: Callable[[], float],
        shard_of: Callable[[Sequence[Job]], Shard],
    ) -> None:
        self._share = share
        self._chance = chance
        self._shard_of = shard_of
        self._chosen: defaultdict[tuple[str, bool, bool], list[tuple[Job, list[Reply]]]]
        self._chosen = defaultdict(list)
        self._pool: AnyPool | None = None

    def choose(
        self, node: str, jobs: Sequence[Job], replies: Sequence[list[Reply]]
    ) -> Iterator[Lot]:
        """Choose some of what a node answered, and yield it once it is enough to be checked."""
        for job, said in zip(jobs, replies, strict=True):
            if self._share and self._chance() < self._share:
                self._chosen[node, job.exact, job.digest_only].append((job, said))
        for key in [key for key, found in self._chosen.items() if len(found) >= _TOGETHER]:
            yield self._lot(key)

    def rest(self) -> Iterator[Lot]:
        """Yield what has been chosen and not been yielded."""
        for key in list(self._chosen):
            yield self._lot(key)

    def liars(self, node: str, lot: Lot, replies: Sequence[list[Reply]]) -> Iterator[str]:
        """Name the nodes whose answers are false: the one that checked, the other one, or both."""
        pairs = zip(lot.jobs, lot.expected or (), replies, strict=True)
        found = ((job, (_found(one), _found(other))) for job, one, other in pairs)
        differ = [(job, said) for job, said in found if _contradict(*said)]
        if not differ:
            return
        truth = self._examine([job for job, _ in differ])
        for which, name in enumerate((lot.checks, node)):
            false = (
                _contradict(said[which], true)
                for (_, said), true in zip(differ, truth, strict=True)
            )
            if name is not None and any(false):
                yield name

    def is_false(self, lot: Lot) -> bool:
        """Examine here what a lot checks. Whether the node's answers are false."""
        return any(map(_contradict, map(_found, lot.expected or ()), self._examine(lot.jobs)))

    def close(self) -> None:
        """End the workers on this machine, if any were needed."""
        if self._pool is not None:
            self._pool.close()

    def _lot(self, key: tuple[str, bool, bool]) -> Lot:
        found = self._chosen.pop(key)
        jobs = [replace(job) for job, _ in found]
        return Lot(jobs, checks=key[0], expected=[said for _, said in found])

    def _examine(self, jobs: Sequence[Job]) -> list[_Found]:
        shard = self._shard_of(jobs)
        if self._pool is None:
            self._pool = make_pool(1, shard.work.limits)
        answers = Answers(shard)
        replies: list[list[Reply]] = [[] for _ in jobs]
        for line in examine_shard(shard, self._pool):
            number, reply = answers.take(line)
            replies[number].append(reply)
        return list(map(_found, replies))


def _found(replies: Iterable[Reply]) -> _Found:
    return [(reply.member, reply.examination) for reply in replies]


def _contradict(one: _Found, other: _Found) -> bool:
    """Whether two examinations of a file differ, and not by chance."""
    return one != other and not any(each.reason in _CHANCE for _, each in (*one, *other))
