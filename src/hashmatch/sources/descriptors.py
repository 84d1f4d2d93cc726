"""How many files and folders a scan may have open: the system limits each process."""

from __future__ import annotations

from typing import NamedTuple

try:
    import resource
except ImportError:  # Windows, whose limit is far away
    resource = None  # type: ignore[assignment] # a module, or None without one

_OURS = 64
"""For lists, the state, the audit trail, results, and the workers' sockets."""

_LEAST = 4


class Descriptors(NamedTuple):
    """How many descriptors may be open at a time."""

    walk: int = 64  # folders between the root and where the walk is
    held: int = 128  # folders of files that may still have to be opened
    files: int = 192


def descriptors() -> Descriptors:
    """Return as many as are useful, and fewer if the system's soft limit requires it."""
    most = Descriptors()
    if resource is None:
        return most
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = limit - _OURS
    if limit == resource.RLIM_INFINITY or room >= sum(most):
        return most
    return Descriptors(*(max(_LEAST, room * share // sum(most)) for share in most))
