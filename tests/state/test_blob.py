"""Hashes as bytes for a column, and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashmatch.model import Examination, HashKind, PerceptualHash, ViewHashes
from hashmatch.state.blob import BlobError, columns, pack_hashes, unpack_hashes

KINDS = [HashKind("phash", 64), HashKind("dhash", 64), HashKind("phash", 256)]


def hashes_of(kinds: list[HashKind]) -> st.SearchStrategy[tuple[PerceptualHash, ...]]:
    """One hash of each kind."""
    words = st.integers(0, 2**64 - 1)
    return st.tuples(
        *(
            st.tuples(*[words] * kind.words).map(
                lambda found, kind=kind: PerceptualHash(kind.algorithm, kind.bits, found)
            )
            for kind in kinds
        )
    )


@st.composite
def examinations(draw: st.DrawFn) -> tuple[list[HashKind], Examination, tuple[bytes, ...]]:
    """Kinds of hashes, an examination with hashes of these kinds, and digests."""
    kinds = draw(st.lists(st.sampled_from(KINDS), unique=True, min_size=1))
    exact = draw(st.booleans())
    views = draw(
        st.lists(
            st.builds(
                ViewHashes,
                st.text(max_size=20),
                st.integers(0, 100),
                hashes_of(kinds),
                st.just(()) if exact else hashes_of(kinds),
            ),
            max_size=4,
        )
    )
    digests = draw(st.lists(st.binary(min_size=16, max_size=32), max_size=3))
    return kinds, Examination(views=tuple(views), exact=exact), tuple(digests)


@settings(max_examples=40)
@given(examinations())
def test_what_is_packed_is_unpacked(case) -> None:
    """Views, uncertain bits, qualities, names and digests come back as they were."""
    kinds, examination, digests = case
    found = unpack_hashes(pack_hashes(examination, digests), kinds)
    assert found.views == examination.views
    assert found.digests == digests


@settings(max_examples=40)
@given(examinations(), st.data())
def test_a_blob_that_was_cut_is_refused(case, data: st.DataObject) -> None:
    """A truncated blob is an error, never other hashes."""
    kinds, examination, digests = case
    blob = pack_hashes(examination, digests)
    short = blob[: data.draw(st.integers(0, len(blob) - 1))]
    with pytest.raises(BlobError):
        unpack_hashes(short, kinds)


@given(st.binary(max_size=200))
def test_any_bytes_are_hashes_or_refused(data: bytes) -> None:
    """Reading a damaged column succeeds or raises its own error, and nothing else."""
    for read in (lambda: unpack_hashes(data, KINDS), lambda: columns([data, data], 6)):
        try:
            read()
        except BlobError:
            continue


@settings(max_examples=25)
@given(st.lists(examinations(), max_size=6), st.booleans())
def test_columns_hold_what_the_objects_hold(cases, exact: bool) -> None:
    """Reading many blobs into arrays gives the hashes that unpacking each one gives."""
    kinds = KINDS
    chosen = [found for names, found, _ in cases if names == kinds and found.exact is exact]
    counts, codes, uncertain_bits = columns([pack_hashes(found, ()) for found in chosen], 6)
    assert counts == [len(found.views) for found in chosen]
    views = [view for found in chosen for view in found.views]
    words = [[word for value in view.hashes for word in value.words] for view in views]
    assert codes.tolist() == words
    if not exact and views:
        words = [[word for value in view.uncertain_bits for word in value.words] for view in views]
        assert uncertain_bits is not None
        assert uncertain_bits.tolist() == words
    assert codes.dtype == np.uint64


def test_another_version_and_other_kinds_are_refused() -> None:
    """A blob with a later layout, or with hashes of other kinds, is refused."""
    view = ViewHashes("stored", 90, (PerceptualHash("phash", 64, (5,)),))
    blob = pack_hashes(Examination(views=(view,)), ())
    with pytest.raises(BlobError, match="version"):
        unpack_hashes(b"\x02" + blob[1:], KINDS[:1])
    with pytest.raises(BlobError, match="other kinds"):
        unpack_hashes(blob, KINDS)
    with pytest.raises(BlobError, match="version"):
        columns([b"\x02" + blob[1:]], 1)
    with pytest.raises(BlobError):
        columns([blob], 6)


def test_previews_and_exact_hashes_are_not_mixed() -> None:
    """A column of previews is refused if one blob has no uncertain bits."""
    value = PerceptualHash("phash", 64, (5,))
    exact = pack_hashes(Examination(views=(ViewHashes("stored", 90, (value,)),)), ())
    view = ViewHashes("stored", 90, (value,), (value,))
    preview = pack_hashes(Examination(views=(view,), exact=False), ())
    with pytest.raises(BlobError):
        columns([preview, exact], 1)
