"""How near is a match, by the length of the lists: cutoffs, candidates and agreement."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashmatch import Cause, Entry, HashKind, HashList, Matcher, PerceptualHash, Verdict
from hashmatch.errors import SettingsError
from hashmatch.hashing import from_code, to_codes
from hashmatch.match.cutoffs import (
    FURTHEST_AGREEMENT,
    MILLION,
    NEVER,
    Group,
    MatchRule,
    choose_cutoffs,
)
from hashmatch.match.rates import PHOTOGRAPHS
from hashmatch.match.symmetries import turn, turn_mask
from hashmatch.match.thresholds import Threshold
from hashmatch.model import Examination, Outcome, ViewHashes
from matchers import in_process

PHASH, DHASH, WIDE = HashKind("phash", 64), HashKind("dhash", 64), HashKind("phash", 256)
BOTH = (DHASH, PHASH)


def rule(threshold: Threshold = "auto", require: str = "auto", limit: float = 1_000) -> MatchRule:
    """A rule with the rates of photographs."""
    return MatchRule(threshold, require, limit, mirrors=False, rates=PHOTOGRAPHS)


def groups(entries: int) -> list[Group]:
    """A list whose entries have a pHash and a dHash."""
    return [Group("list", kinds, entries, 1) for kinds in ((PHASH,), (DHASH,), BOTH)]


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 10**8), st.floats(0.01, 10**6))
def test_chance_makes_no_more_matches_than_allowed(entries: int, limit: float) -> None:
    """Whatever the length and the limit, the cutoffs let through no more than the limit."""
    found = choose_cutoffs(groups(entries), rule(limit=limit))
    total = 0.0
    for within in found.matching.values():
        chance = None if NEVER in within.values() else PHOTOGRAPHS.of(within)
        total += entries * chance.rate * MILLION if chance else 0
    assert total <= limit
    assert found.near == {PHASH: 8, DHASH: 4}
    assert found.alone(PHASH) <= 8


def test_short_lists_match_as_far_as_is_near() -> None:
    """In a short list every near entry is a match, and agreement reaches furthest."""
    found = choose_cutoffs(groups(1_000), rule())
    assert (found.alone(PHASH), found.alone(DHASH)) == (8, 4)
    assert (found.matching[BOTH][PHASH], found.matching[BOTH][DHASH]) == FURTHEST_AGREEMENT


def test_long_lists_match_by_agreement_and_wide_hashes() -> None:
    """In a million entries, dHash alone matches nothing, pHash little, and 256 bits all."""
    found = choose_cutoffs([*groups(1_000_000), Group("list", (WIDE,), 1_000_000, 1)], rule())
    assert found.alone(DHASH) == NEVER
    assert 0 <= found.alone(PHASH) <= 4
    assert 6 <= found.matching[BOTH][PHASH] <= 10
    assert found.alone(WIDE) >= 30


def test_a_fixed_threshold_means_what_it_says() -> None:
    """A fixed threshold is its own cutoff at any length, and agreement does not exceed it."""
    some = groups(1_000_000)
    found = choose_cutoffs(some[:2], rule(threshold=8))
    assert (found.alone(PHASH), found.alone(DHASH)) == (8, 8)
    mixed = choose_cutoffs(some[:2], rule(threshold={"phash": 8}))
    assert (mixed.alone(PHASH), mixed.alone(DHASH)) == (8, NEVER)
    matcher = in_process(with_both(), threshold={"phash": 8})
    assert judged(matcher, apart(10, 10)).verdict is Verdict.CLEAR


@pytest.mark.parametrize("limit", [0, -1, float("nan"), 2_000_000])
def test_senseless_limits_are_refused(limit: float) -> None:
    """A limit of no false matches, or of more than there are files, is an error."""
    with pytest.raises(SettingsError, match="false matches per million"):
        in_process(with_both(), max_false_per_million=limit)


ENTRY = tuple(PerceptualHash(name, 64, (0x0123456789ABCDEF,)) for name in ("dhash", "phash"))


def with_both(others: int = 0) -> HashList:
    """A list with one entry that has both hashes, and so many others far from it."""
    words = np.random.default_rng(1).integers(2**63, size=(others, 2), dtype=np.uint64).tolist()
    return HashList.from_entries(
        [
            *(Entry("both", value) for value in ENTRY),
            *(
                Entry(f"e{at}", PerceptualHash(name, 64, (word,)))
                for at, row in enumerate(words)
                for name, word in zip(("dhash", "phash"), row, strict=True)
            ),
        ],
        name="list",
    )


def apart(dhash: int, phash: int, view: str = "stored") -> ViewHashes:
    """A view whose hashes are so many bits from those of the entry with both."""
    hashes = tuple(
        PerceptualHash(value.algorithm, 64, (value.words[0] ^ (1 << bits) - 1,))
        for value, bits in zip(ENTRY, (dhash, phash), strict=True)
    )
    return ViewHashes(view, 90, hashes)


def turned(view: ViewHashes) -> ViewHashes:
    """The view's mirror image, by its hashes and uncertain bits."""
    hashes, unsure = (
        tuple(
            from_code(value.kind, change(value.kind, to_codes([value]), "mirror")[0])
            for value in values
        )
        for values, change in ((view.hashes, turn), (view.uncertain_bits, turn_mask))
    )
    return replace(view, hashes=hashes, uncertain_bits=unsure)


def judged(matcher: Matcher, *views: ViewHashes) -> Outcome:
    """The outcome of a picture with these views."""
    (outcome,) = matcher.judge([Examination("PNG", 9, 9, views, quality=90)])
    return outcome


