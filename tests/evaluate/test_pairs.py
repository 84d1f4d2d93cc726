from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashmatch.evaluate import EvaluationSettings
from hashmatch.evaluate.gather import Measurements
from hashmatch.evaluate.identity import CHOOSE, LEFT_OUT, SCORE, Identities, identify
from hashmatch.evaluate.negatives import choose_radius, count_distances, find_near
from hashmatch.evaluate.pictures import IDENTITY_KINDS
from hashmatch.evaluate.rules import Rule, joint_rules, label, single_rules
from hashmatch.hashing.distance import distances
from hashmatch.model import HashKind

KINDS = EvaluationSettings().kinds


def measurements(seed: int, pictures: int, views: int = 0, digests: str = "") -> Measurements:
    """Random hashes, some near each other, and some pictures with several views."""
    rng = np.random.default_rng(seed)
    owner = np.sort(np.concatenate([np.arange(pictures), rng.integers(0, pictures, views)]))

    def near(centre: np.ndarray, count: int) -> np.ndarray:
        flips = np.packbits(rng.random((count, 64)) < 0.15, axis=1).view(">u8").astype(np.uint64)
        return centre ^ flips

    entries = {kind: near(rng.integers(0, 2**64, 1, dtype=np.uint64), pictures) for kind in KINDS}
    fine = rng.integers(0, 2**64, (pictures, 4), dtype=np.uint64)
    return Measurements(
        names=tuple(b"%d" % number for number in range(pictures)),
        digests=tuple(digests or f"{number:064x}" for number in range(pictures)),
        kinds=KINDS,
        transforms=(),
        entries=entries | dict.fromkeys(IDENTITY_KINDS, fine),
        queries={kind: near(entries[kind][owner], len(owner)) for kind in KINDS},
        owner=owner,
        further=np.zeros(len(owner), dtype=np.bool_),
        variant=np.zeros((0, 2), np.int64),
        stored=np.zeros(0, np.bool_),
        variant_further=np.zeros(0, dtype=np.bool_),
        distance=np.zeros((0, 2), np.uint16),
    )


def slowly(pictures: Measurements, identities: Identities, kind: HashKind) -> dict:
    """The distance of every ordered pair of different pictures, by its nearest view."""
    kept = np.flatnonzero(identities.part != LEFT_OUT)
    return {
        (query, entry): min(
            int(distances(view, pictures.entries[kind][entry]))
            for view in pictures.queries[kind][pictures.owner == query]
        )
        for query in kept.tolist()
        for entry in kept.tolist()
        if query != entry
    }


@settings(max_examples=12)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(0, 10))
def test_distances_are_counted_exactly(seed: int, count: int, views: int) -> None:
    """Every ordered pair of different pictures is counted once, at its nearest view's distance."""
    pictures = measurements(seed, count, views)
    identities = identify(pictures, 1)
    for kind, counts in zip(KINDS, count_distances(pictures, identities), strict=True):
        expected = np.bincount(list(slowly(pictures, identities, kind).values()), minlength=65)
        assert counts.tolist() == expected.tolist()


@settings(max_examples=12)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(0, 10))
def test_near_pairs_have_the_level_of_their_best_view(seed: int, count: int, views: int) -> None:
    """The index finds every near pair once, at the level of its nearest view."""
    pictures = measurements(seed, count, views)
    identities = identify(pictures, 1)
    near = find_near(pictures, identities, (20, 17))
    for rule, kind in zip(single_rules(KINDS, near.radius), KINDS, strict=True):
        found = dict(
            zip(
                zip(*(column.tolist() for column in near.levels(rule)[:2]), strict=True),
                near.levels(rule)[2].tolist(),
                strict=True,
            )
        )
        expected = slowly(pictures, identities, kind)
        assert found == {pair: bits for pair, bits in expected.items() if bits < rule.levels}


def test_copies_are_no_false_matches() -> None:
    """A picture that occurs twice counts once, and its pairs with itself do not count."""
    pictures = measurements(1, 8, digests="same")
    identities = identify(pictures, 1)
    assert np.count_nonzero(identities.part != LEFT_OUT) == 1
    assert {copy.why for copy in identities.copies} == {"same bytes"}
    assert all(counts.sum() == 0 for counts in count_distances(pictures, identities))


def test_equal_hashes_do_not_pair_up_one_by_one() -> None:
    """A folder of 20,000 pictures with one hash gives as many copies, not all their pairs."""
    pictures = measurements(2, 20_000)
    same = dict.fromkeys(IDENTITY_KINDS, np.ones((20_000, 4), np.uint64))
    identities = identify(replace(pictures, entries=dict(pictures.entries) | same), 1)
    assert len(identities.copies) == 19_999
    assert np.count_nonzero(identities.part != LEFT_OUT) == 1


