"""Synthetic lists, for load tests and demonstrations: random, clustered, or planted near pictures.

No entry comes from anybody's list. Planted ones are the operator's own benign pictures' hashes with
a known number of bits turned over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hashmatch.errors import SettingsError
from hashmatch.hashing import ALGORITHMS, Codes, check_kind, from_codes
from hashmatch.model import Entry, HashKind, PerceptualHash

_CLUSTER_SIZE = 50
_CLUSTER_RADIUS = 6
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Planted:
    """An entry at a known distance from a picture.

    Attributes:
        entry: the id of the entry.
        picture: which of the pictures that were given.
        distance: in bits.
    """

    entry: str
    picture: int
    distance: int


def synthesize(
    count: int, kind: HashKind, *, seed: int = 0, clustered: bool = False
) -> Iterator[Entry]:
    """Make random entries, the same for the same seed.

    Args:
        count: how many.
        kind: of which algorithm and width.
        seed: of the random numbers.
        clustered: in groups of 1 to 50 that lie within 6 bits of a common centre, as the copies on
            real lists do.

    Raises:
        SettingsError: the count is under 1, or there is no such kind.
    """
    check_kind(kind)
    if count < 1:
        raise SettingsError("a list has at least 1 entry")
    random = np.random.default_rng(seed)
    made = 0
    while made < count:
        block = _clusters(random, kind) if clustered else _uniform(random, _BLOCK, kind)
        block = block[~ALGORITHMS[kind.algorithm].is_flat(block)][: count - made]
        for value in from_codes(kind, block):
            made += 1
            yield Entry(f"synth-{made:08}", value, "random")


def plant(
    pictures: Sequence[PerceptualHash], distances: Sequence[int], *, seed: int = 0
) -> Iterator[tuple[Entry, Planted]]:
    """Make an entry at each of the distances from each of the pictures.

    Args:
        pictures: hashes of one kind.
        distances: in bits.
        seed: of the random numbers.

    Raises:
        SettingsError: a distance is not within the width.
    """
    random = np.random.default_rng(seed)
    for number, value in enumerate(pictures):
        for bits in distances:
            if not 0 <= bits <= value.bits:
                raise SettingsError(f"a distance is from 0 to {value.bits} bits")
            turned = np.zeros((1, value.bits), dtype=np.bool_)
            turned[0, random.choice(value.bits, bits, replace=False)] = True
            mask = np.packbits(turned, axis=1).view(">u8").astype(np.uint64)
            words = tuple(a ^ b for a, b in zip(value.words, mask[0].tolist(), strict=True))
            entry = Entry(
                f"planted-{number:06}-{bits}",
                PerceptualHash(value.algorithm, value.bits, words),
                f"{bits} bits from picture {number}",
            )
            yield entry, Planted(entry.id, number, bits)


def _uniform(random: np.random.Generator, count: int, kind: HashKind) -> Codes:
    return random.integers(0, 1 << 64, (count, kind.words), dtype=np.uint64)


def _clusters(random: np.random.Generator, kind: HashKind) -> Codes:
    centres = _uniform(random, _BLOCK // _CLUSTER_SIZE, kind)
    sizes = random.integers(1, _CLUSTER_SIZE + 1, len(centres))
    members = np.repeat(centres, sizes, axis=0)
    flips: npt.NDArray[np.bool_] = np.zeros((len(members), kind.bits), dtype=np.bool_)
    turned = random.integers(0, kind.bits, (len(members), _CLUSTER_RADIUS))
    # Bits drawn twice count once, so the distances spread from 0 to the radius
    used = np.arange(_CLUSTER_RADIUS) < random.integers(0, _CLUSTER_RADIUS + 1, (len(members), 1))
    rows = np.repeat(np.arange(len(members)), _CLUSTER_RADIUS).reshape(turned.shape)
    flips[rows[used], turned[used]] = True
    return members ^ np.packbits(flips, axis=1).view(">u8").astype(np.uint64)
