from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch import HashmatchError, PerceptualHash, hamming_distance
from hashmatch.errors import HashMismatchError
from hashmatch.hashing import to_codes
from hashmatch.hashing.distance import distances

words = st.integers(0, 2**64 - 1)
pairs = st.sampled_from([1, 4]).flatmap(
    lambda count: st.tuples(
        st.lists(words, min_size=count, max_size=count),
        st.lists(words, min_size=count, max_size=count),
    )
)


def phash(values: list[int]) -> PerceptualHash:
    """A hash of these words."""
    return PerceptualHash("phash", 64 * len(values), tuple(values))


@given(pairs)
def test_distance_counts_the_bits_that_differ(pair: tuple[list[int], list[int]]) -> None:
    """The distance equals that of imagehash, is symmetric, and is 0 only for equal hashes."""
    first, second = map(phash, pair)
    bits = hamming_distance(first, second)
    assert bits == first.to_imagehash() - second.to_imagehash()
    assert bits == hamming_distance(second, first)
    assert (bits == 0) == (first == second)


@given(pairs)
def test_complement_lies_at_full_width(pair: tuple[list[int], list[int]]) -> None:
    """A hash and its complement differ in every bit."""
    first = phash(pair[0])
    complement = phash([word ^ (2**64 - 1) for word in pair[0]])
    assert hamming_distance(first, complement) == first.bits


@given(st.lists(pairs, min_size=1, max_size=8))
def test_batches_equal_the_reference(batch: list[tuple[list[int], list[int]]]) -> None:
    """The NumPy version equals the reference for every pair, in any broadcast shape."""
    count = len(batch[0][0])
    batch = [pair for pair in batch if len(pair[0]) == count]
    first, second = ([phash(pair[side]) for pair in batch] for side in (0, 1))
    expected = [[hamming_distance(one, other) for other in second] for one in first]
    codes, others = to_codes(first), to_codes(second)
    table = distances(codes[:, None], others[None])
    assert table.dtype == np.uint16
    assert table.tolist() == expected
    assert distances(codes, others).tolist() == np.diag(expected).tolist()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (PerceptualHash("phash", 64, (1,)), PerceptualHash("dhash", 64, (1,))),
        (PerceptualHash("phash", 64, (1,)), PerceptualHash("phash", 256, (1, 2, 3, 4))),
        (PerceptualHash("sha256", 256, (1, 2, 3, 4)), PerceptualHash("phash", 256, (1, 2, 3, 4))),
    ],
)
def test_hashes_of_two_kinds_are_not_compared(
    first: PerceptualHash, second: PerceptualHash
) -> None:
    """Comparing across algorithms or widths raises an error that shows no bits."""
    with pytest.raises(HashMismatchError) as caught:
        hamming_distance(first, second)
    assert str(caught.value) == f"cannot compare {first.kind} with {second.kind}"
    assert isinstance(caught.value, HashmatchError)
    assert isinstance(caught.value, TypeError)
