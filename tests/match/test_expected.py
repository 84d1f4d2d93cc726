"""How many false matches to expect of lists, thresholds and a rule."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from hashmatch import Cause, Entry, HashKind, HashList, PerceptualHash
from hashmatch.examine.examination import examine
from hashmatch.hashlist.counting import count_kinds, section_sizes
from hashmatch.match.expected import MOST_FALSE
from hashmatch.match.rates import PHOTOGRAPHS
from hashmatch.options import ExamineOptions
from matchers import in_process
from pictures import encode, photo

PHASH, DHASH = HashKind("phash", 64), HashKind("dhash", 64)


def random_list(phashes: int, both: int = 0, dhashes: int = 0) -> HashList:
    """A list with so many entries of a pHash alone, of both hashes, and of a dHash alone."""
    rng = np.random.default_rng(1)

    def entry(number: int, algorithm: str) -> Entry:
        word = int(rng.integers(1, 2**63))
        return Entry(f"e{number}", PerceptualHash(algorithm, 64, (word,)))

    first, last = phashes, phashes + both + dhashes
    return HashList.from_entries(
        [entry(number, "phash") for number in range(first + both)]
        + [entry(number, "dhash") for number in range(first, last)],
        name="random",
    )


def test_entries_add_up() -> None:
    """The expected number is entries times rate, for every kind, and eightfold with mirrors."""
    hashes = random_list(1_000, dhashes=500)
    rates = [PHOTOGRAPHS.of({PHASH: 8}), PHOTOGRAPHS.of({DHASH: 4})]
    expected = 1_000 * rates[0].rate + 500 * rates[1].rate  # type: ignore[union-attr]
    assert in_process(hashes, require="any").expected_false().per_file.rate == pytest.approx(
        expected
    )
    mirrored = (
        in_process(hashes, require="any", mirrors=True, threshold={"phash": 8, "dhash": 4})
        .expected_false()
        .per_file.rate
    )
    assert mirrored == pytest.approx(8 * expected)


def test_agreement_counts_where_an_entry_has_both_hashes() -> None:
    """With require=all, entries count by the hashes they have, and pairs by their own rate."""
    hashes = random_list(30, both=200, dhashes=10)
    assert count_kinds(hashes) == {(PHASH,): 30, (DHASH, PHASH): 200, (DHASH,): 10}
    assert section_sizes(hashes) == {PHASH: 230, DHASH: 210}
    either, both = (
        in_process(random_list(0, both=200), require=require).expected_false().per_file.rate
        for require in ("any", "all")
    )
    assert both < either / 100


@pytest.mark.parametrize("require", ["any", "all"])
def test_lower_thresholds_keep_the_promise(require: str) -> None:
    """What is advised has at most 1 false match in 10,000 files, and one bit more has not."""
    found = in_process(random_list(100, both=2_000), require=require, threshold=12).expected_false()
    assert found.too_many
    lower = found.lower_thresholds()
    assert lower is not None
    assert found.at(lower).rate <= MOST_FALSE
    assert any(found.at(lower | {kind: bits + 1}).rate > MOST_FALSE for kind, bits in lower.items())


def test_a_match_says_how_often_chance_makes_it() -> None:
    """A match has entries times the rate of its own distance; a digest's match has 0."""
    picture = photo(1, 400, 300)
    phash = examine(picture, ExamineOptions(kinds=(PHASH,))).views[0].hashes[0]
    rest = [entry for entry in random_list(999) if entry.hash != phash]
    hashes = HashList.from_entries([Entry("found", phash), *rest], name="list")
    (match,) = in_process(hashes).match(picture).matches
    nearest = PHOTOGRAPHS.of({PHASH: 0})
    assert nearest is not None
    assert match.expected_false == pytest.approx(1_000 * nearest.rate, rel=0.01)
    data = encode(picture, "PNG")
    digest = PerceptualHash.from_hex(hashlib.sha256(data).hexdigest(), "sha256")
    (match,) = in_process(HashList.from_entries([Entry("x", digest)], name="d")).match(data).matches
    assert match.expected_false == 0


def test_a_view_of_little_detail_has_no_chance() -> None:
    """A candidate has no expected number, since rates are those of pictures with detail."""
    picture = photo(1, 400, 300).point(lambda value: 100 + value // 16)
    phash = examine(picture, ExamineOptions(kinds=(PHASH,))).views[0].hashes[0]
    matcher = in_process(HashList.from_entries([Entry("x", phash)], name="x"), quality_floor=100)
    (match,) = matcher.match(picture).matches
    assert match.cause is Cause.LOW_INFORMATION
    assert match.expected_false is None
