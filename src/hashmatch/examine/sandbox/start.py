"""The best pool that this system offers.

Nothing in this package that runs in the scanning process imports NumPy or Pillow. A command can
therefore start a pool first, and the zygote loads the decoders while the command loads its own
modules.
"""

from __future__ import annotations

from hashmatch.errors import SettingsError
from hashmatch.examine.sandbox.base import AnyPool
from hashmatch.examine.sandbox.pool import Pool, WorkerLimits, isolation_available
from hashmatch.examine.sandbox.protection import Sandbox
from hashmatch.examine.sandbox.threads import ThreadPool


def make_pool(
    jobs: int, limits: WorkerLimits | None = None, sandbox: Sandbox = Sandbox.BEST
) -> AnyPool:
    """Start it.

    Args:
        jobs: how many workers.
        limits: what each may use; the defaults of ``WorkerLimits`` if None.
        sandbox: how much of a sandbox they run in.

    Raises:
        SettingsError: the sandbox is strict, and this system cannot isolate processes.
        HashmatchError: the processes cannot be started.
    """
    if isolation_available():
        return Pool(jobs, limits or WorkerLimits(), sandbox)
    if sandbox is Sandbox.STRICT:
        raise SettingsError(
            "the sandbox is strict, and this system cannot decode in processes of their own: run on"
            " Linux 5.13 or later, or choose --sandbox best"
        )
    return ThreadPool(jobs)
