"""Hamming distance in bits: a readable reference, and its NumPy counterpart for batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from hashmatch.model import PerceptualHash


def hamming_distance(first: PerceptualHash, second: PerceptualHash) -> int:
    """The number of bits in which two hashes differ.

    This is the scalar reference that ``distances`` is tested against.

    Raises:
        HashMismatchError: they differ in algorithm or width.
    """
    return first - second


def distances(
    first: npt.NDArray[np.uint64], second: npt.NDArray[np.uint64]
) -> npt.NDArray[np.uint16]:
    """Hamming distances, in bits, over arrays of hashes.

    Args:
        first: shape (..., words), uint64.
        second: shape (..., words), uint64, broadcast against ``first``.

    Returns:
        uint16, in the broadcast shape without its last axis.
    """
    # Word by word: no temporary of the full shape, and no slow sum over a short axis
    total: npt.NDArray[np.uint16] = np.bitwise_count(first[..., 0] ^ second[..., 0]).astype(
        np.uint16
    )
    for word in range(1, first.shape[-1]):
        total += np.bitwise_count(first[..., word] ^ second[..., word])
    return total
