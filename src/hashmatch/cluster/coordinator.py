"""The cluster as an examiner: what a pool is to a scan on one machine.

It runs in the process that has the list, on the thread that scans. It starts the bridge, hands it
shards, checks every line that comes back as it would check a worker's, and gives the pipeline the
same replies that a pool would. A bridge or a scheduler that dies is started or waited for anew.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from hashmatch.cluster.answers import Answers
from hashmatch.cluster.dispatch import MOST_ATTEMPTS, Attempt, Dispatch
from hashmatch.cluster.items import shard_item
from hashmatch.cluster.keys import CA, certificate_of
from hashmatch.cluster.link import Bridge, Frame, LostError, parse
from hashmatch.cluster.recheck import Recheck
from hashmatch.cluster.shard import MAX_ITEMS, Shard, Work
from hashmatch.errors import DecodeError, HashmatchError, SettingsError
from hashmatch.examine.sandbox import AnyPool, Job, Reply, WorkerLimits
from hashmatch.examine.sandbox.jobs import ProtocolError
from hashmatch.model import Examination, Reason
from hashmatch.options import ExamineOptions
from hashmatch.sources import Item

_GIVE_UP_SECONDS = 600.0
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_MOST_LOSSES = 20
"""How often in a row the cluster may be lost without one answer in between."""

_LEAST_NODES = 8
"""Nodes for whose lots there is room, even if fewer were there when the scan began."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a cluster is, and how it is used."""

    scheduler: str  # the address of Dask's scheduler, such as ``tls://scheduler:8786``
    # the paths of the CA, the certificate and the key; None for plain TCP
    tls: dict[str, str] | None = None
    jobs: int = 0  # files that each node examines at a time; 0 for one per core
    follow: bool = False
    requester_pays: bool = False  # accept that we pay for requests to others' buckets
    recheck: float = 0.0  # the share of files that a second node examines again, from 0 to 1


def cluster_at(address: str, keys: Path | None, **how: Any) -> Cluster:
    """The cluster whose scheduler is at an address; without TLS, it must be on this machine.

    Raises ``SettingsError`` if the address is invalid, or the folder lacks the keys of
    ``make_keys``.
    """
    protocol, _, rest = address.partition("://")
    host = rest.rpartition(":")[0].strip("[]")
    if protocol == "tls" and keys is not None:
        certificate, key = certificate_of(keys, "coordinator")
        files = {"ca": str(keys / CA), "certificate": str(certificate), "key": str(key)}
        for file in files.values():
            if not Path(file).is_file():
                raise SettingsError("no such file: hashmatch cluster keys makes it", path=file)
        return Cluster(address, files, **how)
    if protocol == "tls":
        raise SettingsError("a tls:// address needs --cluster-keys", path=address)
    if protocol == "tcp" and host in ("127.0.0.1", "::1", "localhost"):
        return Cluster(address, **how)
    raise SettingsError(
        "give the scheduler's address as tls://host:8786; tcp:// is only for this machine, because"
        " anyone could join",
        path=address,
    )


@dataclass(slots=True)
class _Hearing:
    attempt: Attempt
    answers: Answers
    replies: list[list[Reply]]
    end: dict[str, Any] = field(default_factory=dict)
    is_false: bool = False


