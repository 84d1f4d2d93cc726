"""The kinds of hash a list can hold, and what to make of a hash that names no algorithm."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache

import numpy as np
import numpy.typing as npt

from hashmatch.hashing import ALGORITHMS, Codes, to_codes
from hashmatch.model import DIGEST_BITS, HashKind, PerceptualHash

ASSUMED = HashKind("phash", 64)
"""The kind of 16 hex digits that name no algorithm. Other lengths are never assumed to be any."""

ASSUMPTION = f"no algorithm is named: 16 hex digits are taken for {ASSUMED.algorithm}"

BINARY = "the digits are all 0 or 1: is this a hash in binary? Write it in hex"

_CANDIDATES = {32: "md5", 40: "sha1", 64: "sha256, pdq, phash-256 or dhash-256"}
"""By number of hex digits, what a hash may be."""

_NOT_BINARY = np.uint64(0xEEEE_EEEE_EEEE_EEEE)


def algorithms() -> tuple[str, ...]:
    """The names of all algorithms, perceptual ones first."""
    return (*ALGORITHMS, *DIGEST_BITS)


def widths(algorithm: str) -> tuple[int, ...]:
    """The widths of an algorithm's hashes in bits; none if the algorithm is unknown."""
    if algorithm in DIGEST_BITS:
        return (DIGEST_BITS[algorithm],)
    return tuple(ALGORITHMS[algorithm].thresholds) if algorithm in ALGORITHMS else ()


def kinds() -> Iterator[HashKind]:
    """Every kind of hash that a list can hold."""
    for algorithm in algorithms():
        for bits in widths(algorithm):
            yield HashKind(algorithm, bits)


def is_known(kind: HashKind) -> bool:
    """Whether a list can hold hashes of this kind."""
    return kind.bits in widths(kind.algorithm)


def unknown_algorithm() -> str:
    """Say that an algorithm is unknown, without quoting it."""
    return f"unknown algorithm; choose from {', '.join(algorithms())}"


def wrong_length(algorithm: str, digits: int) -> str:
    """Say that a hash is too long or too short for its algorithm."""
    lengths = " or ".join(f"{bits // 4}" for bits in widths(algorithm))
    return f"{algorithm} has {lengths} hex digits, not {digits:,}"


def unnamed(digits: int) -> str:
    """Say why a hash that names no algorithm, and is not ``ASSUMED``, cannot be used."""
    if digits in _CANDIDATES:
        may_be = _CANDIDATES[digits]
        return f"{digits} hex digits that name no algorithm: {may_be}? Say which with --algorithm"
    return f"a hash that names no algorithm has {ASSUMED.bits // 4} hex digits, not {digits:,}"


def is_binary(kind: HashKind, codes: Codes) -> npt.NDArray[np.bool_]:
    """Which codes, shape (n, words), have 64 hex digits that are all 0 or 1, but not all 0.

    By chance that happens to one hash in 2^192: it is 64 bits, written in binary.
    """
    binary = np.zeros(len(codes), dtype=np.bool_)
    if kind.bits == 256:
        binary = ((codes & _NOT_BINARY) == 0).all(axis=1) & codes.any(axis=1)
    return binary


def is_void(kind: HashKind, codes: Codes) -> npt.NDArray[np.bool_]:
    """Which codes, shape (n, words), are those of a blank picture or an empty file."""
    if kind.algorithm not in DIGEST_BITS:
        return ALGORITHMS[kind.algorithm].is_flat(codes)
    void: npt.NDArray[np.bool_] = (codes == _empty_file(kind.algorithm)).all(axis=1)
    return void


@cache
def _empty_file(algorithm: str) -> Codes:
    digest = hashlib.new(algorithm, usedforsecurity=False).hexdigest()
    return to_codes([PerceptualHash.from_hex(digest, algorithm)])
