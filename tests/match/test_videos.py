"""A video's near stills make a match only if chance would rarely make them near."""

from __future__ import annotations

import numpy as np
import pytest

from hashmatch import Entry, HashList, Matcher, PerceptualHash, Verdict
from hashmatch.hashing import from_codes
from hashmatch.match.videos import video_of
from hashmatch.model import Cause, Examination, HashKind, Kind, Outcome, ViewHashes
from hashmatch.text import timecode

PHASH, DHASH = HashKind("phash", 64), HashKind("dhash", 64)
RANDOM = np.random.default_rng(7)


def hashes(count: int, kind: HashKind = PHASH) -> list[PerceptualHash]:
    """Random hashes, which are far from one another."""
    codes = RANDOM.integers(0, 1 << 64, (count, kind.words), dtype=np.uint64)
    return list(from_codes(kind, codes))


def flipped(value: PerceptualHash, bits: int, *, last: bool = False) -> PerceptualHash:
    """The hash at that distance; ``last`` for other bits than otherwise."""
    mask = ((1 << bits) - 1) << (32 if last else 0)
    return PerceptualHash(value.algorithm, value.bits, (value.words[0] ^ mask,))


def video(stills: list[tuple[PerceptualHash, ...]]) -> Examination:
    """A video with these stills."""
    views = [
        ViewHashes(f"frame:{timecode(second)}", 100, found) for second, found in enumerate(stills)
    ]
    return Examination(format="MP4", kind=Kind.VIDEO, views=tuple(views), quality=100)


def listed(entries: list[PerceptualHash], *more: Entry) -> Matcher:
    """A matcher of these hashes and entries."""
    every = [Entry(f"e{number}", value) for number, value in enumerate(entries)]
    return Matcher(HashList.from_entries([*every, *more], name="list"), isolate=False)


def judged(matcher: Matcher, found: Examination) -> Outcome:
    """The outcome of one examination."""
    (outcome,) = matcher.judge([found])
    return outcome


ENTRIES = hashes(1000)
FILM = hashes(200)
"""At 8 bits, chance brings 0.00012 of a thousand entries near a picture, and 0.024 near a video."""


def film(*near: PerceptualHash) -> Examination:
    """A video whose last stills have these hashes."""
    return video([(value,) for value in [*FILM[len(near) :], *near]])


def test_what_is_a_match_for_a_picture_can_be_a_candidate_for_a_video() -> None:
    """One still at 8 bits is a candidate; one at 3 bits is a match."""
    matcher = listed(ENTRIES)
    picture = Examination(
        format="PNG", views=(ViewHashes("stored", 100, (flipped(ENTRIES[0], 8),)),), quality=100
    )
    assert judged(matcher, picture).verdict is Verdict.MATCH
    weak = judged(matcher, film(flipped(ENTRIES[0], 8)))
    assert (weak.verdict, weak.matches[0].cause) == (Verdict.CANDIDATE, Cause.CHANCE)
    strong = judged(matcher, film(flipped(ENTRIES[0], 3)))
    assert (strong.verdict, strong.matches[0].view) == (Verdict.MATCH, "frame:00:03:19.000")


def test_two_different_shots_are_a_match() -> None:
    """Two stills near two entries are a match, and two near one entry are not."""
    matcher = listed(ENTRIES)
    two = film(flipped(ENTRIES[0], 8), flipped(ENTRIES[1], 8))
    assert judged(matcher, two).verdict is Verdict.MATCH
    alike = film(flipped(ENTRIES[0], 8), flipped(ENTRIES[0], 8, last=True))
    assert judged(matcher, alike).verdict is Verdict.CANDIDATE


def test_a_longer_video_needs_more_shots() -> None:
    """Among 5,000 stills, two different shots are a candidate and five are a match."""
    matcher, many = listed(ENTRIES), hashes(5000)
    for shots, verdict in ((2, Verdict.CANDIDATE), (5, Verdict.MATCH)):
        near = [flipped(entry, 8) for entry in ENTRIES[:shots]]
        stills = [(value,) for value in many[shots:] + near]
        assert judged(matcher, video(stills)).verdict is verdict


