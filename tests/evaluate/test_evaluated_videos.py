"""An evaluation of videos counts what is found of them again, and what chance finds in others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from films import FORMATS, film, scene
from hashmatch import HashList, PerceptualHash
from hashmatch.cli.main import run
from hashmatch.evaluate import EvaluationSettings
from hashmatch.evaluate.video_figures import weigh_videos
from hashmatch.evaluate.videos import MeasuredVideo, MeasuredVideos
from hashmatch.hashing import from_codes
from hashmatch.match.rates import PHOTOGRAPHS
from hashmatch.model import Entry, Examination, HashKind, Kind, ViewHashes
from hashmatch.text import timecode

KINDS = (
    HashKind("phash", 64),
    HashKind("dhash", 64),
    HashKind("phash", 256),
    HashKind("dhash", 256),
)
SETTINGS = EvaluationSettings(
    encodings=("h264", "poor"), list_size=100_000, files_per_day=100, max_false_per_day=0.1
)
RANDOM = np.random.default_rng(5)


def hashes() -> tuple[PerceptualHash, ...]:
    """Random hashes of every kind, which are far from all others."""
    return tuple(
        next(iter(from_codes(kind, RANDOM.integers(0, 1 << 64, (1, kind.words), dtype=np.uint64))))
        for kind in KINDS
    )


def flipped(value: PerceptualHash, bits: int) -> PerceptualHash:
    """The hash at that distance."""
    first = value.words[0] ^ ((1 << bits) - 1)
    return PerceptualHash(value.algorithm, value.bits, (first, *value.words[1:]))


def examination(stills: list[tuple[float, tuple[PerceptualHash, ...]]]) -> Examination:
    """A video with these stills."""
    views = [ViewHashes(f"frame:{timecode(at)}", 100, values) for at, values in stills]
    return Examination(
        format="MP4", kind=Kind.VIDEO, views=tuple(views), quality=100, digests=(str(id(views)),)
    )


def made(
    stills: list[tuple[float, tuple[PerceptualHash, ...]]], lost: tuple[str, ...] = ()
) -> MeasuredVideo:
    """A video with these stills, of which nothing is left in some encodings."""
    again = {
        name: examination([(at, hashes()[:2] if name in lost else row[:2]) for at, row in stills])
        for name in SETTINGS.encodings
    }
    return MeasuredVideo(b"video", examination(stills), again)


def random_video(lost: tuple[str, ...] = ()) -> MeasuredVideo:
    """A video of three stills that are held for three, one and four seconds."""
    return made([(at, hashes()) for at in (0.0, 3.0, 4.0)], lost)


def weigh(*videos: MeasuredVideo, lists: tuple[HashList, ...] = ()) -> dict[str, object]:
    """The record of these videos."""
    return weigh_videos(MeasuredVideos(videos, (), len(videos)), PHOTOGRAPHS, SETTINGS, lists)


def test_false_matches_are_counted_in_videos_and_in_stills() -> None:
    """Two videos with stills two bits apart match each other, as videos and as pictures."""
    one, two = random_video(), random_video()
    row = one.found.views[1].hashes
    near = (flipped(row[0], 2), flipped(row[1], 2), *hashes()[2:])
    videos = [one, made([(0.0, near), *((each[0] + 1, each[1].hashes) for each in two.stills)])]
    chance = weigh(*videos)["chance"]
    assert (chance["videos"]["match"], chance["videos"]["looked_up"]) == (2, 2)
    assert (chance["pictures"]["match"], chance["pictures"]["looked_up"]) == (2, 7)
    assert chance["pairs"][0]["near"] == 1
    assert chance["pairs"][0]["pairs"] == 12


def test_videos_that_show_the_same_still_are_one_family() -> None:
    """A video is never looked up in the stills of one that it shares a title with."""
    title = hashes()
    videos = [made([(0.0, title), (3.0, hashes())]) for _ in range(3)]
    alone = weigh(*videos)
    assert (alone["families"], alone["chance"]) == (1, None)
    with_others = weigh(*videos, random_video(), random_video())
    assert with_others["families"] == 3
    assert with_others["chance"]["videos"]["match"] == 0
    assert "2 videos share a still with another" in with_others["sentences"][0]


def test_recall_is_counted_by_encoding_and_for_held_stills() -> None:
    """An encoding that loses one of two videos finds half of the stills, held or not."""
    h264, poor = weigh(random_video(), random_video(lost=("poor",)))["encodings"]
    assert (h264["stills"]["found"], h264["stills"]["of"]) == (6, 6)
    assert (h264["held"]["found"], h264["held"]["of"]) == (4, 4)
    assert (poor["stills"]["found"], poor["held"]["found"]) == (3, 2)
    assert [poor[how]["value"] for how in ("as_pictures", "as_video")] == [0.5, 0.5]


def test_the_rule_is_that_of_a_list_as_long_as_planned() -> None:
    """With more entries to plan for, a still must be nearer, and more shots must be near."""
    videos = [random_video(), random_video()]
    short, long = (
        weigh_videos(
            MeasuredVideos(tuple(videos), (), 2),
            PHOTOGRAPHS,
            EvaluationSettings(encodings=(), list_size=size),
        )["rule"]
        for size in (1_000, 50_000_000)
    )
    assert short["match_within"] != long["match_within"]
    assert long["shots"] > short["shots"] == 2


def test_videos_that_begin_with_nothing_say_nothing_about_recall() -> None:
    """If the first still comes after the part that is encoded again, there is no recall."""
    found = weigh(*(made([(12.0, hashes())]) for _ in range(2)))
    assert [way["stills"] for way in found["encodings"]] == [None, None]
    assert "Recall was not measured" in found["sentences"][-1]


def test_own_lists_are_looked_up() -> None:
    """A video near an entry of the operator's list is counted; other kinds of hash are not used."""
    listed = random_video()
    entries = [Entry("a", listed.found.views[0].hashes[0]), Entry("b", hashes()[2])]
    found = weigh(listed, random_video(), lists=(HashList.from_entries(entries, name="own"),))
    assert found["lists"] == [{"name": "own", "match": 1, "clear": 1}]
    assert "own: 1 video is a match and 0 are candidates." in found["sentences"][-1]


