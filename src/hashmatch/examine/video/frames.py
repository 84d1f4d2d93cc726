"""Stills of a video, by PyAV: key frames, and one frame a second where these are far apart.

Key frames alone miss scenes: encoders place them every few seconds, and each encoder elsewhere.
Decoding every frame costs 30 times as much. So packets are held back until it is known whether the
next key frame comes within ``_MOST_GAP`` seconds. If it does, only key frames are decoded.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

from PIL import Image

from hashmatch.errors import OUT_OF_MEMORY, DecodeError
from hashmatch.examine.decode.opening import check_size
from hashmatch.examine.extras import VIDEO, require
from hashmatch.examine.video.sniffing import DEMUXERS, HEAD_BYTES, declared_bytes
from hashmatch.model import Reason
from hashmatch.options import Limits, VideoLimits
from hashmatch.text import timecode

_MOST_GAP = 2.0
"""Seconds between key frames above which the frames between them are decoded too."""

_STEP = 1.0
"""Seconds between the frames that are looked at there."""

_LEAST_STEP = 0.25
"""Seconds between frames that are looked at anywhere."""

_USUAL_RATE = 25
_LEAST_PACE = 0.01
"""Seconds that a packet counts at least: a video whose times stand still is looked at too."""

_SIDE = 512
"""Pixels of a still's long side at most: hashes come from far fewer."""

_ORIENTATION_TAG = 0x0112
_UPRIGHT_TAGS = {90: 8, 180: 3, 270: 6}
"""The Exif orientation that says the same as a rotation, in degrees counter-clockwise."""

_ATTACHED = 0x0400  # AV_DISPOSITION_ATTACHED_PIC
_SLACK = 0.05  # of a video's length: how much of its end may be without packets


class Still(NamedTuple):
    """One frame to look at.

    Attributes:
        name: the name of its view, such as ``frame:00:01:23.400``.
        seconds: from the start of the video.
        image: the picture, in RGB, with its orientation as Exif has it.
    """

    name: str
    seconds: float
    image: Image.Image


