"""Rules for when hashes count as near: by one algorithm, by both, or by either.

A rule has levels, from strict to lax, and each level has a threshold for each of its algorithms.
For a single algorithm the level is the threshold itself. So with any rule a comparison comes down
to one number, the lowest level at which it matches, and all statistics are about that number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from hashmatch.evaluate.intervals import Flags, Ints
from hashmatch.hashing import parse_kind
from hashmatch.model import HashKind

MAX_SHARE = 5 / 16
"""Thresholds are tried up to this share of the bits: 20 of 64."""


@dataclass(frozen=True, slots=True, repr=False)
class Rule:
    """When two pictures match.

    Attributes:
        name: ``phash``, ``dhash``, ``phash and dhash``, ...
        columns: the kinds of hash it uses, by index in ``Measurements.kinds``.
        all_must: whether all of them must be near, or any.
        thresholds: shape (levels, columns), in bits, never lower than at the level before.
    """

    name: str
    columns: tuple[int, ...]
    all_must: bool
    thresholds: Ints

    @property
    def levels(self) -> int:
        """How many levels there are; a comparison with this number matches at none."""
        return len(self.thresholds)

    @property
    def is_single(self) -> bool:
        """Whether it uses only one algorithm."""
        return len(self.columns) == 1

    def level(self, distance: npt.NDArray[np.integer], further: Flags) -> Ints:
        """The lowest level at which each comparison matches.

        Args:
            distance: shape (rows, kinds), in bits.
            further: shape (rows,), whether it is of a view that counts only where two hashes agree.

        Returns:
            Shape (rows,); ``levels`` where none matches.
        """
        found = [
            np.searchsorted(self.thresholds[:, place], distance[:, column])
            for place, column in enumerate(self.columns)
        ]
        result: Ints = (np.maximum if self.all_must else np.minimum).reduce(found)
        if self.is_single or not self.all_must:
            result = np.where(further, self.levels, result)
        return result


def label(kind: HashKind) -> str:
    """A kind's name: the algorithm alone if the width is its usual one."""
    return kind.algorithm if parse_kind(kind.algorithm) == kind else str(kind)


def single_rules(kinds: Sequence[HashKind], radius: Sequence[int]) -> list[Rule]:
    """One rule for each kind, with a level for every threshold up to its radius."""
    return [
        Rule(label(kind), (column,), True, np.arange(bits + 1)[:, None])
        for column, (kind, bits) in enumerate(zip(kinds, radius, strict=True))
    ]


def joint_rules(
    kinds: Sequence[HashKind], singles: Sequence[Rule], recall: Sequence[Ints]
) -> list[Rule]:
    """The rules ``A and B`` and ``A or B`` for each two kinds of hash.

    Their levels follow the first one's thresholds; the second one's is the lowest that finds at
    least as many variants. So the positives alone decide which thresholds belong together, and the
    false matches, which choose the level, have no influence on that. ``recall`` has, for each kind,
    how many variants are found at each level, among the pictures that thresholds are chosen on.
    """
    rules = []
    for first, second in combinations(range(len(kinds)), 2):
        partner = np.searchsorted(recall[second], recall[first])
        partner = np.minimum(np.maximum.accumulate(partner), singles[second].levels - 1)
        thresholds = np.stack([np.arange(singles[first].levels), partner], axis=1)
        for word, all_must in (("and", True), ("or", False)):
            name = f"{singles[first].name} {word} {singles[second].name}"
            rules.append(Rule(name, (first, second), all_must, thresholds))
    return rules