def test_both_fine_hashes_must_agree_on_a_copy() -> None:
    """Two pictures near by only one fine hash stay two."""
    pictures = measurements(3, 4)
    equal = {IDENTITY_KINDS[0]: np.ones((4, 4), np.uint64)}
    assert not identify(replace(pictures, entries=dict(pictures.entries) | equal), 1).copies


def test_a_human_overrules_the_hashes() -> None:
    """Pictures labelled the same are copies, and those labelled different are not."""
    pictures = measurements(4, 6)
    fine = pictures.entries[IDENTITY_KINDS[0]].copy()
    fine[1] = fine[0]
    entries = dict(pictures.entries) | dict.fromkeys(IDENTITY_KINDS, fine)
    near = replace(pictures, entries=entries)
    assert [copy[:2] for copy in identify(near, 1).copies] == [(0, 1)]
    told = identify(near, 1, same=[(2, 5)], different=[(0, 1)])
    assert [tuple(copy) for copy in told.copies] == [(2, 5, "labelled same")]


def test_split_hangs_on_bytes_and_seed_alone() -> None:
    """The halves are even, depend on the pictures and not on their order, and on the seed."""
    pictures = measurements(5, 40)
    part = identify(pictures, 1).part
    assert (np.count_nonzero(part == CHOOSE), np.count_nonzero(part == SCORE)) == (20, 20)
    order = np.random.default_rng(0).permutation(40)
    shuffled = replace(
        pictures,
        digests=tuple(pictures.digests[number] for number in order),
        entries={kind: codes[order] for kind, codes in pictures.entries.items()},
    )
    assert identify(shuffled, 1).part.tolist() == part[order].tolist()
    assert identify(pictures, 2).part.tolist() != part.tolist()


def test_radius_is_bounded_by_what_it_would_find() -> None:
    """Thresholds are tried up to 20 of 64 bits, or while few enough pairs are near."""
    even = np.full(65, 10)
    crowded = np.concatenate([np.full(6, 900_000), np.zeros(59, np.int64)])
    assert choose_radius([even, crowded]) == (20, 2)
    assert choose_radius([np.full(65, 10**9)]) == (0,)


thresholds = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=8)


@given(thresholds, st.integers(0, 64), st.integers(0, 64), st.booleans())
def test_level_is_the_lowest_that_matches(
    bounds: list[tuple[int, int]], first: int, second: int, all_must: bool
) -> None:
    """A comparison matches from its level on, by its distances and that level's thresholds."""
    table = np.maximum.accumulate(np.array(bounds), axis=0)
    rule = Rule("any", (0, 1), all_must, table)
    level = int(rule.level(np.array([[first, second]]), np.zeros(1, dtype=np.bool_))[0])
    verdict = all if all_must else any
    for number, (a, b) in enumerate(table.tolist()):
        assert verdict((first <= a, second <= b)) == (number >= level)


def test_joint_rules_pair_thresholds_that_find_as_much() -> None:
    """The second threshold is the lowest that finds at least as many variants as the first."""
    singles = single_rules(KINDS, (3, 2))
    both, either = joint_rules(KINDS, singles, [np.array([5, 6, 9, 30]), np.array([4, 6, 20])])
    assert both.name == "phash and dhash"
    assert either.name == "phash or dhash"
    assert both.thresholds.tolist() == [[0, 1], [1, 1], [2, 2], [3, 2]]
    assert (both.all_must, either.all_must) == (True, False)


def test_rules_join_different_widths() -> None:
    """A 64-bit and a 256-bit hash agree too; levels follow the first one's thresholds."""
    kinds = (HashKind("phash", 256), HashKind("dhash", 64))
    singles = single_rules(kinds, (2, 1))
    both, _ = joint_rules(kinds, singles, [np.array([1, 3, 5]), np.array([2, 5])])
    assert both.name == "phash-256 and dhash"
    assert both.thresholds.tolist() == [[0, 0], [1, 1], [2, 1]]
    assert [label(kind) for kind in kinds] == ["phash-256", "dhash"]


@pytest.mark.parametrize("bits", [64, 256])
def test_distances_of_wide_hashes_do_not_overflow(bits: int) -> None:
    """Opposite hashes differ in all their bits."""
    kind = HashKind("phash", bits)
    ones = np.full((1, kind.words), 2**64 - 1, np.uint64)
    codes = np.concatenate([ones, np.zeros_like(ones)])
    pictures = replace(
        measurements(1, 2),
        kinds=(kind,),
        entries={kind: codes},
        queries={kind: codes},
        owner=np.arange(2),
    )
    identities = Identities((), np.array([CHOOSE, SCORE]))
    (counts,) = count_distances(pictures, identities)
    assert counts[bits] == 2
