"""How many processor cores this process may use."""

from __future__ import annotations

import os
from pathlib import Path

from hashmatch.errors import SettingsError

_MOST_JOBS = 32
"""Per core. Each job is a process, and more of them only take memory."""


def resolve_jobs(jobs: int | None) -> int:
    """How many files to examine at a time: as asked, or one per core that we may use.

    Raises:
        SettingsError: this is far too many for the cores there are.
    """
    cores = allowed_cores()
    if jobs is None:
        return cores
    if jobs > _MOST_JOBS * cores:
        raise SettingsError(f"--jobs must be at most {_MOST_JOBS * cores}: {_MOST_JOBS} per core")
    return jobs


def allowed_cores() -> int:
    """How many cores this process may use: by its affinity, and by its control group's quota."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota = _cgroup_quota()
    return max(1, min(cores, quota)) if quota else cores


def _cgroup_quota(
    root: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")
) -> int | None:
    """Whole cores that our control groups may use, rounded up; None if there is no limit.

    A group is held to its own limit and to those of all groups above it. In a container the path of
    our group may be the path outside of it; then only the outermost group can be read.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return None
    quotas = []
    for controllers, path in (line.split(":", 2)[1:] for line in lines):
        if controllers and "cpu" not in controllers.split(","):
            continue
        base = root / "cpu" if controllers else root
        own = base / path.lstrip("/")
        for group in (own, *own.parents[: len(own.parts) - len(base.parts)]):
            quota = _quota_of(group, version=1 if controllers else 2)
            if quota is not None:
                quotas.append(quota)
    return min(quotas, default=None)


def _quota_of(group: Path, *, version: int) -> int | None:
    """One group's quota: "MAX PERIOD" in version 2 (cgroup-v2.rst), two files in version 1."""
    files = ("cpu.max",) if version == 2 else ("cpu.cfs_quota_us", "cpu.cfs_period_us")
    try:
        most, period = " ".join((group / name).read_text() for name in files).split()
    except (OSError, ValueError):
        return None
    if not (most.isdigit() and period.isdigit() and int(period)):
        return None  # "max", or -1
    return -(-int(most) // int(period))
