"""Pictures that were hashed elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import hashmatch
from hashmatch import HashList, Verdict
from hashmatch.errors import HashMismatchError
from matchers import in_process

PICTURES = Path(__file__).resolve().parents[2] / "fixtures" / "benign_images"
NEAR, FAR = PICTURES / "originals" / "harbour.jpg", PICTURES / "unrelated" / "heather.jpg"


def a_list(folder: Path) -> HashList:
    """An entry with a phash and a dhash, under one id."""
    path = folder / "list.txt"
    path.write_text(f"phash:{hashmatch.phash(NEAR)} a\ndhash:{hashmatch.dhash(NEAR)} a\n")
    path.chmod(0o600)
    return HashList.load(path)


def test_hashes_get_the_outcome_of_their_picture(tmp_path: Path) -> None:
    """With all hashes, the nearest entries are those that the view ``stored`` is near to."""
    matcher = in_process(a_list(tmp_path))
    for path in (NEAR, FAR):
        expected = matcher.match(path)
        found = matcher.look_up([hashmatch.dhash(path), hashmatch.phash(path)])
        assert found.verdict is expected.verdict
        assert found.match_count == expected.match_count
        # Hashes alone give no quarter turns, so chance has fewer readings to match by
        assert [
            replace(each, view="stored", quality=0, expected_false=None) for each in found.matches
        ] == [replace(each, quality=0, expected_false=None) for each in expected.matches]


def test_less_than_all_hashes_are_never_clear(tmp_path: Path) -> None:
    """One near hash is a match; one that is far says nothing, unless the caller wants that."""
    matcher = in_process(a_list(tmp_path))
    assert matcher.look_up([hashmatch.phash(NEAR)]).verdict is Verdict.MATCH
    with pytest.raises(HashMismatchError, match="dhash-64"):
        matcher.look_up([hashmatch.phash(FAR)])
    alone = matcher.look_up([hashmatch.phash(FAR)], allow_missing=True)
    assert alone.verdict is Verdict.CLEAR
    with pytest.raises(HashMismatchError, match="one hash of each kind"):
        matcher.look_up([hashmatch.phash(NEAR), hashmatch.phash(FAR)])


def test_algorithms_that_must_agree_must_all_be_given(tmp_path: Path) -> None:
    """Under ``require="all"``, one hash alone makes no match, and no clear picture either."""
    matcher = in_process(a_list(tmp_path), require="all")
    with pytest.raises(HashMismatchError):
        matcher.look_up([hashmatch.phash(NEAR)])
    both = [hashmatch.phash(NEAR), hashmatch.dhash(NEAR)]
    assert matcher.look_up(both).verdict is Verdict.MATCH
