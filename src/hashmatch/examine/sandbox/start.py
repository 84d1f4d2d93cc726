"""The best pool that this system offers.

Nothing in this package that runs in the scanning process imports NumPy or Pillow: a command can
start a pool before all else, and the zygote loads the decoders while the command loads its own.
"""

from __future__ import annotations

from typing import TypeAlias

from hashmatch.examine.sandbox.pool import Pool, WorkerLimits, isolation_available
from hashmatch.examine.sandbox.threads import ThreadPool

AnyPool: TypeAlias = Pool | ThreadPool


def make_pool(jobs: int, limits: WorkerLimits | None = None) -> AnyPool:
    """Start it.

    Args:
        jobs: how many workers.
        limits: what each may use; the defaults of ``WorkerLimits`` if None.

    Raises:
        HashmatchError: the processes cannot be started.
    """
    if isolation_available():
        return Pool(jobs, limits or WorkerLimits())
    return ThreadPool(jobs)
