"""Hashes of one kind as an array of words, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hashmatch.hashing.algorithms import Codes
from hashmatch.model import HashKind, PerceptualHash


def to_codes(hashes: Sequence[PerceptualHash]) -> Codes:
    """Convert hashes of one kind to codes, uint64 of shape (n, words)."""
    return np.array([value.words for value in hashes], dtype=np.uint64)


def from_codes(kind: HashKind, codes: Codes) -> list[PerceptualHash]:
    """Convert codes, shape (n, words), to hashes of this kind."""
    return [PerceptualHash(kind.algorithm, kind.bits, tuple(code)) for code in codes.tolist()]


def from_code(kind: HashKind, code: Codes) -> PerceptualHash:
    """Convert one code, shape (words,), to a hash of this kind."""
    return from_codes(kind, code[None])[0]
