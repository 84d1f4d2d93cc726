"""Cuts hashes into chunks of 16 bits, so that the buckets of a list fill evenly."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hashmatch.index.base import Codes
from hashmatch.model import WORD_BITS

CHUNK_BITS = 16

Fields: TypeAlias = npt.NDArray[np.uint16]
"""Hashes cut into chunks: shape (n, chunks)."""

SAMPLE = 1 << 14
"""Entries to measure correlations on: enough to see any that would fill a bucket."""

GAIN = 0.01
"""The least that a swap of two bits must gain. Less is sampling noise."""

BATCH = 1 << 14
"""Hashes to cut at a time."""


def arrange(codes: Codes) -> npt.NDArray[np.uint16]:
    """Deal the bits of a list's hashes out to chunks, keeping bits that agree apart.

    The agreement of two bits is the square of the mean of their product, with bits as -1 and 1. By
    that measure bits that hardly ever change agree with each other, so they are spread out too.
    Starting from the natural order, this keeps making the swap of two bits that lowers the
    agreement within chunks most, until no swap is worth it.

    Args:
        codes: shape (n, words).

    Returns:
        The bits of the first chunk, then of the second, and so on; uint16, shape (bits,). Bit i is
        bit ``i % 64`` of word ``i // 64``, counted from the least significant. The chunk that fills
        its buckets most evenly comes first.
    """
    signs = _signs(codes[:: -(-len(codes) // SAMPLE) or 1])
    bits = signs.shape[1]
    agreement = (signs.T @ signs / max(1, len(signs))) ** 2
    np.fill_diagonal(agreement, 0)
    chunk = np.arange(bits) // CHUNK_BITS
    groups = np.arange(bits // CHUNK_BITS)
    while True:
        within = agreement @ (chunk[:, None] == groups)
        # The agreement of bit i with the chunk of bit j, and with its own
        there = within[:, chunk]
        here = there.diagonal()
        gain = here[:, None] + here - there - there.T + 2 * agreement
        gain[chunk[:, None] == chunk] = 0
        one, other = divmod(int(gain.argmax()), bits)
        if gain[one, other] < GAIN:
            break
        chunk[one], chunk[other] = chunk[other], chunk[one]
    fullness = [agreement[np.ix_(chunk == group, chunk == group)].sum() for group in groups]
    place = np.argsort(np.argsort(fullness, kind="stable"), kind="stable")
    return np.argsort(place[chunk], kind="stable").astype(np.uint16)


def _signs(codes: Codes) -> npt.NDArray[np.float32]:
    """Bits as -1 and 1, shape (n, bits), the least significant bit of the first word first."""
    shifts = np.arange(WORD_BITS, dtype=np.uint64)
    ones = (codes[:, :, None] >> shifts) & np.uint64(1)
    bits = ones.reshape(len(codes), WORD_BITS * codes.shape[1])
    return 2 * bits.astype(np.float32) - 1


class Cutter:
    """Cuts hashes into chunks.

    Args:
        bits: the result of ``arrange``.

    Attributes:
        masks: the bits of a hash that make up each chunk: uint64, shape (chunks, words).
    """

    def __init__(self, bits: npt.NDArray[np.uint16]) -> None:
        words = len(bits) // WORD_BITS
        # The chunks of a hash are those of its bytes ORed together, so one table per byte will do
        octets = np.zeros((8 * words, 256, 8 * words), np.uint8)
        octets[np.arange(8 * words), :, np.arange(8 * words)] = np.arange(256)
        chunks = _cut(octets.reshape(-1, 8 * words).view(np.uint64), bits)
        self._of_octet = chunks.view(np.uint64)
        self._first = np.arange(0, len(chunks), 256)[:, None]
        self.masks = np.zeros((len(bits) // CHUNK_BITS, words), np.uint64)
        chunk = np.arange(len(bits)) // CHUNK_BITS
        bit = np.uint64(1) << (bits % WORD_BITS).astype(np.uint64)
        np.bitwise_or.at(self.masks, (chunk, bits // WORD_BITS), bit)

    def __call__(self, codes: Codes) -> Fields:
        """Cut each hash, into a new array."""
        if len(codes) <= BATCH:
            octets = codes.view(np.uint8).T
            parts = self._of_octet.take(octets + self._first, axis=0)
            cut: Codes = np.bitwise_or.reduce(parts)
            return cut.view(np.uint16)
        tops = range(0, len(codes), BATCH)
        return np.concatenate([self(codes[top : top + BATCH]) for top in tops])


def _cut(codes: Codes, bits: npt.NDArray[np.uint16]) -> Fields:
    """Do what ``Cutter`` does, bit by bit."""
    chunks = np.zeros((len(codes), len(bits) // CHUNK_BITS), np.uint16)
    for place, bit in enumerate(bits.tolist()):
        chunk, rank = divmod(place, CHUNK_BITS)
        ones = codes[:, bit // WORD_BITS] >> np.uint64(bit % WORD_BITS) & np.uint64(1)
        chunks[:, chunk] |= ones.astype(np.uint16) << np.uint16(rank)
    return chunks