@pytest.mark.parametrize(
    ("dhash", "phash", "verdict"),
    [
        (13, 12, Verdict.MATCH),
        (14, 12, Verdict.CLEAR),
        (13, 14, Verdict.CLEAR),
        (30, 8, Verdict.MATCH),
        (30, 9, Verdict.CLEAR),
        (4, 30, Verdict.MATCH),
    ],
)
def test_agreement_reaches_further_than_one_hash(dhash: int, phash: int, verdict: Verdict) -> None:
    """Two hashes make a match up to 12 and 13 bits; one alone up to its own threshold."""
    outcome = judged(in_process(with_both()), apart(dhash, phash))
    assert outcome.verdict is verdict
    assert outcome.match_count == len(outcome.matches)
    if (dhash, phash) == (13, 12):
        assert {
            (match.algorithm, match.distance, match.threshold) for match in outcome.matches
        } == {
            ("phash", 12, 12),
            ("dhash", 13, 13),
        }


@pytest.mark.parametrize(
    ("dhash", "phash", "verdict"),
    [(6, 10, Verdict.MATCH), (7, 10, Verdict.CLEAR), (6, 11, Verdict.CLEAR)],
)
def test_mirror_images_agree_less_far_out(dhash: int, phash: int, verdict: Verdict) -> None:
    """A mirror image is a match within fewer bits: there are more of them to look up."""
    matcher = in_process(with_both())
    outcome = judged(matcher, turned(apart(dhash, phash)))
    assert outcome.verdict is verdict
    assert {match.view for match in outcome.matches} <= {"mirror"}
    assert {match.threshold for match in outcome.matches} <= {6, 10}
    assert matcher.settings()["turned_within"] == [{"dhash-64": 6, "phash-64": 10}]


def test_agreement_is_through_one_view() -> None:
    """Two views, each near by one hash, do not agree."""
    matcher = in_process(with_both())
    assert judged(matcher, apart(12, 30), apart(30, 12, "trimmed")).verdict is Verdict.CLEAR
    assert judged(in_process(with_both(), require="any"), apart(12, 12)).verdict is Verdict.CLEAR


def test_a_long_list_makes_candidates() -> None:
    """Where chance would make too many matches, one near hash is a candidate, and two a match."""
    strict = in_process(with_both(50), max_false_per_million=0.3)
    near = judged(strict, apart(4, 30))
    assert near.verdict is Verdict.CANDIDATE
    assert [match.cause for match in near.matches] == [Cause.CHANCE]
    sure = judged(strict, apart(4, 6))
    assert sure.verdict is Verdict.MATCH
    assert {match.cause for match in sure.matches} == {None}
    assert near.matches[0].expected_false is not None
    assert sure.matches[0].expected_false is not None
    assert sure.matches[0].expected_false < near.matches[0].expected_false / 10


def test_candidates_stay_behind_matches() -> None:
    """A match in one view comes before a nearer candidate in another."""
    entries = [
        *(Entry("both", value) for value in ENTRY),
        Entry("alone", PerceptualHash("dhash", 64, (ENTRY[0].words[0] ^ 1,))),
    ]
    strict = in_process(HashList.from_entries(entries, name="list"), max_false_per_million=0.1)
    outcome = judged(strict, apart(4, 6))
    assert [(match.entry.id, match.cause) for match in outcome.matches] == [
        ("both", None),
        ("both", None),
        ("alone", Cause.CHANCE),
    ]


def test_all_hashes_within_their_thresholds_can_be_a_candidate() -> None:
    """With require=all and auto, an entry is a match only while chance makes few of those."""
    views = apart(4, 8)
    for limit, verdict in ((1_000.0, Verdict.MATCH), (1e-5, Verdict.CANDIDATE)):
        matcher = in_process(with_both(20), require="all", max_false_per_million=limit)
        assert judged(matcher, views).verdict is verdict


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32))
def test_a_preview_is_suspect_wherever_its_exact_hashes_could_match(seed: int) -> None:
    """No exact hashes that a preview stands for are near an entry unless the preview is suspect."""
    rng = np.random.default_rng(seed)
    matcher = in_process(with_both(30))
    previews, exact = [], []
    for _ in range(40):
        hashes, unsure, true = [], [], []
        for value, flips in zip(ENTRY, (10, 8), strict=True):
            word = value.words[0]
            for place in rng.permutation(64)[: rng.integers(3, 16)].tolist():
                word ^= 1 << place
            doubtful = rng.permutation(64)[: rng.integers(0, 25)].tolist()
            mask = sum(1 << place for place in doubtful)
            other = word
            for place in doubtful[: rng.integers(0, flips + 1)]:
                other ^= 1 << place
            hashes.append(PerceptualHash(value.algorithm, 64, (word,)))
            unsure.append(PerceptualHash(value.algorithm, 64, (mask,)))
            true.append(PerceptualHash(value.algorithm, 64, (other,)))
        previews.append(ViewHashes("stored", 90, tuple(hashes), tuple(unsure)))
        exact.append(ViewHashes("stored", 90, tuple(true)))
        if rng.random() < 0.5:
            previews[-1], exact[-1] = turned(previews[-1]), turned(exact[-1])
    screened = matcher.screen(
        [Examination("JPEG", 9, 9, (view,), quality=90, exact=False) for view in previews]
    )
    for outcome, view in zip(screened, exact, strict=True):
        if judged(matcher, view).verdict is not Verdict.CLEAR:
            assert outcome is None


def test_mirror_images_are_looked_up_while_lists_are_short() -> None:
    """Mirror images share the limit; a long list spends all of it on pictures as they are."""
    for entries, mirrored in ((1, True), (1_000, False)):
        limit = 2.0 if mirrored else 0.6
        matcher = in_process(with_both(entries), max_false_per_million=limit)
        assert bool(matcher.expected_false().record()["mirror_images"]) is mirrored
