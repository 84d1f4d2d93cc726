"""A video encoded again in everyday ways shows what it showed, and a worker can do it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from films import FORMATS, film, scene
from hashmatch.examine.examination import examine
from hashmatch.examine.sandbox import Pool, WorkerLimits
from hashmatch.examine.sandbox.jobs import Job
from hashmatch.examine.transform import REENCODINGS, Reencoding
from hashmatch.examine.transform.encodings import examine_reencodings
from hashmatch.model import Examination, HashKind, Kind, Reason
from hashmatch.options import ExamineOptions, TransformOptions
from pictures import encode

PHASH = HashKind("phash", 64)
SIZE = (160, 90)


def asked(*names: str) -> ExamineOptions:
    """The options for these encodings."""
    return ExamineOptions(
        kinds=(PHASH,), transforms=TransformOptions((), 1, (PHASH,), names or tuple(REENCODINGS))
    )


def parts(path: Path, options: ExamineOptions, skip: int = 0) -> dict[bytes | None, Examination]:
    """What comes of a file, by the name of the encoding."""
    assert options.transforms is not None
    descriptor = os.open(path, os.O_RDONLY)
    try:
        said = list(examine_reencodings(descriptor, options, options.transforms.encodings[skip:]))
    finally:
        os.close(descriptor)
    return {name: found for name, found in said if found is not None}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of two scenes."""
    path = tmp_path_factory.mktemp("films") / "clip.mp4"
    path.write_bytes(film([scene(1), scene(2)], FORMATS["MP4"]._replace(size=SIZE), 2.5))
    return path


def test_every_encoding_shows_the_same(clip: Path) -> None:
    """Each scene is near a view of the video in each encoding, within the usual threshold."""
    found = parts(clip, asked())
    wanted = [
        examine(encode(scene(seed), "PNG"), ExamineOptions(kinds=(PHASH,))) for seed in (1, 2)
    ]
    assert [os.fsdecode(name) for name in found if name] == list(REENCODINGS)
    for name in REENCODINGS:
        again = found[name.encode()]
        assert (again.kind, again.reason) == (Kind.VIDEO, None), name
        for one in wanted:
            hashed = one.views[0].hashes[0]
            assert min(view.hashes[0] - hashed for view in again.views) <= 8, name


def test_a_worker_encodes_behind_its_walls(clip: Path) -> None:
    """A confined worker answers as this process does, also from the second encoding on."""
    options = asked("bars", "mpeg4-avi")
    with Pool(1, WorkerLimits(sandbox="strict")) as pool, clip.open("rb") as file:
        pool.configure(options)
        pool.submit(Job(file.fileno(), skip=1))
        replies = []
        while pool.busy:
            replies += pool.poll(5)
    wanted = parts(clip, options, skip=1)
    assert {reply.member: reply.examination for reply in replies} == wanted
    assert list(wanted) == [b"mpeg4-avi", None]


def test_what_is_no_whole_video_is_not_encoded(clip: Path, tmp_path: Path) -> None:
    """A picture, a text and a video cut short have no encodings; their examinations say why."""
    for name, data, reason in (
        ("a.png", encode(scene(1), "PNG"), None),
        ("a.txt", b"text", None),
        ("cut.mp4", clip.read_bytes()[:2000], Reason.UNDECODABLE),
    ):
        (tmp_path / name).write_bytes(data)
        found = parts(tmp_path / name, asked())
        assert {member: each.reason for member, each in found.items()} == {None: reason}


def test_an_encoder_that_is_missing_is_a_reason(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one of its encoders, FFmpeg still encodes in the other ways."""
    missing = replace(REENCODINGS["poor"], codec="no-such-encoder")
    monkeypatch.setitem(cast("dict[str, Reencoding]", REENCODINGS), "poor", missing)
    found = parts(clip, asked("poor", "h264"))
    assert found[b"poor"].reason is Reason.UNDECODABLE
    assert found[b"h264"].reason is None
