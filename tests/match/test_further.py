"""Views that count only where two hashes of an entry agree."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from hashmatch import Cause, HashKind, HashList, Matcher, SettingsError, Verdict
from hashmatch.examine.examination import examine
from hashmatch.examine.transform import TRANSFORMS
from hashmatch.match.cutoffs import FURTHER_VIEWS
from hashmatch.model import Examination, ViewHashes
from hashmatch.options import ExamineOptions
from textures import texture

KINDS = (HashKind("dhash", 64), HashKind("phash", 64))
PICTURE = texture(72_000, 320, 240, roughness=0.66)


def list_of(picture: Image.Image, kinds: tuple[HashKind, ...] = KINDS, more: int = 0) -> HashList:
    """A list of a picture's hashes, and of as many random entries."""
    hashes = examine(picture, ExamineOptions(kinds=kinds)).views[0].hashes
    lines = [f"{each.algorithm}:{each} own" for each in hashes]
    words = np.random.default_rng(1).integers(2**63, size=(more, len(kinds)))
    for number, row in enumerate(words.tolist()):
        lines += [
            f"{kind.algorithm}:{word:016x} e{number}" for kind, word in zip(kinds, row, strict=True)
        ]
    return HashList.loads("\n".join(lines))


def jpeg(picture: Image.Image) -> bytes:
    """The picture as a file."""
    file = BytesIO()
    picture.save(file, "JPEG", quality=85)
    return file.getvalue()


def changed(name: str) -> Image.Image:
    """The picture after an everyday change."""
    return TRANSFORMS[name](PICTURE, np.random.default_rng(1))


@pytest.mark.parametrize("decode", ["fast", "exact"])
@pytest.mark.parametrize(
    ("name", "view"),
    [
        ("screenshot", "inner-1"),
        ("rotate-5", "askew-5-right"),
        ("crop-20-centre", "grown-20"),
        ("rotate-90", "rotate-90"),
        ("mirror", "mirror"),
    ],
)
def test_a_changed_picture_is_a_match_that_names_its_view(
    name: str, view: str, decode: str
) -> None:
    """Whatever was done is named, in fast and in exact scans, and distances are within cutoffs."""
    matcher = Matcher(list_of(PICTURE), views="thorough", decode=decode, isolate=False)
    outcome = matcher.match(jpeg(changed(name)))
    assert outcome.verdict is Verdict.MATCH
    assert outcome.match_count == 2
    # A picture turned by 90 degrees is turned back by 270, which the view is named for
    turned_back = {"rotate-90": "rotate-270"}.get(view, view)
    for match in outcome.matches:
        assert (match.view, match.cause) == (turned_back, None)
        assert match.distance <= match.threshold <= 13
        assert match.expected_false is not None


@pytest.mark.parametrize("decode", ["fast", "exact"])
@pytest.mark.parametrize("degrees", [90, 270])
def test_quarter_turns_are_found_by_default(degrees: int, decode: str) -> None:
    """A picture turned by a quarter is a match without any option; with plain views it is clear."""
    turned = jpeg(PICTURE.rotate(degrees, expand=True))
    listed = list_of(PICTURE)
    (match, _) = Matcher(listed, decode=decode, isolate=False).match(turned).matches
    assert match.view == {90: "rotate-270", 270: "rotate-90"}[degrees]
    assert Matcher(listed, views="plain", isolate=False).match(turned).verdict is Verdict.CLEAR


def test_further_views_do_not_count_by_one_hash() -> None:
    """One hash of a further view at distance 0 is not even a candidate; of a usual view it is."""
    for view, verdict in (("stored", Verdict.MATCH), ("grown-10", Verdict.CLEAR)):
        matcher = Matcher(list_of(PICTURE), views="thorough", isolate=False)
        own = examine(PICTURE, ExamineOptions(kinds=KINDS)).views[0]
        far = replace(own.hashes[0], words=(own.hashes[0].words[0] ^ 0xFFFFFFFF,))
        found = Examination(
            "PNG", 320, 240, (ViewHashes(view, 100, (far, own.hashes[1])),), quality=100
        )
        assert matcher.judge([found])[0].verdict is verdict


def test_further_views_have_cutoffs_of_their_own() -> None:
    """In a long list, further views must be nearer than usual ones, and all stay in the limit."""
    listed = list_of(PICTURE, more=3_000)
    usual = Matcher(listed, isolate=False)
    thorough = Matcher(listed, views="thorough", isolate=False)
    settings = thorough.settings()
    (further,) = settings["further_within"]
    (agreed,) = [each for each in settings["match_within"] if len(each) == 2]
    assert 0 <= further["phash-64"] < agreed["phash-64"]
    assert usual.settings()["further_within"] == []
    expected = thorough.expected_false().record()
    assert expected["per_million_files"] <= 1_000
    assert expected["further_views"] == FURTHER_VIEWS


def test_all_hashes_of_a_further_view_must_be_near_where_all_must() -> None:
    """With ``require="all"``, further views count for entries with two hashes, and not with one."""
    sent = changed("crop-20-centre")
    thresholds = {"phash": 12, "dhash": 12}
    for kinds, verdict in ((KINDS, Verdict.MATCH), (KINDS[1:], Verdict.CLEAR)):
        both = list_of(texture(1, 320, 240), KINDS)
        lists = [list_of(PICTURE, kinds), both]
        matcher = Matcher(
            lists, views="thorough", require="all", threshold=thresholds, isolate=False
        )
        assert matcher.match(jpeg(sent)).verdict is verdict


def test_fast_scans_with_thorough_views_decode_in_full() -> None:
    """A preview does not show what is inside a picture, so no examination is one."""
    data = jpeg(PICTURE)
    fast = ExamineOptions(kinds=KINDS, fast=True, views="thorough")
    assert examine(data, fast).exact
    assert not examine(data, replace(fast, views="default")).exact


def test_unknown_views_are_refused() -> None:
    """There are three choices."""
    with pytest.raises(SettingsError, match="unknown views 'more'"):
        Matcher(list_of(PICTURE), views="more", isolate=False)


def test_a_picture_of_little_detail_is_still_a_candidate() -> None:
    """Below the quality floor, further views make candidates, as usual views do."""
    matcher = Matcher(list_of(PICTURE), views="thorough", isolate=False)
    hashes = examine(PICTURE, ExamineOptions(kinds=KINDS)).views[0].hashes
    found = Examination("PNG", 320, 240, (ViewHashes("grown-10", 49, hashes),), quality=49)
    (outcome,) = matcher.judge([found])
    assert outcome.verdict is Verdict.CANDIDATE
    assert {match.cause for match in outcome.matches} == {Cause.LOW_INFORMATION}
