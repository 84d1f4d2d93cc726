"""Makes the best pool that this system offers.

Nothing in this package that runs in the scanning process imports NumPy or Pillow. So a command can
start a pool first, and the zygote loads the decoders while the command loads its own modules.
"""

from __future__ import annotations

from hashmatch.examine.sandbox.base import AnyPool
from hashmatch.examine.sandbox.limits import WorkerLimits
from hashmatch.examine.sandbox.pool import Pool, isolation_available
from hashmatch.examine.sandbox.threads import ThreadPool


def make_pool(jobs: int, limits: WorkerLimits | None = None) -> AnyPool:
    """Start it.

    Args:
        jobs: how many workers.
        limits: what each may use; the defaults of ``WorkerLimits`` if None.

    Raises:
        HashmatchError: the processes cannot be started.
    """
    kind = Pool if isolation_available() else ThreadPool
    return kind(jobs, limits or WorkerLimits())
