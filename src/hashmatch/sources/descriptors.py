"""How many files and folders a scan may have open, which the system limits for each process."""

from __future__ import annotations

from typing import NamedTuple

try:
    import resource
except ImportError:  # Windows, whose limit is far away
    resource = None  # type: ignore[assignment]

_OURS = 64
"""For lists, state, audit trail, results, and what speaks with the workers."""

_LEAST = 4


class Descriptors(NamedTuple):
    """How many there may be at a time.

    Attributes:
        walk: folders open from the root to where the walk is.
        held: folders open for the sake of files that may yet have to be opened.
        files: files open.
    """

    walk: int = 64
    held: int = 128
    files: int = 192


def descriptors() -> Descriptors:
    """As many as do any good, and fewer where the system's soft limit asks for it."""
    most = Descriptors()
    if resource is None:
        return most
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = limit - _OURS
    if limit == resource.RLIM_INFINITY or room >= sum(most):
        return most
    return Descriptors(*(max(_LEAST, room * share // sum(most)) for share in most))
