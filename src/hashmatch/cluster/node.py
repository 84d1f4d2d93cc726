"""Examines a shard on a node. The node has no list, and decodes in the usual sandbox.

The process that runs this opens the files and passes their descriptors on, so hostile bytes meet
only the sandboxed workers.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

from hashmatch.cluster.answers import encode_answer
from hashmatch.cluster.shard import Shard
from hashmatch.errors import DecodeError, HashmatchError
from hashmatch.examine.sandbox import AnyPool, Job, Reply
from hashmatch.model import Examination

_PATIENCE = 1.0


class UnfitError(HashmatchError):
    """This machine cannot examine the shard as a local scan would."""


def check_fit(shard: Shard) -> None:
    """Check that this machine decodes as the coordinator does, and sees the same folders.

    Raises:
        UnfitError: it does not. Otherwise every file would be gone, or have other hashes.
    """
    here = shard.work.rules()
    if here != shard.rules:
        ours, theirs = json.loads(here), json.loads(shard.rules)
        names = sorted(name for name in ours if ours[name] != theirs.get(name))
        raise UnfitError(
            f"this machine examines files differently ({', '.join(names)}): install the same"
            " version of hashmatch, with the same extras, as where the shards were made"
        )
    for root in {item.root or os.path.dirname(item.path) for item in shard.items}:
        place = os.path.join(shard.work.base, root)
        if not os.path.lexists(place):
            raise UnfitError("this folder is not there: mount it", path=os.fsdecode(place))


def examine_shard(shard: Shard, pool: AnyPool) -> Iterator[bytes]:
    """Examine the items of a shard, as many at a time as the pool takes.

    Args:
        shard: the shard.
        pool: the workers.

    Yields:
        The lines of the answer, in the order in which the examinations end.

    Raises:
        UnfitError: this machine should not examine it.
        HashmatchError: the workers died, or cannot be started.
    """
    check_fit(shard)
    pool.configure(shard.work.options)
    items = iter(enumerate(shard.items))
    at_work: dict[Job, int] = {}
    more = True
    try:
        while more or at_work:
            while more and pool.hungry:
                number, item = next(items, (-1, None))
                if item is None:
                    more = False
                    break
                job = Job(
                    -1,
                    exact=shard.exact,
                    digest_only=shard.digest_only,
                    skip=item.skip,
                    count=item.count,
                )
                try:
                    job.descriptor = item.open()
                except DecodeError as error:
                    failed = Reply(job, None, Examination.failed(error), end=True)
                    yield encode_answer(failed, number)
                    continue
                at_work[job] = number
                pool.submit(job)
            for reply in pool.poll(_PATIENCE) if at_work else ():
                yield encode_answer(reply, at_work[reply.job])
                if reply.end:
                    os.close(reply.job.descriptor)
                    del at_work[reply.job]
    finally:
        for job in at_work:
            os.close(job.descriptor)
