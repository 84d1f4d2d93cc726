"""Videos are examined through stills, whatever their container, length and damage."""

from __future__ import annotations

import os
import random
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from films import FORMATS, HEIGHT, WIDTH, Encoding, film, scene
from hashmatch.examine import extras
from hashmatch.examine.examination import examine, examine_parts
from hashmatch.examine.sandbox import Pool, WorkerLimits
from hashmatch.examine.sandbox.jobs import Job
from hashmatch.examine.video.sniffing import declared_bytes, video_format
from hashmatch.hashing import ALGORITHMS
from hashmatch.model import Examination, HashKind, Kind, PerceptualHash, Reason
from hashmatch.options import ExamineOptions, Limits, VideoLimits
from pictures import encode, letterboxed, photo

PHASH = HashKind("phash", 64)
OPTIONS = ExamineOptions(kinds=(PHASH,))
NEAR = 8
SCENES = (1, 2, 3)
MP4 = FORMATS["MP4"]
DENSE = MP4._replace(gop=10_000, options=(("sc_threshold", "0"),))
"""One key frame for the whole video, as some phones and screen recorders write it."""


def phash(picture: Image.Image) -> PerceptualHash:
    """The picture's hash."""
    return PerceptualHash.from_imagehash(__import__("imagehash").phash(picture))


def seen(found: Examination, seeds: tuple[int, ...] = SCENES) -> list[str]:
    """The view that is nearest to each scene, where it is near."""
    names = []
    for seed in seeds:
        view = min(found.views, key=lambda view: view.hashes[0] - phash(scene(seed)))
        if view.hashes[0] - phash(scene(seed)) <= NEAR:
            names.append(view.view)
    return names


