"""The everyday ways to encode a video again, and the start of a video in each of them.

Everything is done in memory and in one thread: a worker may open no file, and starts no thread.
Like the transforms of pictures, these are what ordinary programs and web sites do. Nothing here
looks at a hash.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO

from PIL import Image, ImageOps

from hashmatch.errors import DecodeError
from hashmatch.examine.examination import examine, examine_parts
from hashmatch.examine.extras import VIDEO, require
from hashmatch.examine.reading import steady
from hashmatch.examine.video.frames import Video
from hashmatch.model import Examination, Kind, Reason
from hashmatch.options import ExamineOptions

EXCERPT = 10
"""Seconds from the start of a video that are encoded again."""

_QUICK = ("preset", "veryfast")


@dataclass(frozen=True, slots=True)
class Reencoding:
    """One way to encode a video again.

    Attributes:
        name: as the records spell it.
        imitates: what people or programs do that has the same effect.
        container: FFmpeg's name of the muxer.
        codec: FFmpeg's name of the encoder.
        gop: frames from one key frame to the next at most.
        rate: frames a second.
        scale: of the sides.
        bars: the share of the height that black bars take.
        options: of the encoder.
    """

    name: str
    imitates: str
    container: str = "mp4"
    codec: str = "libx264"
    gop: int = 250
    rate: int = 25
    scale: float = 1.0
    bars: float = 0.0
    options: tuple[tuple[str, str], ...] = (_QUICK,)


REENCODINGS: Mapping[str, Reencoding] = {
    each.name: each
    for each in (
        Reencoding("h264", "saved by an ordinary program"),
        Reencoding(
            "one-key-frame",
            "recorded by some phones and screen recorders",
            gop=9999,
            options=(("sc_threshold", "0"), _QUICK),
        ),
        Reencoding("key-each-second", "prepared for streaming", gop=25),
        Reencoding("poor", "squeezed to fit a message", options=(("crf", "38"), _QUICK)),
        Reencoding("12-frames", "12 frames a second", rate=12),
        Reencoding("half-size", "scaled down", scale=0.5),
        Reencoding("bars", "put between black bars", bars=0.25),
        Reencoding("matroska", "another container", container="matroska"),
        Reencoding("mpeg4-avi", "an older format", container="avi", codec="mpeg4", options=()),
        Reencoding(
            "mpeg2-stream",
            "a television recording",
            container="mpegts",
            codec="mpeg2video",
            options=(),
        ),
    )
}
"""All of them, by name."""


def examine_reencodings(
    descriptor: int, options: ExamineOptions, names: Sequence[str]
) -> Iterator[tuple[bytes | None, Examination | None]]:
    """Examine an open video, and its start as each of these ways encodes it.

    Yields:
        As ``examine_variants`` does; while the video takes long, now and then None and None.
    """
    found = Examination()
    for member, said in examine_parts(descriptor, options):
        if member is None:
            if said is None:
                yield None, None
            else:
                found = said
    if found.kind is Kind.VIDEO and found.reason is None and found.format is not None:
        for name in names:
            yield name.encode(), None
            try:
                with steady(descriptor) as (file, _):
                    data = reencode(file, found.format, REENCODINGS[name], options)
            except DecodeError as error:
                yield name.encode(), Examination.failed(error)
                continue
            yield name.encode(), examine(data, options.of_part(name.encode()))
    yield None, found


def reencode(file: BinaryIO, name: str, how: Reencoding, options: ExamineOptions) -> bytes:
    """Encode the first ``EXCERPT`` seconds of a video.

    Raises:
        DecodeError: it cannot be decoded or encoded.
    """
    ffmpeg: Any = require(VIDEO, name)
    file.seek(0)
    with closing(Video(file, name, options.limits, options.video)) as video:
        pictures = (still.image for still in video.frames(1 / how.rate, EXCERPT))
        try:
            return _encoded(ffmpeg, pictures, how)
        except (ffmpeg.FFmpegError, ValueError, LookupError) as error:
            problem = f"cannot be encoded with {how.codec}"
            raise DecodeError(Reason.UNDECODABLE, problem) from error


def _encoded(ffmpeg: Any, pictures: Iterator[Image.Image], how: Reencoding) -> bytes:
    file, size = BytesIO(), None
    with ffmpeg.open_container(file, "w", format=how.container) as container:
        stream = container.add_stream(how.codec, rate=how.rate)
        stream.pix_fmt, stream.gop_size = "yuv420p", how.gop
        stream.codec_context.thread_count = 1
        stream.options = dict(how.options)
        for picture in pictures:
            upright = ImageOps.exif_transpose(picture)
            if size is None:  # encoders want even numbers
                size = tuple(max(16, round(side * how.scale / 2) * 2) for side in upright.size)
                stream.width, stream.height = size
            container.mux(stream.encode(ffmpeg.to_frame(_shown(upright, size, how.bars))))
        container.mux(stream.encode())
    return file.getvalue()


def _shown(picture: Image.Image, size: tuple[int, ...], bars: float) -> Image.Image:
    """The picture in this size, between black bars if they take any of the height."""
    width, height = size
    shown = picture.resize((width, round(height * (1 - bars))))
    if not bars:
        return shown
    frame = Image.new("RGB", (width, height))
    frame.paste(shown, (0, (height - shown.height) // 2))
    return frame
