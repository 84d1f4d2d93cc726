"""The values that shells complete for options whose ``metavar`` does not list them.

Their modules are imported only when a shell asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hashmatch.cli.deferred import deferred
from hashmatch.model import Verdict
from hashmatch.options import FORMATS

if TYPE_CHECKING:
    from hashmatch import evaluate, hashing
    from hashmatch.hashlist import formats, kinds
    from hashmatch.service import policy, profiles
else:
    evaluate, hashing = deferred("hashmatch.evaluate"), deferred("hashmatch.hashing")
    formats, kinds = deferred("hashmatch.hashlist.formats"), deferred("hashmatch.hashlist.kinds")
    policy, profiles = deferred("hashmatch.service.policy"), deferred("hashmatch.service.profiles")


def list_algorithms() -> Iterator[str]:
    """What a list may hold."""
    yield from kinds.algorithms()


def list_formats() -> Iterator[str]:
    """What a list may be written in."""
    yield from (*formats.FORMATS, formats.COMPILED)


def picture_hashes() -> Iterator[str]:
    """What can be computed from a picture, with and without a width."""
    for name, algorithm in hashing.ALGORITHMS.items():
        yield from (name, *(f"{name}-{bits}" for bits in algorithm.thresholds))


def thresholds() -> Iterator[str]:
    """``auto``, and the default of each algorithm."""
    yield "auto"
    for name, algorithm in hashing.ALGORITHMS.items():
        yield from (f"{name}-{bits}={most}" for bits, most in algorithm.thresholds.items())


def picture_formats() -> Iterator[str]:
    """What ``--deny-format`` takes."""
    yield from sorted(name.lower() for name in FORMATS)


def transforms() -> Iterator[str]:
    """Everyday changes, and their groups."""
    yield from sorted({each.group for each in evaluate.TRANSFORMS.values()})
    yield from evaluate.TRANSFORMS


def actions() -> Iterator[str]:
    """What to do about each verdict, at every door."""
    yield from (f"{verdict}={action}" for verdict in Verdict for action in policy.Action)


def clamd_profiles() -> Iterator[str]:
    """Clients of the clamd door."""
    yield from (each.name for each in profiles.PROFILES.values() if each.clamd is not None)


def icap_profiles() -> Iterator[str]:
    """Clients of the ICAP door."""
    yield from (each.name for each in profiles.PROFILES.values() if each.icap is not None)
