"""Crops of pictures as negatives: counted exactly, with the right number of independent ones."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from hashmatch.evaluate.identity import LEFT_OUT, SCORE, Identities
from hashmatch.evaluate.pictures import SAMPLES, examine_options, facts_of
from hashmatch.evaluate.samples import REACH, _by_level, count_samples
from hashmatch.evaluate.settings import EvaluationSettings
from hashmatch.examine.examination import examine
from hashmatch.hashing.distance import distances
from hashmatch.match.own_rates import rates_of
from hashmatch.match.symmetries import SYMMETRIES, turn
from hashmatch.model import HashKind
from pictures import encode, photo

from .test_pairs import KINDS, measurements

OWNERS = np.array([0, 0, 1, 3, 3, 3, 4])


def test_pairs_of_crops_are_counted_exactly() -> None:
    """Each crop is compared with all sides of the crops of earlier pictures, but not of copies."""
    rng = np.random.default_rng(3)
    base = rng.integers(2**63, size=(1, 1), dtype=np.uint64)
    codes = {
        kind: base ^ (np.uint64(1) << rng.integers(64, size=(7, 1), dtype=np.uint64))
        for kind in KINDS
    }
    pictures = replace(measurements(1, 5), samples=codes, sample_owner=OWNERS)
    part = np.array([SCORE, SCORE, SCORE, SCORE, LEFT_OUT])
    found = count_samples(pictures, Identities((), part))
    pairs = [(a, b) for a, b in product(range(6), repeat=2) if OWNERS[a] < OWNERS[b]]
    assert (found.crops, found.pairs) == (6, 4 * len(pairs))
    apart = {
        kind: [
            int(distances(side[a], codes[kind][b]))
            for side in (codes[kind], *(turn(kind, codes[kind], each) for each in SYMMETRIES))
            for a, b in pairs
        ]
        for kind in KINDS
    }
    for kind in KINDS:
        expected = [sum(bits <= level for bits in apart[kind]) for level in range(REACH + 1)]
        assert [near for near, _ in found.near[(kind,)]] == expected
    both = list(map(max, zip(*apart.values(), strict=True)))
    expected = [sum(bits <= level for bits in both) for level in range(REACH + 1)]
    assert [near for near, _ in found.near[KINDS]] == expected
    assert expected[2] >= len(pairs)


@pytest.mark.parametrize(
    ("near", "independent"),
    [
        ([(0, 1)], 1),
        ([(0, 1)] * 5, 1),  # two pictures that are alike have many near crops
        ([(0, 1), (2, 3), (4, 5)], 3),
        ([(0, 1), (0, 2), (0, 3)], 1.5),  # one picture near everything is hardly more than one
    ],
)
def test_near_pairs_that_share_pictures_count_less(
    near: list[tuple[int, int]], independent: float
) -> None:
    """Only pairs of different pictures are independent of each other."""
    rows = np.array([(*pair, 4) for pair in near])
    counts = _by_level(KINDS[:1], [rows])
    assert counts[3] == (0, 0.0)
    assert counts[4] == (len(near), independent)


def test_rates_use_the_crops_and_a_bound_that_knows_of_shared_pictures() -> None:
    """The record's crops replace the pairs of pictures, and their bound is wider than Poisson's."""
    within = [0, 0, 0, 0, 12, 12, 60]
    record = {
        "type": "evaluation",
        "schema": 1,
        "pictures": {"different": 500},
        "distances": [{"algorithm": "phash", "bits": 64, "different": [0] * 64}],
        "agreeing": [],
        "samples": {
            "pairs": 10**8,
            "near": [
                {
                    "kinds": ["phash-64"],
                    "within": within,
                    "independent": [float(near) / 4 for near in within],
                }
            ],
        },
    }
    chance = rates_of(record).of({HashKind("phash", 64): 4})
    assert chance is not None
    assert chance.rate == pytest.approx(1.2e-7)
    assert chance.bound > 2.5 * chance.rate
    record["samples"]["near"][0]["independent"] = within
    other = rates_of(record).of({HashKind("phash", 64): 4})
    assert other is not None
    assert other.bound < chance.bound


def test_a_worker_hashes_crops_of_the_picture_and_not_of_its_variants() -> None:
    """A picture has its crops, none of which is a view that could match."""
    settings = EvaluationSettings(transforms=("mirror",))
    options = examine_options(settings)
    data = encode(photo(9, 320, 240), "PNG")
    facts = facts_of(examine(data, options), [("mirror", examine(data, options))], settings)
    assert len(facts.samples) == SAMPLES
    assert len(facts.views) == 1
    assert len(set(map(str, (row[0] for row in facts.samples)))) == SAMPLES
    assert options.of_part(b"mirror").samples == 0