def test_command_measures_videos(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The command says what it found of videos, names what it left out, and writes a section."""
    videos = tmp_path / "videos"
    videos.mkdir()
    small = FORMATS["MP4"]._replace(size=(96, 64))
    for number in range(3):
        data = film([scene(10 + 2 * number), scene(11 + 2 * number)], small, 2.5)
        (videos / f"{number}.mp4").write_bytes(data)
    (videos / "copy.mp4").write_bytes((videos / "0.mp4").read_bytes())
    (videos / "text.txt").write_text("no video")
    output = tmp_path / "report"
    command = ["evaluate", str(folder), "--videos", str(videos), "--transforms", "jpeg-50"]
    assert run([*command, "--jobs", "1", "-o", str(output)]) == 0
    said = capfd.readouterr().out
    wanted = "Videos: 3 videos out of 5 files (left out: 1 not a video, 1 copy), with 6 different"
    assert wanted in said
    assert "0 of 3 videos match falsely" in said
    found = json.loads((output / "evaluation.json").read_text())["videos"]
    assert [way["stills"]["found"] for way in found["encodings"]] == [6] * 10
    page = (output / "evaluation.html").read_text()
    assert "<h2>Videos</h2>" in page
    assert "recorded by some phones and screen recorders" in page


def test_a_path_of_videos_that_is_not_there_is_told_at_once(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A wrong path of videos is an error before any picture is measured."""
    cache = tmp_path / "cache"
    assert run(["evaluate", str(folder), "--videos", "nowhere", "--cache", str(cache)]) == 66
    assert "nowhere" in capfd.readouterr().err
    assert not cache.exists()
