"""Hashes of mirror images from hashes alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashmatch import HashKind, HashList, Verdict
from hashmatch.examine.examination import examine
from hashmatch.hashing import to_codes
from hashmatch.hashing.distance import distances
from hashmatch.match.symmetries import SYMMETRIES, turn, turn_mask
from hashmatch.model import Entry
from hashmatch.options import ExamineOptions
from matchers import in_process
from pictures import photo

KINDS = tuple(HashKind(name, bits) for name in ("phash", "dhash") for bits in (64, 256))
FLIPS = {"phash": 12, "dhash": 6}


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_turned_hashes_are_near_those_of_turned_pictures(symmetry: str) -> None:
    """The hash turned is at most some bits from the hash of the pixels turned."""
    for seed in range(8):
        found = examine(photo(seed, 320, 240), ExamineOptions(kinds=KINDS, mirrors=True))
        views = {view.view: view.hashes for view in found.views}
        for column, kind in enumerate(KINDS):
            stored, mirrored = (to_codes([views[name][column]]) for name in ("stored", symmetry))
            apart = distances(turn(kind, stored, symmetry), mirrored)
            assert apart <= FLIPS[kind.algorithm] * kind.bits // 64


@settings(deadline=None, max_examples=20)
@given(st.sampled_from(KINDS), st.sampled_from(SYMMETRIES), st.integers(0, 2**32))
def test_turning_keeps_distances_and_turns_back(kind: HashKind, symmetry: str, seed: int) -> None:
    """Two hashes turned are as far apart as before; masks follow; turning twice changes nothing."""
    rng = np.random.default_rng(seed)
    one, two = rng.integers(2**64, size=(2, 5, kind.words), dtype=np.uint64)
    turned = [turn(kind, codes, symmetry) for codes in (one, two)]
    assert (distances(*turned) == distances(one, two)).all()
    assert (turn_mask(kind, one ^ two, symmetry) == turned[0] ^ turned[1]).all()
    assert (turn(kind, turned[0], symmetry) == one).all()
    assert turn(kind, one[:0], symmetry).shape == (0, kind.words)


def test_a_mirror_image_is_a_match_by_agreement_alone() -> None:
    """Where a list gives both hashes, a mirror image matches, and the match says so."""
    picture = photo(1, 320, 240)
    kinds = (HashKind("dhash", 64), HashKind("phash", 64))
    hashes = examine(picture, ExamineOptions(kinds=kinds)).views[0].hashes
    mirrored = picture.transpose(0)
    both = in_process(HashList.from_entries([Entry("e", value) for value in hashes], name="both"))
    outcome = both.match(mirrored)
    assert outcome.verdict is Verdict.MATCH
    assert {(match.algorithm, match.view) for match in outcome.matches} == {
        ("phash", "mirror"),
        ("dhash", "mirror"),
    }
    assert both.match(picture).matches[0].view == "stored"
    alone = in_process(HashList.from_entries([Entry("e", hashes[1])], name="alone"))
    assert alone.match(mirrored).verdict is Verdict.CLEAR
