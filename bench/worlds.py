"""Simulates pictures whose truth is known: how often variants are near, and how often others are.

A world has families of look-alikes, a few large and most small, as real folders do. A picture's
hash is the centre of its family with some bits flipped; pictures differ in how many. Two algorithms
see the same families around centres of their own, so their false matches are correlated, as those
of real algorithms are. The distance of a variant depends on the transform and on the picture, so
the variants of one picture are correlated.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from scipy.stats import binom

from hashmatch.evaluate import EvaluationSettings
from hashmatch.evaluate.gather import Measurements
from hashmatch.evaluate.identity import CHOOSE, SCORE, Identities
from hashmatch.evaluate.pictures import IDENTITY_KINDS
from hashmatch.hashing.distance import distances

Floats = npt.NDArray[np.float64]

BITS = 64
DEPTH = 21
"""How many levels the truth is computed for."""

FLIPS = (0.05, 0.15, 0.4)
SHARES = (0.2, 0.3, 0.5)
"""The shares of bits that pictures flip from their family's centre, and how many pictures do."""

AROUND = 0.18
"""The share of bits in which families differ from a hub, if there is one."""

EASE = (-5.0, -3.2, -2.2, -1.2)
SPREAD = 0.7
"""How hard each transform is, and how much that varies by picture, in log odds of a bit."""


@dataclass(frozen=True)
class World:
    """Where simulated pictures come from.

    Attributes:
        centres: the hash of each family, by algorithm; shape (families, 1), uint64.
        weights: the share of pictures in each family; they add up to 1.
    """

    centres: tuple[npt.NDArray[np.uint64], ...]
    weights: Floats

    @classmethod
    def make(cls, seed: int, families: int = 400, skew: float = 1.0, hub: float = 0.0) -> World:
        """Make a world.

        Args:
            seed: of the families' hashes.
            families: how many there are.
            skew: 0 for families of one size, more for a few large ones among many small ones.
            hub: the share of pictures in an extra family in the middle, which is nearer to each of
                the others than those are to each other; 0 for none.
        """
        rng = np.random.default_rng(seed)
        weights = 1 / (np.arange(families) + 10.0) ** skew
        weights /= weights.sum()
        centres = [rng.integers(0, 2**64, (families, 1), dtype=np.uint64) for _ in range(2)]
        if hub:
            weights = np.append(weights * (1 - hub), hub)
            centres = [_around(centre[:1], families, rng) for centre in centres]
        return cls((centres[0], centres[1]), weights)

    def sample(self, seed: tuple[int, ...], pictures: int) -> tuple[Measurements, Identities]:
        """Draw pictures, with everything that an evaluation would measure of them."""
        rng = np.random.default_rng(seed)
        settings = EvaluationSettings()
        family = rng.choice(len(self.weights), pictures, p=self.weights)
        flips = rng.choice(FLIPS, pictures, p=SHARES)
        codes = {}
        for kind, centres in zip(settings.kinds, self.centres, strict=True):
            flipped = rng.random((pictures, BITS)) < flips[:, None]
            codes[kind] = centres[family] ^ np.packbits(flipped, axis=1).view(">u8").astype(
                np.uint64
            )
        hardness = rng.standard_normal((pictures, 1, 1))
        odds = expit(np.array(EASE)[None, :, None] + SPREAD * hardness)
        distance = rng.binomial(BITS, odds, (pictures, len(EASE), 2)).astype(np.uint16)
        places = np.stack(np.divmod(np.arange(pictures * len(EASE)), len(EASE)), axis=1)
        drawn = rng.permutation(pictures)
        part = np.full(pictures, SCORE)
        part[drawn[: pictures // 2]] = CHOOSE
        measured = Measurements(
            names=tuple(b"%d" % number for number in range(pictures)),
            digests=tuple(f"{number:064x}" for number in range(pictures)),
            kinds=settings.kinds,
            transforms=settings.transforms[: len(EASE)],
            entries=codes | dict.fromkeys(IDENTITY_KINDS, np.zeros((pictures, 4), np.uint64)),
            queries=codes,
            owner=np.arange(pictures),
            further=np.zeros(pictures, dtype=np.bool_),
            variant=places,
            stored=np.ones(len(places), dtype=np.bool_),
            variant_further=np.zeros(len(places), dtype=np.bool_),
            distance=distance.reshape(-1, 2),
        )
        return measured, Identities((), part)

    def false_rates(self) -> Floats:
        """How often two pictures are within two thresholds at once: shape (DEPTH + 1, DEPTH + 1).

        The last row and column stand for no threshold, so they hold the rates of one algorithm
        alone.
        """
        apart = [
            distances(centres[:, None], centres[None]).astype(np.int64) for centres in self.centres
        ]
        weights = np.outer(self.weights, self.weights)
        both = (apart[0] * (BITS + 1) + apart[1]).ravel()
        grid = np.bincount(both, weights=weights.ravel(), minlength=(BITS + 1) ** 2)
        grid = grid.reshape(BITS + 1, BITS + 1)
        rates = np.zeros((DEPTH + 1, DEPTH + 1))
        pairs = product(zip(FLIPS, SHARES, strict=True), repeat=2)
        for (first, first_share), (second, second_share) in pairs:
            differ = first * (1 - second) + second * (1 - first)
            within = np.stack([_within(centre, differ) for centre in range(BITS + 1)])
            rates += first_share * second_share * (within.T @ grid @ within)
        return rates

    def recalls(self) -> Floats:
        """The share of variants within two thresholds: (transforms, DEPTH + 1, DEPTH + 1)."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(61)
        odds = expit(np.array(EASE)[:, None] + SPREAD * nodes)
        within = binom.cdf(np.arange(DEPTH)[:, None, None], BITS, odds)
        within = np.concatenate([within, np.ones((1, *odds.shape))])
        share = weights / weights.sum()
        return np.einsum("atn,btn,n->tab", within, within, share)


def _around(
    hub: npt.NDArray[np.uint64], families: int, rng: np.random.Generator
) -> npt.NDArray[np.uint64]:
    """Centres around a hub, followed by the hub itself."""
    flipped = np.packbits(rng.random((families, BITS)) < AROUND, axis=1).view(">u8")
    return np.concatenate([hub ^ flipped.astype(np.uint64), hub])


def _within(apart: int, differ: float) -> Floats:
    """How often two pictures whose centres are ``apart`` bits apart are within each threshold."""
    same = binom.pmf(np.arange(BITS - apart + 1), BITS - apart, differ)
    other = binom.pmf(np.arange(apart + 1), apart, 1 - differ)
    chances = np.convolve(same, other).cumsum()[:DEPTH]
    return np.append(chances, 1.0)
