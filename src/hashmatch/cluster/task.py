"""What a Dask worker runs: one shard in, the lines of its answer out.

The worker's process supervises its own sandboxed pool, which stays for the next shard. Hostile
bytes meet the pool's workers only, so they cannot end the Dask worker.
"""

from __future__ import annotations

import json
import threading
from dataclasses import replace

from hashmatch.cluster.answers import MAX_ANSWER
from hashmatch.cluster.node import UnfitError, examine_shard
from hashmatch.cluster.shard import Shard, read_shard
from hashmatch.errors import HashmatchError, InputError, SettingsError
from hashmatch.examine.sandbox import AnyPool, WorkerLimits, make_pool
from hashmatch.examine.sandbox.cores import allowed_cores
from hashmatch.options import ExamineOptions


class _Pools:
    """The pool of this process, kept between shards."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.notices: list[str] = []
        self._pool: AnyPool | None = None
        self._made_for: tuple[int, WorkerLimits, ExamineOptions] | None = None

    def get(self, shard: Shard, jobs: int) -> AnyPool:
        """The pool for a shard."""
        wanted = (jobs, shard.work.limits, shard.work.options)
        if self._pool is None or self._made_for != wanted:
            self.drop()
            limits = replace(shard.work.limits, notify=self.notices.append)
            self._pool, self._made_for = make_pool(jobs, limits), wanted
        return self._pool

    def drop(self) -> None:
        """End the pool."""
        if self._pool is not None:
            self._pool.close()
        self._pool = self._made_for = None


_POOLS = _Pools()


class _TooLongError(Exception):
    """A shard's answer is longer than the coordinator takes."""


def examine_manifest(manifest: bytes, jobs: int) -> bytes:
    """Examine a shard in this process's pool, ``jobs`` files at a time; 0 for one per core.

    Returns the lines of the answer, and one that says how it ended: ``done``, ``failed``, which may
    be the shard's fault, or ``unfit``, which is this machine's.
    """
    with _POOLS.lock:
        try:
            return _examine(read_shard(manifest), jobs or allowed_cores()) + _end("done")
        except (UnfitError, SettingsError, InputError) as error:
            end = _end("unfit", why=str(error))
        except _TooLongError:
            end = _end("failed", why="the answer is too long")
        except (HashmatchError, OSError) as error:
            end = _end("failed", why=str(error))
        _POOLS.drop()  # it may still be at work on the shard
        return end


def _end(how: str, why: str | None = None) -> bytes:
    message = {"end": how, "why": why, "notices": _POOLS.notices}
    return json.dumps(message).encode() + b"\n"


def _examine(shard: Shard, jobs: int) -> bytes:
    try:
        return _examine_once(shard, jobs)
    except (UnfitError, SettingsError):
        raise
    except HashmatchError:  # somebody ended the pool, which says nothing about the shard
        _POOLS.drop()
        return _examine_once(shard, jobs)


def _examine_once(shard: Shard, jobs: int) -> bytes:
    lines, size = [], 0
    for line in examine_shard(shard, _POOLS.get(shard, jobs)):
        lines.append(line)
        size += len(line)
        if size > MAX_ANSWER:
            raise _TooLongError
    return b"".join(lines)
