"""Rules for when hashes count as near: by one algorithm, by both, or by either.

A rule has levels, from strict to lax, and each level has a threshold for each algorithm of it. For
a single algorithm the level is the threshold itself. So whatever the rule, a comparison comes down
to one number, the lowest level at which it is a match, and all statistics are about that number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hashmatch.hashing import parse_kind
from hashmatch.model import HashKind

Ints: TypeAlias = npt.NDArray[np.int64]

MAX_SHARE = 5 / 16
"""Thresholds are looked at up to this share of the bits: 20 of 64."""


@dataclass(frozen=True, slots=True, repr=False)
class Rule:
    """A rule.

    Attributes:
        name: ``phash``, ``dhash``, ``phash and dhash``, ...
        columns: the kinds that it asks, by their place in ``Measurements.kinds``.
        all_must: all of them must be near; else any.
        thresholds: shape (levels, columns), in bits, never falling from one level to the next.
    """

    name: str
    columns: tuple[int, ...]
    all_must: bool
    thresholds: Ints

    @property
    def levels(self) -> int:
        """How many levels there are; a comparison with this number is a match at none."""
        return len(self.thresholds)

    @property
    def is_single(self) -> bool:
        """Whether it asks one algorithm alone."""
        return len(self.columns) == 1

    def level(self, distance: npt.NDArray[np.integer]) -> Ints:
        """The lowest level at which each comparison is a match.

        Args:
            distance: shape (rows, kinds), in bits.

        Returns:
            Shape (rows,); ``levels`` where it is no match at any.
        """
        found = [
            np.searchsorted(self.thresholds[:, place], distance[:, column])
            for place, column in enumerate(self.columns)
        ]
        result: Ints = (np.maximum if self.all_must else np.minimum).reduce(found)
        return result


def label(kind: HashKind) -> str:
    """What a kind is called: by its algorithm alone at that one's usual width."""
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
    """For each two algorithms of one width the rules ``A and B`` and ``A or B``.

    Their levels go with the first one's thresholds; the second one's is the lowest that finds at
    least as many variants. Which thresholds belong together is thus told by the positives alone, so
    that the false matches, which choose the level, have no say in it.

    Args:
        kinds: what is evaluated.
        singles: the rule of each kind.
        recall: for each kind, how many variants are found at each level; from the pictures that
            thresholds are chosen on.
    """
    rules = []
    for first, second in combinations(range(len(kinds)), 2):
        if kinds[first].bits != kinds[second].bits:
            continue
        partner = np.searchsorted(recall[second], recall[first])
        partner = np.minimum(np.maximum.accumulate(partner), singles[second].levels - 1)
        thresholds = np.stack([np.arange(singles[first].levels), partner], axis=1)
        for word, all_must in (("and", True), ("or", False)):
            name = f"{singles[first].name} {word} {singles[second].name}"
            rules.append(Rule(name, (first, second), all_must, thresholds))
    return rules
