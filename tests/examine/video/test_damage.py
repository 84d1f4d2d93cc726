"""Damaged and unusual videos get the right examination, and within their time."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av

from counts import LONG
from films import FORMATS, film, scene
from hashmatch.examine.examination import examine
from hashmatch.examine.sandbox import Pool, WorkerLimits
from hashmatch.examine.sandbox.jobs import Job
from hashmatch.model import Examination, HashKind, Kind, Reason
from hashmatch.options import ExamineOptions, VideoLimits

KIND = HashKind("phash", 64)
OPTIONS = ExamineOptions(kinds=(KIND,))
SIZE = (96, 64)
PLACES = 2000 if LONG else 90
MOST_SECONDS = 20.0


def whole(name: str) -> bytes:
    """A video of two scenes."""
    return film([scene(1), scene(2)], FORMATS[name]._replace(size=SIZE), 1.0)


def damaged(places: int) -> Iterator[bytes]:
    """Videos of every container, each with a flipped bit, or cut, at one place."""
    generator = random.Random(20)
    films = [whole(name) for name in FORMATS]
    for number in range(places):
        data = bytearray(films[number % len(films)])
        # Half of the places are in the first two kilobytes, where headers are
        most = len(data) if number // len(films) % 2 else min(2048, len(data))
        place = generator.randrange(1, most)
        if number // len(films) % 3 == 0:
            yield bytes(data[:place])
        else:
            data[place] ^= 1 << generator.randrange(8)
            yield bytes(data)


def test_every_damaged_video_has_its_say_in_time(tmp_path: Path) -> None:
    """A worker answers for each video in time; one that shows no still has a reason, or is none."""
    path, seen = tmp_path / "film", Counter[str]()
    with Pool(1, WorkerLimits(sandbox="strict", max_seconds=MOST_SECONDS)) as pool:
        pool.configure(OPTIONS)
        for data in damaged(PLACES):
            path.write_bytes(data)
            began = time.monotonic()
            with path.open("rb") as file:
                pool.submit(Job(file.fileno()))
                replies = []
                while pool.busy:
                    replies += pool.poll(5)
            assert time.monotonic() - began < 2 * MOST_SECONDS
            found = replies[-1].examination
            assert found.reason not in {Reason.TIMEOUT, Reason.DECODER_CRASH}
            assert found.views or found.reason is not None or found.kind is not Kind.VIDEO
            seen["shown" if found.views else str(found.reason or found.kind)] += 1
    assert seen["shown"] >= PLACES // 2


def timed(shown: Iterable[tuple[int, int]], **attributes: int) -> bytes:
    """A video that shows each scene from its own thousandth of a second on."""
    pictures = {}
    file, beat = BytesIO(), Fraction(1, 1000)
    with av.open(file, "w", format="matroska") as target:
        stream = target.add_stream("libx264", rate=25)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p10le" if attributes else "yuv420p"
        stream.time_base = stream.codec_context.time_base = beat
        stream.gop_size, stream.options = 10_000, {"preset": "ultrafast", "sc_threshold": "0"}
        for name, value in attributes.items():
            setattr(stream.codec_context, name, value)
        for stamp, seed in shown:
            if seed not in pictures:
                pictures[seed] = scene(seed).convert("RGB").resize(SIZE)
            frame = av.VideoFrame.from_image(pictures[seed])
            frame.pts, frame.time_base = stamp, beat
            target.mux(stream.encode(frame))
        target.mux(stream.encode())
    return file.getvalue()


def near(found: Examination, seed: int) -> list[str]:
    """The views that are near a scene."""
    file = BytesIO()
    scene(seed).save(file, "PNG")
    wanted = examine(file.getvalue(), OPTIONS).views[0].hashes[0]
    return [view.view for view in found.views if view.hashes[0] - wanted <= 8]


def test_a_video_of_three_hours_is_seen_to_its_end() -> None:
    """A scene in the third hour is found at its time; a limit of two hours leaves it out."""
    data = timed((20_000 * number, 1 + (number > 500)) for number in range(541))
    found = examine(data, OPTIONS)
    assert found.reason is None
    assert near(found, 2)[0] == "frame:02:47:00.000"
    short = examine(data, replace(OPTIONS, video=VideoLimits(max_length=7200)))
    assert short.reason is Reason.FRAME_LIMIT
    assert near(short, 1)
    assert not near(short, 2)


def test_a_video_of_uneven_times_is_seen() -> None:
    """Scenes of a phone's video, whose frames come at any time, are all found."""
    generator, now, shown = random.Random(3), 0, []
    for seed in (1, 2, 3):
        for _ in range(20):
            shown.append((now, seed))
            now += generator.choice((16, 33, 50, 400))
    found = examine(timed(shown), OPTIONS)
    assert found.reason is None
    assert all(near(found, seed) for seed in (1, 2, 3))


def test_a_video_in_hdr_is_seen() -> None:
    """A video of 10 bits in the colours and the transfer of HDR is near the scene it shows."""
    bt2020, pq, matrix = 9, 16, 9
    data = timed(
        ((40 * number, 1) for number in range(50)),
        color_primaries=bt2020, color_trc=pq, colorspace=matrix,
    )  # fmt: skip
    found = examine(data, OPTIONS)
    assert found.reason is None
    assert near(found, 1)


def test_a_video_with_a_broken_index_is_seen_or_says_why() -> None:
    """An AVI without a sound index is seen; an MP4 without its index cannot be, and says so."""
    avi = whole("AVI")
    place = avi.rindex(b"idx1")
    found = examine(avi[: place + 8] + bytes(len(avi) - place - 8), OPTIONS)
    assert near(found, 1)
    mp4 = whole("MP4")
    assert examine(mp4[: mp4.rindex(b"moov") - 4], OPTIONS).reason is Reason.UNDECODABLE
    broken = examine(mp4.replace(b"stco", b"free"), OPTIONS)
    assert broken.reason is not None


def test_a_video_in_4k_fits_a_worker(tmp_path: Path) -> None:
    """A worker decodes 4K within the memory that it has by default."""
    large = FORMATS["MP4"]._replace(size=(3840, 2160), options=(("preset", "ultrafast"),))
    (tmp_path / "film").write_bytes(film([scene(1)], large, 0.2))
    with Pool(1, WorkerLimits(sandbox="strict")) as pool, (tmp_path / "film").open("rb") as file:
        pool.configure(OPTIONS)
        pool.submit(Job(file.fileno()))
        replies = []
        while pool.busy:
            replies += pool.poll(5)
    assert replies[-1].examination.reason is None
    assert near(replies[-1].examination, 1)