@pytest.mark.parametrize("name", FORMATS)
def test_every_scene_is_seen_in_every_container(name: str) -> None:
    """Each scene of three seconds is near a still from its own seconds."""
    data = film([scene(seed) for seed in SCENES], FORMATS[name])
    found = examine(data, OPTIONS)
    assert (found.format, found.kind, found.reason) == (name, Kind.VIDEO, None)
    assert (found.width, found.height) == (WIDTH, HEIGHT)
    starts = [int(view.removeprefix("frame:00:00:")[:2]) // 3 for view in seen(found)]
    assert starts == [0, 1, 2]


def test_scenes_between_distant_key_frames_are_seen() -> None:
    """A video with one key frame shows all of its scenes, since frames between are decoded."""
    found = examine(film([scene(seed) for seed in SCENES], DENSE), OPTIONS)
    assert len(seen(found)) == 3


@pytest.mark.parametrize("encoding", [MP4, DENSE], ids=["many key frames", "one key frame"])
def test_scenes_in_a_video_whose_times_stand_nearly_still_are_seen(encoding: Encoding) -> None:
    """A video of 3,000 frames a second, by its own words, is looked at all the same."""
    hasty = encoding._replace(rate=3000, size=(160, 90))
    assert len(seen(examine(film([scene(seed) for seed in SCENES], hasty, 0.1), OPTIONS))) == 3


def test_what_stays_the_same_is_one_still() -> None:
    """Stills that look like the one before are left out, and a scene that returns is not."""
    once = examine(film([scene(1)], MP4, seconds=12), OPTIONS)
    again = examine(film([scene(1), scene(2), scene(1)], MP4), OPTIONS)
    assert len(once.views) == 1
    assert len(again.views) == 3


def test_letterboxes_are_trimmed() -> None:
    """A scene between black bars is near through its trimmed view."""
    wide = letterboxed(scene(1), 1.3).resize((WIDTH, HEIGHT))
    (name,) = seen(examine(film([wide], MP4), OPTIONS), (1,))
    assert name.endswith("+trimmed")


def test_a_rotated_video_is_seen_stored_and_upright() -> None:
    """A video that a phone held upright recorded is looked up both ways."""
    data = film([scene(1).transpose(Image.Transpose.ROTATE_90).resize((WIDTH, HEIGHT))], MP4)
    turned = BytesIO()
    with av.open(BytesIO(data)) as source, av.open(turned, "w", format="mp4") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        stream.set_display_rotation(-90)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    (name,) = seen(examine(turned.getvalue(), OPTIONS), (1,))
    assert name.endswith("upright")


def test_frames_of_any_rate_depth_and_number_are_read() -> None:
    """A video of one frame, of 10 bits, and of one frame in five seconds are read to the end."""
    single = film([scene(1)], MP4._replace(rate=1), seconds=1)
    deep = film([scene(1)], MP4._replace(pixels="yuv420p10le"))
    slow = film([scene(seed) for seed in SCENES], MP4._replace(rate=1, gop=1), seconds=5)
    for data, seeds in ((single, (1,)), (deep, (1,)), (slow, SCENES)):
        found = examine(data, OPTIONS)
        assert (found.reason, len(seen(found, seeds))) == (None, len(seeds))


@pytest.mark.parametrize(
    ("limits", "detail"),
    [
        (VideoLimits(max_length=4), "longer than 4 seconds"),
        (VideoLimits(max_stills=2), "more than 2 different stills"),
    ],
)
def test_a_limit_is_a_reason_beside_what_was_seen(limits: VideoLimits, detail: str) -> None:
    """The stills before a limit are kept, with the reason why they are not all."""
    data = film([scene(seed) for seed in SCENES], MP4)
    found = examine(data, ExamineOptions(kinds=(PHASH,), video=limits))
    assert (found.reason, found.detail) == (Reason.FRAME_LIMIT, detail)
    assert len(seen(found)) == 2


def test_a_file_of_any_size_is_seen_unless_it_comes_as_a_stream(tmp_path: Path) -> None:
    """A file is larger than the limit on bytes and is seen, since it need not be in memory."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(film([scene(1)], MP4))
    options = ExamineOptions(kinds=(PHASH,), limits=Limits(max_bytes=1000))
    assert seen(dict(examine_parts(os.open(path, os.O_RDONLY), options))[None], (1,))
    assert examine(BytesIO(path.read_bytes()), options).reason is Reason.TOO_LARGE


def test_frames_over_the_limit_on_pixels_are_too_large() -> None:
    """The limit on pixels holds for frames."""
    small = ExamineOptions(kinds=(PHASH,), limits=Limits(max_pixels=WIDTH * HEIGHT - 1))
    assert examine(film([scene(1)], MP4), small).reason is Reason.TOO_LARGE


def test_sound_alone_is_not_a_video() -> None:
    """An MP4 with sound only has the kind audio, and no format."""
    file = BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=16_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.float32), "fltp", "mono")
        frame.rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    found = examine(file.getvalue(), OPTIONS)
    assert (found.format, found.kind, found.reason) == (None, Kind.AUDIO, None)


@pytest.mark.parametrize("name", ["MATROSKA", "MPEG-TS", "AVI"])
def test_a_cut_video_is_truncated_and_what_is_left_is_seen(name: str) -> None:
    """A video cut after its second scene is never examined wholly, and shows the first."""
    data = film([scene(seed) for seed in SCENES], FORMATS[name])
    found = examine(data[: len(data) // 2], OPTIONS)
    if name != "MPEG-TS":  # which says nowhere how long it is
        assert found.reason in {Reason.TRUNCATED, Reason.UNDECODABLE}
    assert seen(found, (1,))


@pytest.mark.parametrize(("name", "missing"), [("MATROSKA", 1), ("AVI", 9), ("ASF", 1)])
def test_a_video_without_its_last_bytes_is_truncated(name: str, missing: int) -> None:
    """Where the container says how many bytes it has, a cut is noticed."""
    data = _small(name)
    assert examine(data, OPTIONS).reason is None
    assert examine(data[:-missing], OPTIONS).reason is Reason.TRUNCATED


@given(name=st.sampled_from(sorted(FORMATS)), data=st.data())
def test_what_a_head_declares_is_a_size(name: str, data: st.DataObject) -> None:
    """Whatever the bytes are, the size is no error, and 0 where it is not known."""
    head = data.draw(st.binary(max_size=100))
    assert declared_bytes(head, name) >= 0
    whole = _small(name)
    assert declared_bytes(whole[:4096], name) in {0, len(whole) - 8 * (name == "AVI"), len(whole)}
    live = whole.replace(whole[whole.find(b"\x18\x53\x80\x67") :][:12], _LIVE_SEGMENT)
    assert name != "MATROSKA" or declared_bytes(live, name) == 0


@given(st.data())
def test_damaged_videos_have_an_examination(data: st.DataObject) -> None:
    """Flipped bytes and cuts raise nothing, and what shows no still has a reason."""
    name = data.draw(st.sampled_from(sorted(FORMATS)))
    whole = bytearray(_small(name))
    generator = random.Random(data.draw(st.integers(0, 1 << 32)))
    for _ in range(generator.randrange(1, 20)):
        whole[generator.randrange(len(whole))] = generator.randrange(256)
    found = examine(bytes(whole[: generator.randrange(len(whole) // 2, len(whole) + 1)]), OPTIONS)
    assert found.views or found.reason is not None or found.format is None


_LIVE_SEGMENT = b"\x18\x53\x80\x67\x01" + b"\xff" * 7
"""The start of a Matroska file that is written while it is recorded."""

_films: dict[str, bytes] = {}


def _small(name: str) -> bytes:
    if name not in _films:
        _films[name] = film([scene(1), scene(2)], FORMATS[name]._replace(size=(96, 64)), 1)
    return _films[name]


def test_videos_in_archives_and_behind_pictures_are_parts() -> None:
    """A video in a zip, and one behind a JPEG as phones append it, are examined as members."""
    data = film([scene(1)], MP4)
    bundle = BytesIO()
    with zipfile.ZipFile(bundle, "w") as archive:
        archive.writestr("clip.mp4", data)
    motion_photo = encode(photo(9, 320, 240), "JPEG") + data
    for content, path in ((bundle.getvalue(), b"clip.mp4"), (motion_photo, b"appended-1")):
        parts = {name: found for name, found in examine_parts(content, OPTIONS) if found}
        assert (parts[path].format, len(seen(parts[path], (1,)))) == ("MP4", 1)


def test_sound_is_passed_over_behind_walls(tmp_path: Path) -> None:
    """A video with sound, in a worker that can load nothing more, is seen like one without."""
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w", format="matroska") as target:
        pictures = target.add_stream("libx264", rate=10)
        pictures.width, pictures.height, pictures.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = target.add_stream("aac", rate=16_000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.float32), "fltp", "mono")
        silence.rate = 16_000
        for _ in range(10):
            target.mux(pictures.encode(av.VideoFrame.from_image(scene(1).convert("RGB"))))
        target.mux([*sound.encode(silence), *pictures.encode(), *sound.encode()])
    with Pool(1, WorkerLimits(sandbox="strict")) as pool, path.open("rb") as file:
        pool.configure(OPTIONS)
        pool.submit(Job(file.fileno()))
        replies = []
        while pool.busy:
            replies += pool.poll(5)
    assert seen(replies[-1].examination, (1,))


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile {}\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{}\n",
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nm=video 9 RTP/AVP 96\r\n",
        '<?xml version="1.0"?><MPD><BaseURL>{}</BaseURL></MPD>',
    ],
    ids=["concat", "HLS", "SDP", "DASH"],
)
def test_playlists_are_no_videos(text: str) -> None:
    """What FFmpeg would follow to other files is not recognised as a video."""
    assert video_format(text.format("/etc/passwd").encode()) is None


def test_pdq_hashes_stills_too() -> None:
    """An algorithm that wants colour gets it."""
    pytest.importorskip("pdqhash")
    kind = HashKind("pdq", 256)
    found = examine(film([scene(1)], MP4), ExamineOptions(kinds=(kind,)))
    wanted = examine(encode(scene(1), "PNG"), ExamineOptions(kinds=(kind,)))
    distance = min(view.hashes[0] - wanted.views[0].hashes[0] for view in found.views)
    assert distance <= ALGORITHMS["pdq"].thresholds[256]


def test_workers_see_what_is_seen_without_walls(tmp_path: Path) -> None:
    """Behind all walls, every container gives the same examination as in this process."""
    with Pool(1, WorkerLimits(sandbox="strict")) as pool:
        pool.configure(OPTIONS)
        for name in FORMATS:
            path = tmp_path / name
            path.write_bytes(_small(name))
            with path.open("rb") as file:
                pool.submit(Job(file.fileno()))
                replies = []
                while pool.busy:
                    replies += pool.poll(5)
            assert [reply.examination for reply in replies] == [examine(_small(name), OPTIONS)]


def test_without_its_package_a_video_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A video that cannot be opened for want of PyAV is named as one, with what installs it."""
    monkeypatch.setattr(extras, "_absent", {extras.VIDEO})
    found = examine(_small("MP4"), replace(OPTIONS, digests=("sha256",)))
    assert (found.format, found.kind, found.reason) == (
        "MP4",
        Kind.VIDEO,
        Reason.UNSUPPORTED_FORMAT,
    )
    assert found.detail is not None
    assert "pip install 'hashmatch[video]'" in found.detail
    assert len(found.digests) == 1
