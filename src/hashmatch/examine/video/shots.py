"""A video to its examination: the hashes of its stills, without those that show the same again."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from hashmatch.errors import DecodeError
from hashmatch.examine.decode.views import views
from hashmatch.examine.picture_hashes import hash_views
from hashmatch.examine.video.frames import Video
from hashmatch.model import Examination, Kind, PerceptualHash, Reason, ViewHashes
from hashmatch.options import PROGRESS_SECONDS, ExamineOptions

_SAME = 32
"""Two stills look the same if their hashes differ in at most one bit of so many."""


AT_WORK = (None, None)
"""Yielded now and then, so that a long video is not taken for a decoder that hangs."""


@dataclass(slots=True)
class _Found:
    """What has been found of a video so far.

    Attributes:
        kept: views of stills with detail.
        poor: those of the first still, in case that no still has any.
        stills: how many of those kept there are.
    """

    kept: list[ViewHashes] = field(default_factory=list)
    poor: list[ViewHashes] = field(default_factory=list)
    stills: int = 0

    def take(self, views: list[ViewHashes], options: ExamineOptions) -> None:
        """Add a still that does not look like the one before.

        Raises:
            DecodeError: there are too many.
        """
        self.poor = self.poor or views
        good = [view for view in views if view.quality >= options.quality_floor]
        if good:
            self.stills += 1
        if self.stills > options.video.max_stills:
            most = f"more than {options.video.max_stills} different stills"
            raise DecodeError(Reason.FRAME_LIMIT, most)
        self.kept += good


def examine_video(
    file: BinaryIO, name: str, options: ExamineOptions
) -> Generator[tuple[None, None], None, Examination]:
    """Hash the stills of a video; see ``frames`` for which these are.

    A still below the quality floor, such as a black one, is kept only if there is no better one:
    there are such in every video, and being near to one means nothing.

    Yields:
        ``AT_WORK``, now and then.

    Returns:
        All that could be found out; ``reason`` says why the rest could not. It never raises
        DecodeError.
    """
    found = _Found()
    width = height = 0
    failure: DecodeError | None = None
    file.seek(0)
    try:
        with closing(Video(file, name, options.limits, options.video)) as video:
            if not video.has_pictures:
                return Examination(kind=Kind.AUDIO)
            width, height = video.width, video.height
            yield from _look_at(video, options, found)
    except DecodeError as error:
        failure = error.bare()
    views = found.kept or found.poor
    if failure is None and not views:
        failure = DecodeError(Reason.UNDECODABLE, "no frame of the video can be decoded")
    return Examination(
        format=name,
        kind=Kind.VIDEO,
        width=width,
        height=height,
        views=tuple(views),
        quality=max((view.quality for view in views), default=None),
        reason=failure.reason if failure else None,
        detail=failure.message if failure else None,
    )


def _look_at(
    video: Video, options: ExamineOptions, found: _Found
) -> Generator[tuple[None, None], None, None]:
    # A video has so many stills that chance would leave nothing to further views
    options = replace(options, views="plain")
    told = 0.0
    last: tuple[PerceptualHash, ...] | None = None
    for still in video.stills():
        if still.seconds - told > PROGRESS_SECONDS:
            told = still.seconds
            yield AT_WORK
        hashed = hash_views(views(still.image, still.name), options)
        if last is None or not _is_same(hashed[0].hashes, last):
            last = hashed[0].hashes
            found.take(hashed, options)


def _is_same(one: Sequence[PerceptualHash], other: Sequence[PerceptualHash]) -> bool:
    return all(a - b <= a.bits // _SAME for a, b in zip(one, other, strict=True))
