"""A video to its examination: the hashes of its stills, without those that show the same again."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import BinaryIO

from hashmatch.errors import DecodeError
from hashmatch.examine.decode.views import views
from hashmatch.examine.picture_hashes import hash_views
from hashmatch.examine.video.frames import Still, Video
from hashmatch.model import Examination, Kind, PerceptualHash, Reason, ViewHashes
from hashmatch.options import PROGRESS_SECONDS, ExamineOptions

_SAME = 32
"""Two stills look the same if their hashes differ in at most one bit of so many."""


AT_WORK = (None, None)
"""Yielded now and then, so that a long video is not taken for a decoder that hangs."""


def examine_video(
    file: BinaryIO, name: str, options: ExamineOptions
) -> Generator[tuple[None, None], None, Examination]:
    """Hash the stills of a video; see ``frames`` for which these are.

    A still below the quality floor, such as a black one, is kept only if there is no better one:
    there are such in every film, and being near to one means nothing.

    Args:
        file: the video, at any position.
        name: its format, as ``video_format`` says.
        options: which hashes to compute, and what a video may cost.

    Yields:
        ``AT_WORK``, now and then.

    Returns:
        All that could be found out; ``reason`` says why the rest could not. It never raises
        DecodeError.
    """
    kept: list[ViewHashes] = []
    poor: list[ViewHashes] = []
    size = 0, 0
    failure: DecodeError | None = None
    file.seek(0)
    try:
        video = Video(file, name, options.limits, options.video)
        try:
            if not video.has_pictures:
                return Examination(kind=Kind.AUDIO)
            size = video.width, video.height
            told = stills = 0.0
            last: tuple[PerceptualHash, ...] | None = None
            for still in video.stills():
                if still.seconds - told > PROGRESS_SECONDS:
                    told = still.seconds
                    yield AT_WORK
                found = _hash(still, options)
                if last is not None and _is_same(found[0].hashes, last):
                    continue
                last = found[0].hashes
                good = [view for view in found if view.quality >= options.quality_floor]
                poor = poor or found
                if good and (stills := stills + 1) > options.video.max_stills:
                    most = f"more than {options.video.max_stills} different stills"
                    raise DecodeError(Reason.FRAME_LIMIT, most)
                kept += good
        finally:
            video.close()
    except DecodeError as error:
        failure = error.bare()
    found = kept or poor
    if failure is None and not found:
        failure = DecodeError(Reason.UNDECODABLE, "no frame of the video can be decoded")
    return Examination(
        format=name,
        kind=Kind.VIDEO,
        width=size[0],
        height=size[1],
        views=tuple(found),
        quality=max((view.quality for view in found), default=None),
        reason=failure.reason if failure else None,
        detail=failure.message if failure else None,
    )


def _hash(still: Still, options: ExamineOptions) -> list[ViewHashes]:
    return hash_views(views(still.image, still.name), options)


def _is_same(one: Sequence[PerceptualHash], other: Sequence[PerceptualHash]) -> bool:
    return all(a - b <= a.bits // _SAME for a, b in zip(one, other, strict=True))
