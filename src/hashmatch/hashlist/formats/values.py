"""Turns hashes in hex or base64 into codes, many at a time."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hashmatch.hashing import Codes
from hashmatch.hashlist.kinds import widths
from hashmatch.model import HashKind

_HEX = re.compile(r"[0-9A-Fa-f]+")


def kind_of(algorithm: str, characters: int) -> HashKind | None:
    """The kind of an algorithm's hash with this many characters; None if there is none.

    Hex and base64 of one algorithm's widths never have the same length.
    """
    for bits in widths(algorithm):
        if characters in (bits // 4, _base64_characters(bits)):
            return HashKind(algorithm, bits)
    return None


def to_codes(kind: HashKind, values: Sequence[str]) -> tuple[Codes, npt.NDArray[np.bool_]]:
    """Decode hashes of one kind that are all written in the same number of characters.

    Returns:
        Codes, shape (values, words), and a mask of the good ones; the others are zero.
    """
    decoded = _all_hex(kind, values)
    good = np.ones(len(values), dtype=np.bool_)
    if decoded is None:
        one_by_one = [_decode(kind, value) for value in values]
        good[:] = [value is not None for value in one_by_one]
        decoded = b"".join(value or bytes(kind.bits // 8) for value in one_by_one)
    padded = np.zeros((len(values), 8 * kind.words), dtype=np.uint8)
    padded[:, : kind.bits // 8] = np.frombuffer(decoded, np.uint8).reshape(len(values), -1)
    return padded.view(">u8").astype(np.uint64), good


def _all_hex(kind: HashKind, values: Sequence[str]) -> bytes | None:
    """Decode all values at once, if all are hex."""
    joined = "".join(values)
    if 4 * len(joined) != kind.bits * len(values) or not joined.isalnum():
        return None
    try:
        return bytes.fromhex(joined)
    except ValueError:
        return None


def _decode(kind: HashKind, value: str) -> bytes | None:
    if len(value) == kind.bits // 4:
        return bytes.fromhex(value) if _HEX.fullmatch(value) else None
    try:
        decoded = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
    # A value with as many characters but without padding would be longer
    return decoded if 8 * len(decoded) == kind.bits else None


def _base64_characters(bits: int) -> int:
    return -(-bits // 24) * 4
