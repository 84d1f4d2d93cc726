"""vPDQ lists: a video a line, each frame an entry with its time."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hashmatch import HashList, HashListError
from hashmatch.hashlist.formats import detect
from hashmatch.model import HashKind, PerceptualHash
from hashmatch.text import timecode

from .strategies import is_flat

hexes = st.binary(min_size=32, max_size=32).map(bytes.hex)
frames = st.tuples(hexes, st.integers(0, 100), st.integers(0, 10**7).map(lambda ms: ms / 1000))
videos = st.lists(
    st.lists(frames, min_size=1, max_size=5, unique_by=lambda frame: frame[2]), min_size=1
)


def written(some: list[list[tuple[str, int, float]]]) -> bytes:
    """The list as the ``threatexchange`` package writes it."""
    lines = (
        json.dumps([f"{value},{quality},{seconds}" for value, quality, seconds in video])
        for video in some
    )
    return "".join(f"{line}\n" for line in lines).encode()


def load(data: bytes) -> HashList:
    """The list that these bytes are."""
    return HashList.loads(data, name="videos.jsonl", policy=None)


@given(videos)
@example([[("00" * 32, 50, 0.0)]])
def test_every_frame_of_enough_quality_is_an_entry(
    some: list[list[tuple[str, int, float]]],
) -> None:
    """Each frame has the id of its video, and its time; poor and flat ones are left out."""
    data = written(some)
    wanted = {
        f"videos.jsonl:{line}@{timecode(seconds)}": value
        for line, video in enumerate(some, 1)
        for value, quality, seconds in video
        if quality >= 50 and not is_flat(PerceptualHash.from_hex(value, "pdq"))
    }
    assert detect(data) == "vpdq"
    found = load(data)
    section = found.sections.get(HashKind("pdq", 256))
    entries = [section.entry(row) for row in range(len(section))] if section else []
    assert {entry.id: str(entry.hash) for entry in entries} == wanted


@pytest.mark.parametrize(
    "line",
    [b"{}", b"[1]", b'["00,1,2"]x', b'["' + b"0" * 64 + b',101,1"]', b'["' + b"0" * 64 + b',60"]'],
)
def test_a_wrong_line_is_reported_by_its_number(line: bytes) -> None:
    """A line that is not a video is named by its number and not quoted."""
    data = written([[("ab" * 32, 90, 1.0)]]) + line + b"\n"
    with pytest.raises(HashListError) as caught:
        load(data)
    assert "2" in str(caught.value)
    assert line.decode() not in str(caught.value)