class ClusterPool(AnyPool):
    """Examines items on the nodes of a cluster.

    Args:
        cluster: where it is.
        limits: what each worker of a node may use; ``notify`` hears of nodes that are refused.
        chance: gives numbers from 0 to 1, for choosing what is examined twice. Default: numbers
            that no node can guess.
        patience: seconds to wait for the first node.
    """

    def __init__(
        self,
        cluster: Cluster,
        limits: WorkerLimits,
        *,
        chance: Callable[[], float] | None = None,
        patience: float = 60.0,
    ) -> None:
        super().__init__(1, limits)
        self.checks = cluster.recheck > 0
        self._cluster = cluster
        self._say = limits.notify or (lambda _: None)
        self._dispatch = Dispatch()
        self._bridge: Bridge | None = None
        self._hearings: dict[int, _Hearing] = {}
        self._ready: list[Reply] = []
        self._said: set[str] = set()
        self._why = "no worker has joined its scheduler"
        self._contact = self._start_at = time.monotonic()
        self._give_up = patience
        self._recheck = Recheck(
            cluster.recheck, chance or random.SystemRandom().random, self._shard
        )
        self._pause = _FIRST_PAUSE
        self._losses = 0
        self._patience = patience

    def _begin(self, options: ExamineOptions) -> None:
        """Start the bridge, and wait until a node has joined."""
        base = os.fsencode(Path.cwd())
        limits, how = replace(self._limits, notify=None), self._cluster
        self._work = Work(options, limits, base, how.follow, how.requester_pays)
        self._rules = self._work.rules()
        self._contact, self._give_up = time.monotonic(), self._patience
        while not self._dispatch.nodes:
            self._hear(0.1)
        self._give_up = _GIVE_UP_SECONDS
        self.window = MOST_ATTEMPTS * MAX_ITEMS * max(_LEAST_NODES, self._dispatch.nodes)

    def _check_sandbox(self) -> None:
        """Leave that to the nodes, which get the limits."""

    def submit(self, job: Job) -> None:
        """Take a job, and open nothing."""
        item = _item(job)
        identity = item.identity()
        size = 0 if identity is None else identity.size
        self._dispatch.submit(job, size, time.monotonic())

    @property
    def hungry(self) -> bool:
        """Whether there is room for a further job."""
        room = MOST_ATTEMPTS * MAX_ITEMS * max(1, self._dispatch.nodes)
        return self._dispatch.jobs < min(room, self.window)

    @property
    def busy(self) -> bool:
        """Whether there is a job that has not ended."""
        return self._dispatch.jobs > 0 or bool(self._ready)

    def poll(self, timeout: float) -> list[Reply]:
        """Wait up to ``timeout`` seconds for replies, and return what there is.

        Raises ``HashmatchError`` if there is no cluster any more, or no node that can be used.
        """
        self._hand_over()
        self._hear(0 if self._ready else timeout)
        self._hand_over()
        for job in self._dispatch.given_up:
            error = DecodeError(Reason.DECODER_CRASH, "every node that examined it failed")
            self._ready.append(Reply(job, None, Examination.failed(error), end=True))
        self._dispatch.given_up.clear()
        ready, self._ready = self._ready, []
        return ready

    def settle(self) -> None:
        """Wait for what is still being examined twice; call it once all results are there.

        Raises as ``poll`` does.
        """
        for lot in self._recheck.rest():
            self._dispatch.check(lot)
        while self._dispatch.checks:
            for lot in self._dispatch.unchecked():
                if lot.checks is not None and self._recheck.is_false(lot):
                    self._expose(lot.checks)
            self._hand_over()
            self._hear(0.1)

    @property
    def liars(self) -> frozenset[str]:
        """The nodes that are known to have given a false answer."""
        return self._dispatch.liars

    def close(self) -> None:
        """End the bridge, which cancels what the nodes have not begun."""
        if self._bridge is not None:
            self._bridge.close()
            self._bridge = None
        self._recheck.close()

    def _hand_over(self) -> None:
        while self._bridge and (attempt := self._dispatch.next(time.monotonic())) is not None:
            shard = self._shard(attempt.lot.jobs)
            manifest = shard.encode().decode()
            message = {"manifest": manifest, "worker": attempt.node, "jobs": self._cluster.jobs}
            self._bridge.say(attempt.number, message)
            replies: list[list[Reply]] = [[] for _ in shard.items]
            self._hearings[attempt.number] = _Hearing(attempt, Answers(shard), replies)

    def _shard(self, jobs: Sequence[Job]) -> Shard:
        base, follow = self._work.base, self._work.follow
        items = (
            shard_item(_item(job), base, follow=follow, skip=job.skip, count=job.count)
            for job in jobs
        )
        exact, digest_only = jobs[0].exact, jobs[0].digest_only
        return Shard(self._work, self._rules, tuple(items), 0, exact, digest_only)

    def _hear(self, timeout: float) -> None:
        """Take what the bridge says, and start it if it is not there."""
        try:
            if self._bridge is None:
                self._start(timeout)
            for frame in self._bridge.listen(timeout) if self._bridge else ():
                self._take(frame)
        except LostError:
            self._lose()
        self._check_nodes()

    def _start(self, timeout: float) -> None:
        now = time.monotonic()
        if self._losses > _MOST_LOSSES:
            raise HashmatchError(f"lost the cluster: {self._why}", path=self._cluster.scheduler)
        if now < self._start_at:
            time.sleep(min(timeout, self._start_at - now))
            return
        settings = {"scheduler": self._cluster.scheduler, "tls": self._cluster.tls}
        self._bridge = Bridge(settings)

    def _lose(self) -> None:
        """Give up all attempts, and start another bridge after a while."""
        if self._bridge is not None:
            self._bridge.close()
            self._bridge = None
        self._losses += 1
        self._hearings.clear()
        self._dispatch.lose_all()
        self._start_at = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _take(self, frame: Frame) -> None:
        hearing = self._hearings.get(frame.attempt)
        if frame.attempt and (hearing is None or self._dispatch.find(frame.attempt) is None):
            self._hearings.pop(frame.attempt, None)  # it no longer counts
        elif hearing is None:
            self._take_news(parse(frame))
        elif not frame.by_node:
            del self._hearings[frame.attempt]
            self._conclude(hearing, parse(frame))
        elif not hearing.is_false:
            self._take_line(hearing, frame)

    def _take_news(self, message: dict[str, Any]) -> None:
        """Note which workers there are, or that the scheduler is lost."""
        if "lost" in message:
            self._why = str(message["lost"])
            raise LostError
        workers = message.get("workers")
        if not isinstance(workers, list) or not all(isinstance(each, str) for each in workers):
            raise LostError
        self._pause = _FIRST_PAUSE
        self._dispatch.set_nodes(workers)

    def _take_line(self, hearing: _Hearing, frame: Frame) -> None:
        try:
            if frame.text.startswith(b'{"end"'):
                hearing.end = parse(frame)
                return
            number, reply = hearing.answers.take(frame.text)
            job = hearing.attempt.lot.jobs[number]
            node = hearing.attempt.node
            hearing.replies[number].append(reply._replace(job=job, node=node))
        except (ProtocolError, LostError):
            hearing.is_false = True

    def _conclude(self, hearing: _Hearing, message: dict[str, Any]) -> None:
        """Use what a node answered, or find out who is to blame."""
        number, node, lot = hearing.attempt
        end, said = hearing.end.get("end"), hearing.end
        why = str(said.get("why") or message.get("why"))
        if message.get("end") != "answered" or end == "failed":
            if not self._dispatch.fail(number):
                self._refuse(node, why)
        elif end == "unfit":
            self._refuse(node, why)
        elif hearing.is_false or end != "done" or not hearing.answers.complete:
            self._refuse(node, "its answers are not valid")
        else:
            self._dispatch.end(number)
            self._losses = 0
            for notice in said.get("notices") or ():
                self._say_once(f"{node}: {notice}")
            if lot.expected is None:
                self._ready += [reply for each in hearing.replies for reply in each]
                for check in self._recheck.choose(node, lot.jobs, hearing.replies):
                    self._dispatch.check(check)
            else:
                for liar in self._recheck.liars(node, lot, hearing.replies):
                    self._expose(liar)

    def _expose(self, node: str) -> None:
        self._dispatch.expose(node)
        self._refuse(node, "it gives false results, so others examine its files again")

    def _refuse(self, node: str, why: str) -> None:
        self._say_once(f"{node} is no longer used: {why}")
        self._dispatch.refuse(node)
        self._why = f"{node}: {why}"
        self._give_up = self._patience  # others may still be joining

    def _check_nodes(self) -> None:
        """Raise ``HashmatchError`` if there has been no node for so long that none will come."""
        now = time.monotonic()
        if self._dispatch.nodes:
            self._contact = now
        elif now - self._contact > self._give_up:
            raise HashmatchError(f"no node is left: {self._why}", path=self._cluster.scheduler)

    def _say_once(self, notice: str) -> None:
        if notice not in self._said:
            self._said.add(notice)
            self._say(notice)


def _item(job: Job) -> Item:
    return cast("Item", job.item)