def test_a_fixed_threshold_means_what_it_says() -> None:
    """With a threshold of 8 bits, one still at 8 bits is a match."""
    hash_list = HashList.from_entries([Entry("a", ENTRIES[0])], name="list")
    matcher = Matcher(hash_list, threshold=8, isolate=False)
    assert judged(matcher, film(flipped(ENTRIES[0], 8))).verdict is Verdict.MATCH


@pytest.mark.parametrize(("require", "verdict"), [("auto", "match"), ("all", "match")])
def test_two_hashes_that_agree_in_one_still_are_a_match(require: str, verdict: str) -> None:
    """One still near an entry by two hashes is a match in a video of 200."""
    other = hashes(1000, DHASH)
    entries = [
        Entry(f"e{number}", value)
        for number, pair in enumerate(zip(ENTRIES, other, strict=True))
        for value in pair
    ]
    matcher = Matcher(HashList.from_entries(entries, name="list"), require=require, isolate=False)
    columns = {PHASH: FILM, DHASH: hashes(200, DHASH)}
    stills = list(zip(*(columns[kind] for kind in matcher.options.kinds), strict=True))
    near = {PHASH: flipped(ENTRIES[0], 7), DHASH: flipped(other[0], 4)}
    stills[-1] = tuple(near[kind] for kind in matcher.options.kinds)
    assert judged(matcher, video(stills)).verdict == verdict


def frames(values: list[PerceptualHash], name: str = "clip") -> list[Entry]:
    """A listed video with these frames."""
    return [Entry(f"{name}@{timecode(second)}", value) for second, value in enumerate(values)]


LISTED = hashes(10)


@pytest.mark.parametrize(
    ("shown", "of", "verdict"),
    [
        (LISTED[:3], LISTED, Verdict.MATCH),
        (LISTED[:2], LISTED, Verdict.CANDIDATE),
        (LISTED[:3], LISTED + hashes(10), Verdict.CANDIDATE),
        (LISTED[:1], [flipped(LISTED[0], bits) for bits in range(4)], Verdict.CANDIDATE),
    ],
    ids=["3 of 10", "2 of 10", "3 of 20", "4 that are alike"],
)
def test_a_listed_video_needs_enough_frames(
    shown: list[PerceptualHash], of: list[PerceptualHash], verdict: Verdict
) -> None:
    """Three different frames, and 30% of the listed video, make a match within a longer video."""
    matcher = listed([], *frames(of))
    outcome = judged(matcher, film(*shown))
    assert outcome.verdict is verdict
    causes = {match.cause for match in outcome.matches}
    assert causes == ({None} if verdict is Verdict.MATCH else {Cause.LONE_FRAME})


def test_frames_of_two_videos_do_not_add_up() -> None:
    """Two frames of one listed video and two of another are candidates."""
    matcher = listed([], *frames(LISTED[:5], "one"), *frames(LISTED[5:], "two"))
    outcome = judged(matcher, film(*LISTED[3:7]))
    assert outcome.verdict is Verdict.CANDIDATE


def test_a_picture_of_a_listed_video_is_a_candidate() -> None:
    """A picture that equals a frame of a listed video is for a human to look at."""
    matcher = listed([], *frames(LISTED))
    views = (ViewHashes("stored", 100, (LISTED[0],)),)
    outcome = judged(matcher, Examination(format="PNG", views=views, quality=100))
    assert (outcome.verdict, outcome.matches[0].cause) == (Verdict.CANDIDATE, Cause.LONE_FRAME)


@pytest.mark.parametrize(
    ("entry_id", "video"),
    [
        ("clip@00:00:01.000", "clip"),
        ("a@b@123:59:59.999", "a@b"),
        ("clip@00:00:01", None),
        ("@00:00:01.000", None),
        ("name@example.org", None),
    ],
)
def test_an_id_that_ends_in_a_time_is_a_frame(entry_id: str, video: str | None) -> None:
    """The time after the last ``@`` makes an entry a frame, and nothing else does."""
    assert video_of(entry_id) == video
