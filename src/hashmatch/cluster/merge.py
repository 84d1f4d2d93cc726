"""Replays what nodes answered into a scan, where the list is.

``Recorded`` is an examiner like a pool, and ``RecordedSource`` a source, so to the pipeline this is
one more scan. A preview that may be near an entry is decoded in full, here, by the usual pool. So
this machine must be able to read the files, unless the nodes decoded all of them in full.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hashmatch.cluster.answers import Answers
from hashmatch.cluster.items import ShardItem, located
from hashmatch.cluster.plan import Plan, manifest_name, shards_of
from hashmatch.cluster.shard import SCHEMA, Shard
from hashmatch.errors import DecodeError, InputError
from hashmatch.examine.sandbox import AnyPool, Job, Reply
from hashmatch.examine.sandbox.jobs import ProtocolError
from hashmatch.examine.sandbox.protocol import MAX_FRAME
from hashmatch.files import raising
from hashmatch.model import Examination
from hashmatch.options import ExamineOptions
from hashmatch.sources import OpenStores
from hashmatch.text import count

_WINDOW = 4096
"""Items that the pipeline takes in at a time."""


def results_header(shard_id: str, node: str) -> dict[str, Any]:
    """The first line of a file of results."""
    return {"type": "results", "schema": SCHEMA, "shard": shard_id, "node": node}


def find_results(paths: Iterable[Path]) -> dict[str, Path]:
    """The files of results among files and folders, by the ids of their shards.

    Of several for one shard, the last counts. Raises ``InputError`` for a file without results.
    """
    found = {}
    for path in paths:
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            try:
                with raising(InputError, "cannot be read", file), file.open("rb") as opened:
                    header = json.loads(opened.readline(MAX_FRAME))
                if (header["type"], header["schema"]) != ("results", SCHEMA):
                    raise _wrong(file)
                found[str(header["shard"])] = file
            except (LookupError, TypeError, ValueError, RecursionError):
                raise _wrong(file) from None
    return found


def _wrong(file: Path) -> InputError:
    return InputError("not the results of a shard", path=str(file))


class RecordedSource:
    """The items of a plan, with their results and those digests that the scan wants.

    Raises:
        InputError: a shard has no results.
    """

    root = b""  # each item has its own
    ordered = False  # a state has no part in it

    def __init__(
        self, plan: Plan, folder: Path, results: Mapping[str, Path], digests: Sequence[str]
    ) -> None:
        self._shards = plan, folder
        self._digests = digests
        self._results = results
        missing = [n for n, name in enumerate(plan.shards, 1) if name not in results]
        if missing:
            some = ", ".join(map(manifest_name, missing[:3])) + (", ..." if missing[3:] else "")
            lacking = count(len(missing), "shard has", "shards have")
            raise InputError(f"{lacking} no results: {some}", path=str(folder))

    def __iter__(self) -> Iterator[ShardItem]:
        """Yield the items, in the order of the walk.

        Raises ``InputError`` if results are not what an honest node writes, or not complete.
        """
        for name, shard in shards_of(*self._shards):
            yield from _read_results(self._results[name], shard, self._digests)

    def is_gone(self, path: bytes) -> bool:  # noqa: ARG002 # no state asks
        """See ``Source.is_gone``."""
        return False


def _read_results(file: Path, shard: Shard, digests: Sequence[str]) -> list[ShardItem]:
    """Read the results of a shard, all of them before any is used."""
    answers = Answers(shard)
    replies: defaultdict[int, list[Reply]] = defaultdict(list)
    try:
        with raising(InputError, "cannot be read", file), file.open("rb") as opened:
            opened.readline(MAX_FRAME)
            while line := opened.readline(MAX_FRAME):
                number, reply = answers.take(line)
                replies[number].append(reply)
    except ProtocolError:
        raise InputError(
            "has results that are not valid: examine this shard again", path=str(file)
        ) from None
    if not answers.complete:
        raise InputError("is not complete: examine this shard again", path=str(file))
    places = [shard.work.options.digests.index(each) for each in digests]
    return [
        replace(item, replies=tuple(_with_digests(each, places) for each in replies[number]))
        for number, item in enumerate(shard.items)
    ]


def _with_digests(reply: Reply, places: Sequence[int]) -> Reply:
    """A reply with the digests at these places alone."""
    found = reply.examination
    if not found.digests:
        return reply
    kept = tuple(found.digests[place] for place in places)
    return reply._replace(examination=replace(found, digests=kept))


class Recorded(AnyPool):
    """Examines the items of a ``RecordedSource``, by looking up what nodes answered."""

    window = _WINDOW

    def __init__(self, pool: AnyPool, stores: OpenStores) -> None:
        super().__init__(1)
        self._pool = pool
        self._stores = stores
        self._ready: list[Reply] = []
        self._at_work: dict[Job, Job] = {}

    def _begin(self, options: ExamineOptions) -> None:
        self._pool.configure(options)

    def _check_sandbox(self) -> None:
        """Leave that to the pool."""

    def submit(self, job: Job) -> None:
        """Answer a job from what is recorded, or hand it to the pool."""
        item = job.item
        assert isinstance(item, ShardItem)  # noqa: S101 # it comes from RecordedSource
        if not job.exact:
            self._ready += [reply._replace(job=job) for reply in item.replies]
            return
        try:
            descriptor = located(item, self._stores).open()
        except DecodeError as error:
            self._ready.append(Reply(job, None, Examination.failed(error), end=True))
            return
        again = replace(job, descriptor=descriptor)
        self._at_work[again] = job
        self._pool.submit(again)

    @property
    def hungry(self) -> bool:
        """Whether a further job would be begun soon."""
        return self._pool.hungry

    @property
    def busy(self) -> bool:
        """Whether there is a job that has not ended."""
        return bool(self._ready or self._at_work)

    def poll(self, timeout: float) -> list[Reply]:
        """Return what is recorded, or wait for the pool."""
        ready, self._ready = self._ready, []
        for reply in self._pool.poll(0 if ready else timeout) if self._at_work else ():
            again = reply.job
            ready.append(reply._replace(job=self._at_work[again]))
            if reply.end:
                os.close(again.descriptor)
                del self._at_work[again]
        return ready

    def close(self) -> None:
        """Close what is still open. The pool is the caller's."""
        for again in self._at_work:
            os.close(again.descriptor)
        self._at_work = {}
