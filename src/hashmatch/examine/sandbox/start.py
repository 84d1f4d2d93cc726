"""Makes the best pool that this system offers.

Nothing in this package that runs in the scanning process imports NumPy or Pillow. So a command can
start the processes first, and they load the decoders while the command parses its options, loads
its own modules and reads its lists.
"""

from __future__ import annotations

from hashmatch.examine.sandbox.base import AnyPool
from hashmatch.examine.sandbox.forker import end_unused, start_ahead
from hashmatch.examine.sandbox.limits import WorkerLimits
from hashmatch.examine.sandbox.pool import Pool, isolation_available
from hashmatch.examine.sandbox.threads import ThreadPool


def make_pool(jobs: int, limits: WorkerLimits | None = None) -> AnyPool:
    """Start a pool of ``jobs`` workers. ``limits`` of None are the defaults of ``WorkerLimits``.

    Raises:
        HashmatchError: the processes cannot be started.
    """
    kind = Pool if isolation_available() else ThreadPool
    return kind(jobs, limits or WorkerLimits())


def make_pool_soon() -> None:
    """Start the processes of the pool that ``make_pool`` will make."""
    if isolation_available():
        start_ahead()


def make_no_pool() -> None:
    """End the processes that ``make_pool_soon`` started, if no pool took them."""
    if isolation_available():
        end_unused()