class Video:
    """An opened video.

    Attributes:
        width: pixels of the first stream, as stored; 0 without one.
        height: pixels of the first stream, as stored; 0 without one.
        has_pictures: whether it has pictures at all, be it a cover, and not just sound.

    Raises:
        DecodeError: it cannot be opened.
    """

    def __init__(
        self,
        file: BinaryIO,
        name: str,
        limits: Limits,
        video_limits: VideoLimits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if name not in DEMUXERS:
            raise DecodeError(Reason.UNSUPPORTED_FORMAT, f"{name} is not decoded", format=name)
        self._ffmpeg = require(VIDEO, name)
        self._name = name
        self._limits = limits
        self._video_limits = video_limits
        self._clock = clock
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        self._is_cut = size < declared_bytes(file.read(HEAD_BYTES), name)
        file.seek(0)
        with self._classified():
            self._container = self._ffmpeg.open_container(
                file, format=DEMUXERS[name], io_open=_refuse, metadata_errors="replace"
            )
        self._streams = list(self._container.streams.video)
        first = self._streams[0] if self._streams else None
        self.width: int = getattr(first, "width", 0)
        self.height: int = getattr(first, "height", 0)
        self.has_pictures = bool(self._streams)
        if not self.has_pictures and not self._container.streams.audio:
            raise self._undecodable()

    def close(self) -> None:
        """Let go of the decoders. The file stays open."""
        self._container.close()

    def stills(self) -> Iterator[Still]:
        """Yield what to look at, in the order of the file.

        Raises:
            DecodeError: the stills so far are all that could be read.
        """
        samplers = {stream.index: self._sampler(stream) for stream in self._streams}
        until = self._clock() + self._video_limits.max_decoding
        problem: DecodeError | None = None
        with self._classified():
            for packet in self._container.demux(*self._streams):
                sampler = samplers[packet.stream.index]
                try:
                    yield from self._shown(sampler, sampler.take(packet))
                except self._ffmpeg.FFmpegError:  # the decoder may well go on behind the damage
                    problem = problem or self._undecodable("part of it")
                if sampler.seconds > self._video_limits.max_length:
                    problem = self._too_long()
                    break
                if self._clock() > until:
                    problem = DecodeError(Reason.TIMEOUT, "the video takes too long to decode")
                    break
            for sampler in samplers.values():
                yield from self._shown(sampler, sampler.finish())
        ends = (sampler.is_cut(self._length()) for sampler in samplers.values())
        if problem is None and (self._is_cut or any(ends)):
            problem = DecodeError(Reason.TRUNCATED, "the video ends early", format=self._name)
        if problem is not None:
            raise problem

    def frames(self, step: float, length: float) -> Iterator[Still]:
        """Yield what the first stream shows at every ``step`` of its first ``length`` seconds.

        Raises:
            DecodeError: the frames so far are all that could be read.
        """
        if not self._streams:
            return
        sampler = self._sampler(self._streams[0])
        due = 0.0
        with self._classified():
            for packet in self._container.demux(sampler.stream):
                for frame, seconds in sampler.decode_all(packet):
                    if seconds >= length:
                        return
                    while due <= seconds:
                        yield self._still(frame, sampler, seconds)
                        due += step

    def _sampler(self, stream: Any) -> _Sampler:
        if stream.codec_context is None:
            detail = f"no decoder for a stream of this {self._name}"
            raise DecodeError(Reason.UNSUPPORTED_FORMAT, detail, format=self._name)
        size = stream.codec_context.width, stream.codec_context.height
        check_size(size, self._name, self._limits)
        return _Sampler(stream)

    def _shown(self, sampler: _Sampler, frames: Iterator[tuple[Any, float]]) -> Iterator[Still]:
        for frame, seconds in frames:
            yield self._still(frame, sampler, seconds)

    def _length(self) -> float:
        """Seconds that the file says it has; 0 if it does not say."""
        return (self._container.duration or 0) / 1_000_000

    def _still(self, frame: Any, sampler: _Sampler, seconds: float) -> Still:
        check_size((frame.width, frame.height), self._name, self._limits)
        scale = min(1.0, _SIDE / max(frame.width, frame.height))
        small = frame.reformat(
            width=max(1, round(frame.width * scale)),
            height=max(1, round(frame.height * scale)),
            format="rgb24",
            interpolation="AREA",
        )
        image = small.to_image()
        tag = _UPRIGHT_TAGS.get(round(frame.rotation) % 360)
        if tag is not None:
            image.getexif()[_ORIENTATION_TAG] = tag
        track = "" if sampler.stream is self._streams[0] else f"#{sampler.stream.index}"
        return Still(f"frame:{timecode(seconds)}{track}", seconds, image)

    @contextmanager
    def _classified(self) -> Iterator[None]:
        """Turn what FFmpeg raises into the reason that the verdict will carry."""
        try:
            yield
        except MemoryError as error:
            raise DecodeError(Reason.TOO_LARGE, OUT_OF_MEMORY, format=self._name) from error
        except (self._ffmpeg.FFmpegError, LookupError, ValueError) as error:
            raise self._undecodable() from error

    def _undecodable(self, what: str = "the video") -> DecodeError:
        return DecodeError(
            Reason.UNDECODABLE, f"{what} cannot be decoded as {self._name}", format=self._name
        )

    def _too_long(self) -> DecodeError:
        most = self._video_limits.max_length
        return DecodeError(Reason.FRAME_LIMIT, f"longer than {most} seconds", format=self._name)


class _Sampler:
    """Decides which frames of one stream to decode, and which to look at."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.context = stream.codec_context
        self.context.thread_count = 1
        self.seconds = 0.0  # of the last packet, from the start
        self._pace = 1 / float(stream.guessed_rate or _USUAL_RATE)  # of packets without a time
        self._held: list[tuple[Any, float]] = []  # packets since the last key frame, and when
        self._held_since = 0.0
        self._packets = 0
        self._dense = False  # the next key frame is far
        self._decoded = -_STEP  # the time of the last key frame that was decoded alone
        self._looked = -_STEP  # when a frame was last looked at

    def take(self, packet: Any) -> Iterator[tuple[Any, float]]:
        """Take the next packet, and yield frames to look at with their times in seconds."""
        if packet.size == 0 and packet.dts is None:  # marks the end
            return
        self._packets += 1
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is None:
            self.seconds += self._pace
        else:
            self.seconds = max(self.seconds + _LEAST_PACE, self._time(stamp))
        if packet.is_keyframe:
            yield from self._release()
            self._dense, self._held_since = False, self.seconds
        self._held.append((packet, self.seconds))
        if self._dense or self.seconds - self._held_since > _MOST_GAP:
            self._dense = True
            yield from self._release()

    def finish(self) -> Iterator[tuple[Any, float]]:
        """Yield what is still to come behind the last packet."""
        yield from self._release()
        yield from self._decode([(None, self.seconds)])

    def decode_all(self, packet: Any) -> Iterator[tuple[Any, float]]:
        """Yield every frame of a packet with its time in seconds."""
        for frame in self.context.decode(packet):
            self.seconds = self.seconds + self._pace if frame.pts is None else self._time(frame.pts)
            yield frame, self.seconds

    def _time(self, stamp: int) -> float:
        """Seconds from the start of the stream."""
        return float((stamp - (self.stream.start_time or 0)) * (self.stream.time_base or 0))

    def is_cut(self, length: float) -> bool:
        """Whether packets end well before the length that the file gives."""
        return not self._stands and self.seconds < length * (1 - _SLACK) - _MOST_GAP

    @property
    def _stands(self) -> bool:
        """Whether this is a single picture: a cover, or an item of a HEIF file."""
        is_item = self._packets == 1 and self.stream.duration is None
        return is_item or bool(int(self.stream.disposition) & _ATTACHED)

    def _release(self) -> Iterator[tuple[Any, float]]:
        packets, self._held = self._held, []
        if self._dense:
            yield from self._decode(packets)
        # Where every frame is a key frame, most are not worth decoding
        elif packets and self._held_since - self._decoded >= _LEAST_STEP:
            self._decoded = self._held_since
            yield from self._decode(packets[:1])

    def _decode(self, packets: list[tuple[Any, float]]) -> Iterator[tuple[Any, float]]:
        for packet, at in packets:
            # A frame that nobody will look at is needed only if others are predicted from it
            idle = self._dense and packet is not None and at - self._looked < _STEP
            self.context.skip_frame = "NONREF" if idle else "DEFAULT"
            for frame in self.context.decode(packet):
                seconds = self.seconds if frame.pts is None else self._time(frame.pts)
                # Decoders hold some frames back; and times may stand still
                now = max(seconds, at - _STEP)
                since = now - self._looked
                if not self._dense or since >= (_LEAST_STEP if frame.key_frame else _STEP):
                    self._looked = max(now, self._looked)
                    yield frame, max(0.0, seconds)


def _refuse(*_: Any) -> Any:
    """Open no file besides the current one, whatever it refers to."""
    raise PermissionError(errno.EACCES, "a video refers to another file")
