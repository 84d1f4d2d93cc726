"""The hash table, which answers searches at radius 0."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counts import examples
from hashmatch.index import Codes, EqualIndex, build_index, equal, open_index, ranges

from .oracle import WIDTHS, make, naive, questions, reopen, triples


@pytest.mark.parametrize("few", [0, 8])
@examples(60)
@given(question=questions(), reopened=st.booleans())
def test_finds_equal_hashes_alone(
    few: int, *, question: tuple[Codes, Codes, int], reopened: bool
) -> None:
    """By Python or by NumPy, the table finds every equal entry, and none besides."""
    codes, queries, _ = question
    queries = np.concatenate([queries, codes[::3]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(equal, "_FEW", few)
        patch.setattr(ranges, "CANDIDATES", 3)
        index = build_index(codes, radius=0)
        assert isinstance(index, EqualIndex)
        index = reopen(index) if reopened else index
        assert triples(index.search(queries, 0)) == naive(codes, queries, 0)


def unaligned(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """The same values at an odd address, as a file may hold them."""
    return np.frombuffer(b"-" + array.tobytes(), array.dtype, array.size, 1).reshape(array.shape)


@pytest.mark.parametrize("few", [0, 8])
def test_arrays_may_lie_anywhere(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes and tables from a file need no alignment."""
    monkeypatch.setattr(equal, "_FEW", few)
    codes = make("uniform", 50, 128, seed=4)
    tables = {name: unaligned(table) for name, table in EqualIndex(codes).tables().items()}
    index = open_index("equal", unaligned(codes), tables)
    assert triples(index.search(codes[:5], 0)) == [(row, row, 0) for row in range(5)]


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("shape", ["uniform", "skewed", "blocks"])
def test_buckets_hold_few_entries(shape: str, bits: int) -> None:
    """Hashes that differ lie in different buckets, but for one in a few: also badly spread ones."""
    codes = np.unique(make(shape, 20_000, bits, seed=3), axis=0)
    starts = EqualIndex(codes).tables()["starts"]
    held = np.diff(starts.astype(np.int64))
    # The mean number of entries that a query for an entry is compared with
    assert (held**2).sum() / len(codes) < 4
