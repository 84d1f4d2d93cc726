"""Hashes of a picture's mirror images, from its own hashes alone.

A mirror image has the same DCT coefficients with some signs changed, and the same differences of
neighbours in another order. So some bits of its hash are those of the picture, exchanged or
inverted. The result is near the hash of the mirrored pixels: on generated pictures 4 bits of 64 off
on average for pHash, whose median moves a little, and 1 for dHash, which has no sign for equal
neighbours. Agreement reaches further than that.

The same bits move whatever the hash is, so the distance of two hashes stays the same if both are
turned: what is certain of a preview's bits stays certain, and stored hashes can be turned too.
"""

from __future__ import annotations

from functools import cache
from math import isqrt

import numpy as np
import numpy.typing as npt

from hashmatch.hashing import Codes, pack
from hashmatch.model import HashKind

SYMMETRIES = ("mirror", "flip", "rotate-180")
"""The mirror images that have a hash here, by the names of their views: left and right exchanged,
top and bottom, and both."""

TURNABLE = frozenset({"phash", "dhash"})
"""The algorithms whose hashes can be turned."""


def turn(kind: HashKind, codes: Codes, symmetry: str) -> Codes:
    """The hashes of mirror images, shape (n, words); ``symmetry`` is one of ``SYMMETRIES``."""
    order, inverted = _moves(kind, symmetry)
    return pack(np.take(_bits(codes), order, axis=1) ^ inverted)


def turn_mask(kind: HashKind, masks: Codes, symmetry: str) -> Codes:
    """Masks of bits, such as uncertain ones, moved as the bits are; the same shape."""
    order, _ = _moves(kind, symmetry)
    return pack(np.take(_bits(masks), order, axis=1))


def _bits(codes: Codes) -> npt.NDArray[np.bool_]:
    octets = codes.astype(">u8").view(np.uint8).reshape(len(codes), 8 * codes.shape[1])
    return np.unpackbits(octets, axis=1).astype(np.bool_)


@cache
def _moves(kind: HashKind, symmetry: str) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Where each bit comes from, and whether it is inverted."""
    side = isqrt(kind.bits)
    places = np.arange(kind.bits).reshape(side, side)
    down, across = np.indices((side, side))
    sideways, upside_down = symmetry != "flip", symmetry != "mirror"
    if kind.algorithm == "phash":  # odd frequencies change their signs
        odd = (across * sideways + down * upside_down) % 2 == 1
        return places.ravel(), odd.ravel()
    if sideways:
        places = places[:, ::-1]
    if upside_down:
        places = places[::-1]
    return places.ravel(), np.full(kind.bits, sideways)
