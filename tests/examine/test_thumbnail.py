"""The small picture that a reviewer asks for: which one, how small, and nothing else."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hashmatch.errors import DecodeError
from hashmatch.examine.sandbox import SharedPool, WorkerLimits, nameless_file
from hashmatch.examine.sandbox.jobs import Job, ProtocolError, Reply
from hashmatch.examine.sandbox.protocol import JOB as HEADER
from hashmatch.examine.sandbox.protocol import decode_job, decode_said, encode_job, encode_said
from hashmatch.examine.thumbnail import make_thumbnail
from hashmatch.model import Examination, Reason, Thumbnail
from hashmatch.options import ExamineOptions, ThumbnailOptions
from pictures import encode, photo

OPTIONS = ExamineOptions(kinds=())
BLURRED = ThumbnailOptions()
SHARP = ThumbnailOptions(blurred=False)


@pytest.fixture(scope="module")
def pool() -> Iterator[SharedPool]:
    """One worker behind all the walls that there are here."""
    made = SharedPool(1, WorkerLimits(max_seconds=60))
    yield made
    made.close()


def small(data: bytes, wanted: ThumbnailOptions) -> Thumbnail:
    """The thumbnail of these bytes, made in this process."""
    with nameless_file(data) as descriptor:
        *_, found = make_thumbnail(descriptor, wanted, OPTIONS)
    assert found is not None
    return found


def greys(found: Thumbnail) -> np.ndarray:
    """The pixels of a grey thumbnail."""
    assert not found.colour
    return np.frombuffer(found.pixels, np.uint8).reshape(found.height, found.width).astype(float)


def shade(found: Thumbnail) -> float:
    """How bright a thumbnail is, on the whole."""
    return float(np.frombuffer(found.pixels, np.uint8).mean())


def animation() -> bytes:
    """A GIF of three frames: black, grey and white."""
    frames = [Image.new("L", (64, 48), level) for level in (0, 128, 255)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=100)
    return file.getvalue()


def test_a_thumbnail_comes_from_the_sandbox_small_and_grey(pool: SharedPool) -> None:
    """The worker's pixels are those made in this process, with the long side at 320."""
    data = encode(photo(1, 1280, 640), "JPEG")
    with nameless_file(data) as descriptor:
        for wanted in (BLURRED, SHARP, ThumbnailOptions(colour=True)):
            found = pool.thumbnail(descriptor, wanted, OPTIONS)
            assert found == small(data, wanted)
            assert (found.width, found.height, found.colour) == (320, 160, wanted.colour)


def test_blurring_takes_detail_away_and_keeps_what_is_light_and_dark() -> None:
    """Neighbouring pixels differ far less, and the picture is as bright as before."""
    data = encode(photo(2, 640, 640), "PNG")
    sharp, blurred = greys(small(data, SHARP)), greys(small(data, BLURRED))
    assert np.abs(np.diff(blurred)).mean() < np.abs(np.diff(sharp)).mean() / 2
    assert abs(blurred.mean() - sharp.mean()) < 3


@pytest.mark.parametrize(
    ("view", "shown", "level"),
    [
        ("stored", "stored", 0),
        ("frame:1", "frame:1", 128),
        ("frame:2+rotate-90", "frame:2", 255),
        ("frame:9", "stored", 0),
        ("bytes", "stored", 0),
    ],
)
def test_the_frame_that_matched_is_shown(view: str, shown: str, level: int) -> None:
    """Of an animation it is the frame in the view's name; or else the first, and it says so."""
    found = small(animation(), ThumbnailOptions(view))
    assert found.view == shown
    assert shade(found) == pytest.approx(level, abs=2)


def test_a_picture_is_shown_as_people_see_it_unless_the_stored_view_matched() -> None:
    """Exif turns the picture for a match of its bytes, and does not where ``stored`` matched."""
    image, exif = Image.new("L", (80, 40)), Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif)
    turned, stored = (
        small(file.getvalue(), ThumbnailOptions(view)) for view in ("bytes", "stored")
    )
    assert (turned.width, turned.height) == (40, 80)
    assert (stored.width, stored.height) == (80, 40)


