"""What a rule finds and what it matches falsely, by level, on one part of the pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hashmatch.evaluate.gather import Measurements
from hashmatch.evaluate.intervals import (
    Estimate,
    Ints,
    PairCounts,
    count_pairs,
    wilson,
    wilson_of_means,
)
from hashmatch.evaluate.negatives import NearPairs
from hashmatch.evaluate.rules import Rule


@dataclass(frozen=True, slots=True, repr=False)
class Figures:
    """A rule's figures on one part of the pictures, by level.

    Attributes:
        pictures: the number of pictures in the part, n.
        found: shape (levels, transforms), how many of the n variants are found.
        recall: shape (levels,), over all transforms with equal weight.
        pairs: false matches among the part's pairs.
    """

    pictures: int
    found: Ints
    recall: Estimate
    pairs: PairCounts

    @property
    def recall_by_transform(self) -> Estimate:
        """The share of variants found, shape (levels, transforms)."""
        return wilson(self.found / self.pictures, self.pictures)


def variant_levels(pictures: Measurements, rule: Rule) -> Ints:
    """The lowest level at which each variant is found, by its best view.

    Returns:
        Shape (n, transforms); ``rule.levels`` where no level finds it.
    """
    best = np.full((len(pictures), len(pictures.transforms)), rule.levels, dtype=np.int64)
    picture, transform = pictures.variant.T
    np.minimum.at(
        best, (picture, transform), rule.level(pictures.distance, pictures.variant_further)
    )
    return best


def found_by_level(levels: Ints, count: int) -> Ints:
    """How many of all variants are found at each of ``count`` levels."""
    result: Ints = np.bincount(levels.ravel(), minlength=count + 1)[:count].cumsum()
    return result


def measure(pictures: Measurements, rule: Rule, near: NearPairs, members: Ints) -> Figures:
    """Compute a rule's figures on the pictures numbered ``members``, at least two."""
    best = variant_levels(pictures, rule)[members]
    found = np.stack([(best <= level).sum(axis=0) for level in range(rule.levels)])
    shares = np.stack([(best <= level).mean(axis=1) for level in range(rule.levels)], axis=1)
    query, entry, level = near.levels(rule)
    inside = np.isin(query, members) & np.isin(entry, members)
    pairs = count_pairs(query[inside], entry[inside], level[inside], len(members), rule.levels)
    return Figures(len(members), found, wilson_of_means(shares), pairs)
