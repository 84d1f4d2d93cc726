"""Which hashes a list can hold: the perceptual ones that are computed here, and exact digests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache

import numpy as np
import numpy.typing as npt

from hashmatch.hashing import ALGORITHMS, Codes, to_codes
from hashmatch.model import DIGEST_BITS, HashKind, PerceptualHash


def algorithms() -> tuple[str, ...]:
    """The names of all algorithms, perceptual ones first."""
    return (*ALGORITHMS, *DIGEST_BITS)


def widths(algorithm: str) -> tuple[int, ...]:
    """The widths, in bits, that hashes of an algorithm have; none where it is unknown."""
    if algorithm in DIGEST_BITS:
        return (DIGEST_BITS[algorithm],)
    return tuple(ALGORITHMS[algorithm].thresholds) if algorithm in ALGORITHMS else ()


def kinds() -> Iterator[HashKind]:
    """Every kind of hash that a list can hold."""
    for algorithm in algorithms():
        for bits in widths(algorithm):
            yield HashKind(algorithm, bits)


def is_known(kind: HashKind) -> bool:
    """Tell whether a list can hold hashes of this kind."""
    return kind.bits in widths(kind.algorithm)


def unknown_algorithm() -> str:
    """Say that an algorithm is unknown, without naming what was found in its place."""
    return f"unknown algorithm; choose from {', '.join(algorithms())}"


def is_void(kind: HashKind, codes: Codes) -> npt.NDArray[np.bool_]:
    """Tell which codes, shape (n, words), would match everything that is void.

    That is what a blank picture gives, or the digest of an empty file.
    """
    if kind.algorithm not in DIGEST_BITS:
        return ALGORITHMS[kind.algorithm].is_flat(codes)
    void: npt.NDArray[np.bool_] = (codes == _empty_file(kind.algorithm)).all(axis=1)
    return void


@cache
def _empty_file(algorithm: str) -> Codes:
    digest = hashlib.new(algorithm, usedforsecurity=False).hexdigest()
    return to_codes([PerceptualHash.from_hex(digest, algorithm)])