def test_the_member_that_matched_is_shown() -> None:
    """A member of an archive inside an archive is found by its path."""
    inner, outer = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as tar:
        for name, level in (("a.png", 10), ("b.png", 200)):
            data = encode(Image.new("L", (50, 50), level), "PNG")
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("in.tar", inner.getvalue())
    wanted = ThumbnailOptions("stored", b"in.tar!/b.png")
    assert shade(small(outer.getvalue(), wanted)) == pytest.approx(200, abs=1)
    with pytest.raises(DecodeError, match="no longer in the file"):
        small(outer.getvalue(), ThumbnailOptions("stored", b"in.tar!/c.png"))


def test_the_frame_of_a_video_that_matched_is_shown(tmp_path: Path) -> None:
    """Of a video it is the still at the time that the view names."""
    av = pytest.importorskip("av")
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as film:
        stream = film.add_stream("mpeg4", rate=2)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for level in (20, 20, 120, 120, 230, 230):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), level, np.uint8), "rgb24")
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    found = small(path.read_bytes(), ThumbnailOptions("frame:00:00:02.000"))
    assert shade(found) > 190


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no picture at all", Reason.UNDECODABLE),
        (encode(photo(1, 64, 64), "JPEG")[:60], None),
    ],
)
def test_why_there_is_no_thumbnail_is_said(
    pool: SharedPool, data: bytes, reason: Reason | None
) -> None:
    """What is no picture, or cannot be decoded, has a reason in place of pixels."""
    with nameless_file(data) as descriptor, pytest.raises(DecodeError) as caught:
        pool.thumbnail(descriptor, BLURRED, OPTIONS)
    assert reason in {None, caught.value.reason}


def test_a_long_search_gives_signs_of_life() -> None:
    """Before each member passed over late in an archive, the maker says that it is at work."""
    file, ticks = io.BytesIO(), iter(range(0, 100, 3))
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(4):
            archive.writestr(f"{number}.png", encode(Image.new("L", (9, 9)), "PNG"))
    with nameless_file(file.getvalue()) as descriptor:
        found = list(
            make_thumbnail(
                descriptor, ThumbnailOptions("stored", b"3.png"), OPTIONS, lambda: next(ticks)
            )
        )
    assert found[0] is None
    assert isinstance(found[-1], Thumbnail)


@pytest.mark.parametrize(
    "said",
    [
        ["stored", 320, 320, "AAAA"],
        ["stored", 321, 1, "A" * 428],
        ["stored", 0, 5, ""],
        ["stored", 1, 1, "AAAA"],
        ["stored", "1", 1, "AA=="],
        ["stored", True, 1, "AA=="],
        ["stored", 2, 1, "A!=="],
        ["\x1b[2J", 1, 1, "AA=="],
        [None, 1, 1, "AA=="],
        ["stored", 1, 1],
        {"width": 1},
        None,
    ],
)
def test_a_worker_can_say_no_other_thumbnail_than_was_asked_for(said: object) -> None:
    """Pixels that are too many, too few or no bytes are no answer."""
    job = Job(0, thumbnail=BLURRED)
    message = {
        **_message(Reply(job, None, Examination(), end=True)),
        "thumbnail": said,
    }
    with pytest.raises(ProtocolError):
        decode_said(message, job, 7, OPTIONS)


def test_nobody_gets_a_thumbnail_who_asked_for_none() -> None:
    """A worker that is to examine a file cannot send pixels of it."""
    message = _message(
        Reply(Job(0), None, Examination(), True, Thumbnail("stored", 1, 1, False, b"\0"))
    )
    with pytest.raises(ProtocolError):
        decode_said(message, Job(0), 7, OPTIONS)


def test_what_is_asked_goes_over_the_wire_whole() -> None:
    """View, member of any bytes and both switches arrive as they were sent."""
    wanted = ThumbnailOptions("frame:3+trimmed", b"a\xff\n.zip!/b", blurred=False, colour=True)
    sent = encode_job(Job(5, thumbnail=wanted), 7)
    number, job = decode_job(sent[: HEADER.size], 5, lambda length: sent[-length:])
    assert (number, job.thumbnail) == (7, wanted)


def _message(reply: Reply) -> dict[str, object]:
    import json  # noqa: PLC0415 # for this alone

    message: dict[str, object] = json.loads(encode_said(reply, 7)[4:])
    return message
