"""How human decisions change an outcome."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

import pytest

from hashmatch import Entry, PerceptualHash, Verdict
from hashmatch.match.reviews import Rejection, ReviewedEntry, apply_reviews, content_of
from hashmatch.model import Cause, Examination, Match, Outcome, Reason, ViewHashes


class Reviewed:
    """False positives by the ids of entries."""

    def __init__(self, wrong: set[str]) -> None:
        why = Rejection("ann", datetime(2026, 3, 1, tzinfo=UTC))
        self.rejections = {ReviewedEntry("synthetic", entry, b""): why for entry in wrong}

    def content(self, hashes: Sequence[str]) -> str:
        """All of them."""
        return " ".join(hashes)

    def name(self, match: Match) -> ReviewedEntry:
        """List and id."""
        return ReviewedEntry(match.list, match.entry.id, b"")

    def rejected(
        self, contents: Collection[str]
    ) -> Mapping[str, Mapping[ReviewedEntry, Rejection]]:
        """The same on any content."""
        return dict.fromkeys(contents, self.rejections)


def rejecting(outcome: Outcome, entry: str, most: int = 10) -> Outcome:
    """The outcome once an entry is a false positive."""
    reviews = Reviewed({entry})
    return apply_reviews(outcome, reviews.rejections, reviews, most)


def outcome_of(*matches: Match, count: int, reason: Reason | None = None) -> Outcome:
    """An outcome with these matches."""
    verdict = Verdict.CANDIDATE if matches[0].cause else Verdict.MATCH
    return Outcome(verdict, reason, matches=matches, match_count=count, format="JPEG")


def match_of(entry: str, *, low: bool = False) -> Match:
    """A match on an entry."""
    value = PerceptualHash("phash", 64, (1,))
    return Match(
        "synthetic",
        Entry(entry, value),
        "phash",
        64,
        2,
        8,
        "stored",
        90,
        Cause.CHANCE if low else None,
    )


@pytest.mark.parametrize(
    ("outcome", "verdict", "left"),
    [
        (outcome_of(match_of("a"), count=1), Verdict.CLEAR, 0),
        (outcome_of(match_of("a"), match_of("b"), count=2), Verdict.MATCH, 1),
        (outcome_of(match_of("a"), match_of("b", low=True), count=2), Verdict.CANDIDATE, 1),
        (outcome_of(match_of("a"), count=1, reason=Reason.TRUNCATED), Verdict.UNSCANNED, 0),
        (outcome_of(match_of("a"), count=5), Verdict.MATCH, 4),
        (outcome_of(match_of("b"), count=1), Verdict.MATCH, 1),
    ],
)
def test_suppressed_matches_are_named_and_count_for_nothing(
    outcome: Outcome, verdict: Verdict, left: int
) -> None:
    """The verdict is that of the matches left; near entries that are not named count too."""
    found = rejecting(outcome, "a")
    assert (found.verdict, found.match_count) == (verdict, left)
    named = {match.entry.id for match in outcome.matches}
    assert [match.entry.id for match in found.suppressed] == (["a"] if "a" in named else [])
    assert [match.entry.id for match in found.matches] == sorted(named - {"a"})
    assert {match.by for match in found.suppressed} <= {"ann"}
    assert {match.entry.id for match in found.near} == named


def test_records_name_few_matches_and_reviewers_get_all() -> None:
    """A record names the nearest matches; the queue has every near entry."""
    many = tuple(match_of(name) for name in "abcd")
    found = rejecting(outcome_of(*many, count=4), "a", most=2)
    assert [match.entry.id for match in found.matches] == ["b", "c"]
    assert [match.entry.id for match in found.near] == ["b", "c", "d", "a"]
    record = found.suppressed[0].record()
    assert (record["by"], record["at"]) == ("ann", "2026-03-01T00:00:00+00:00")
    assert "by" not in found.matches[0].record()


def test_contents_are_told_apart_by_digest_or_by_hashes() -> None:
    """What was read whole is its SHA-256; else all hashes and digests together identify it."""
    reviews = Reviewed(set())
    view = ViewHashes("stored", 90, (PerceptualHash("phash", 64, (1,)),))
    whole = Examination("JPEG", 9, 9, (view,), digests=("ab", "cd"))
    assert content_of(whole, ("md5", "sha256"), reviews) == "sha256:cd"
    given = Examination("hashes", views=(view,), digests=("ab",))
    assert content_of(given, ("md5", "sha256"), reviews) == "phash-64 0000000000000001 ab"


def test_suppressing_all_of_no_picture_leaves_no_image() -> None:
    """Bytes that matched by digest, and are not a picture, are ``not_image`` again."""
    found = Outcome(Verdict.MATCH, matches=(match_of("a"),), match_count=1)
    assert rejecting(found, "a").verdict is Verdict.NOT_IMAGE
