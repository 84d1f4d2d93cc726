"""Examines a shard on a node. The node has no list, and decodes in the usual sandbox.

The process that runs this opens the files and passes their descriptors on, so hostile bytes meet
only the sandboxed workers.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterator

from hashmatch.cluster.answers import encode_answer
from hashmatch.cluster.items import located
from hashmatch.cluster.shard import Shard
from hashmatch.errors import DecodeError, HashmatchError
from hashmatch.examine.sandbox import AnyPool, Job, Reply
from hashmatch.files import Closing, is_object
from hashmatch.model import Examination
from hashmatch.sources import Item, OpenStores, S3Options

_PATIENCE = 1.0
_GLANCE = 0.05
_AHEAD = 64
"""Items that are fetched before they are needed, if they are objects."""


class UnfitError(HashmatchError):
    """This machine cannot examine the shard as a local scan would."""


def check_fit(shard: Shard) -> None:
    """Check that this machine decodes as the coordinator does, and sees the same folders.

    Raises:
        UnfitError: it does not. Otherwise every file would be gone, or have other hashes.
        InputError: a bucket does not let this machine in.
        MissingExtraError: a package is needed to reach it.
    """
    check_rules(shard)
    objects = [item.path for item in shard.items if is_object(item.path)]
    files = [item for item in shard.items if not is_object(item.path)]
    with OpenStores(S3Options(requester_pays=shard.work.requester_pays)) as stores:
        for store in {id(store): store for store, _ in map(stores.of, objects)}.values():
            store.check()
    for root in {item.root or os.path.dirname(item.path) for item in files}:
        place = os.path.join(shard.work.base, root)
        if not os.path.lexists(place):
            raise UnfitError("this folder is not there: mount it", path=os.fsdecode(place))


def check_rules(shard: Shard) -> None:
    """Check that this machine decodes, hashes and bounds files as the one that made the shard.

    Raises ``UnfitError`` if it does not.
    """
    here = shard.work.rules()
    if here != shard.rules:
        ours, theirs = json.loads(here), json.loads(shard.rules)
        names = sorted(name for name in ours if ours[name] != theirs.get(name))
        raise UnfitError(
            f"this machine examines files differently ({', '.join(names)}): install the same"
            " version of hashmatch, with the same extras, as where the shards were made"
        )


class _Opener(Closing):
    """Opens the items of a shard here: files, and objects, which it fetches ahead."""

    def __init__(self, shard: Shard) -> None:
        self._stores = OpenStores(S3Options(requester_pays=shard.work.requester_pays))
        self._left = iter(enumerate(shard.items))
        self._ahead: deque[tuple[int, Item]] = deque()
        self._fill()

    @property
    def left(self) -> bool:
        """Whether there are items that have not been taken."""
        return bool(self._ahead)

    def next(self, patience: float) -> tuple[int, Item] | None:
        """The next item with its number, if it can be opened after so many seconds."""
        if not self._ahead or not self._ahead[0][1].ready(patience):
            return None
        taken = self._ahead.popleft()
        self._fill()
        return taken

    def close(self) -> None:
        """Fetch no more."""
        for _, item in self._ahead:
            item.let_go()
        self._stores.close()

    def _fill(self) -> None:
        while len(self._ahead) < _AHEAD:
            number, found = next(self._left, (-1, None))
            if found is None:
                return
            item = located(found, self._stores)
            item.ready()
            self._ahead.append((number, item))


def examine_shard(shard: Shard, pool: AnyPool) -> Iterator[bytes]:
    """Examine the items of a shard, as many at a time as the pool takes.

    Yields the lines of the answer, in the order in which the examinations end.

    Raises:
        UnfitError: this machine should not examine it.
        HashmatchError: the workers died, or cannot be started.
    """
    check_fit(shard)
    pool.configure(shard.work.options)
    at_work: dict[Job, tuple[int, Item]] = {}
    with _Opener(shard) as opener:
        try:
            while opener.left or at_work:
                while pool.hungry and (taken := opener.next(0 if at_work else _PATIENCE)):
                    number, item = taken
                    job = shard.job(number)
                    try:
                        job.descriptor = item.open()
                    except DecodeError as error:
                        item.let_go()
                        failed = Reply(job, None, Examination.failed(error), end=True)
                        yield encode_answer(failed, number)
                        continue
                    at_work[job] = taken
                    pool.submit(job)
                waits = opener.left and pool.hungry
                for reply in pool.poll(_GLANCE if waits else _PATIENCE) if at_work else ():
                    yield encode_answer(reply, at_work[reply.job][0])
                    if reply.end:
                        _close(reply.job, at_work.pop(reply.job)[1])
        finally:
            for job, (_, item) in at_work.items():
                _close(job, item)


def _close(job: Job, item: Item) -> None:
    os.close(job.descriptor)
    item.let_go()
