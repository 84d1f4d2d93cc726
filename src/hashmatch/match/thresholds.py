"""Thresholds as operators give them: ``auto``, one for all algorithms, or one for each by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from hashmatch.errors import SettingsError
from hashmatch.hashing import ALGORITHMS, default_threshold
from hashmatch.model import HashKind

AUTO: Literal["auto"] = "auto"

Threshold = int | Mapping[str, int] | Literal["auto"]


def check_names(threshold: Threshold) -> None:
    """Refuse a threshold for an unknown algorithm: it would have no effect.

    Raises:
        SettingsError: no algorithm has that name.
    """
    known = {
        name
        for algorithm in ALGORITHMS.values()
        for bits in algorithm.thresholds
        for name in (algorithm.name, str(HashKind(algorithm.name, bits)))
    }
    for name in threshold if isinstance(threshold, Mapping) else ():
        if name not in known:
            raise SettingsError(
                f"unknown algorithm {name!r} in the thresholds; choose from"
                f" {', '.join(sorted(known))}"
            )


def fixed_threshold(kind: HashKind, threshold: Threshold) -> int | None:
    """The threshold that the operator gives for a kind of hash, in bits; None for ``auto``.

    Raises:
        SettingsError: it is not a whole number, or so large that everything would match.
    """
    if isinstance(threshold, Mapping):
        chosen = threshold.get(str(kind), threshold.get(kind.algorithm))
    else:
        chosen = None if threshold == AUTO else threshold
    # Unrelated pictures differ in about half their bits, so from there on everything would match
    whole = isinstance(chosen, int) and not isinstance(chosen, bool)
    if chosen is not None and (not whole or not 0 <= chosen < kind.bits // 2):
        raise SettingsError(
            f"the threshold for {kind} must be from 0 to {kind.bits // 2 - 1} bits, not {chosen!r}"
        )
    return chosen


def resolve_threshold(kind: HashKind, threshold: Threshold) -> int:
    """The largest distance that is near by this kind of hash, in bits.

    Raises:
        SettingsError: as for ``fixed_threshold``.
    """
    fixed = fixed_threshold(kind, threshold)
    return default_threshold(kind) if fixed is None else fixed
