"""Make a small picture of a file for a reviewer: of the part and the view that matched, if it can.

This runs in a sandboxed worker. What leaves it is at most 320 by 320 pixels, decoded and shrunk
here, so that no byte of the file itself reaches a browser.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from typing import BinaryIO

from PIL import Image

from hashmatch.errors import OUT_OF_MEMORY, DecodeError
from hashmatch.examine.container import read_members, sniff_container
from hashmatch.examine.decode import SNIFF_BYTES, UPRIGHT, View, open_picture, sniff
from hashmatch.examine.decode.views import STORED, views
from hashmatch.examine.reading import read_stream, steady
from hashmatch.examine.video.frames import Video
from hashmatch.examine.video.sniffing import video_format
from hashmatch.model import Reason, Thumbnail
from hashmatch.options import THUMBNAIL_BLUR, THUMBNAIL_SIDE, ExamineOptions, ThumbnailOptions

_TELL_SECONDS = 2.0
_TIMED = re.compile(r"frame:\d+:")  # a still at its time


def make_thumbnail(
    descriptor: int,
    wanted: ThumbnailOptions,
    options: ExamineOptions,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Thumbnail | None]:
    """Make one from an open file.

    Yields:
        None now and then while it takes long; at the end the thumbnail.

    Raises:
        DecodeError: there is no picture to show.
    """
    goal, most, small = _steps(wanted.view), -1, None
    failure = DecodeError(Reason.UNDECODABLE, "there is no picture to show")
    told = clock()
    try:
        with steady(descriptor) as (file, size):
            for view in _views(file, size, wanted, options):
                if clock() - told > _TELL_SECONDS:
                    told = clock()
                    yield None
                if view is None:
                    continue
                shared = _shared(_steps(view.name), goal)
                if shared > most:
                    most, small = shared, _shrunk(view, wanted)
                if shared == len(goal):
                    break
    except DecodeError as error:
        failure = error.bare()
    except MemoryError:
        failure = DecodeError(Reason.TOO_LARGE, OUT_OF_MEMORY)
    if small is None:
        raise failure
    yield small


def _views(
    file: BinaryIO, size: int, wanted: ThumbnailOptions, options: ExamineOptions
) -> Iterator[View | None]:
    """Yield the views of a file or of its member; None for members passed over on the way."""
    if wanted.member is not None:
        for found in read_members(file, options.archives, options.limits.max_bytes):
            if found.path == wanted.member and found.data is not None:
                digest = wanted.sha256 and hashlib.sha256(found.data).hexdigest()
                if digest != wanted.sha256:
                    raise DecodeError(Reason.CHANGED, "the part that matched has changed")
                itself = replace(wanted, member=None)
                yield from _views(BytesIO(found.data), len(found.data), itself, options)
                return
            yield None
        raise DecodeError(Reason.VANISHED, "the part that matched is no longer in the file")
    head = file.read(SNIFF_BYTES)
    file.seek(0)
    if sniff(head) is None and sniff_container(head) is not None:
        why = "it holds several files, and which of them matched is not known"
        raise DecodeError(Reason.UNSUPPORTED_FORMAT, why)
    is_sequence = sniff(head) == "HEIF" and _TIMED.match(wanted.view) is not None
    name = video_format(head) if is_sequence or sniff(head) is None else None
    if name is not None:
        with closing(Video(file, name, options.limits, options.video)) as video:
            for still in video.stills():
                yield from views(still.image, still.name)
        return
    data = read_stream(file, options.limits.max_bytes, size)
    picture = open_picture(data, options.formats, options.limits)
    for frame in picture.views() if picture is not None else ():
        yield from frame


def _steps(name: str) -> list[str]:
    """The steps of a reading, of which ``stored`` has none. Of bytes, people see it upright."""
    return {STORED: [], "bytes": [UPRIGHT]}.get(name, name.split("+"))


def _shared(view: list[str], goal: list[str]) -> int:
    """How many steps a view goes towards the goal; 0 if it goes another way."""
    return len(view) if view == goal[: len(view)] else 0


def _shrunk(view: View, wanted: ThumbnailOptions) -> Thumbnail:
    image = Image.fromarray(view.whole(colour=wanted.colour))
    size = _fitting(image.size, THUMBNAIL_SIDE)
    if wanted.blurred:
        few = _fitting(image.size, THUMBNAIL_BLUR)
        image = image.resize(few, Image.Resampling.BILINEAR, reducing_gap=2.0)
        image = image.resize(size, Image.Resampling.BICUBIC)
    else:
        image = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    return Thumbnail(view.name, *size, wanted.colour, image.tobytes())


def _fitting(size: tuple[int, int], most: int) -> tuple[int, int]:
    scale = min(1.0, most / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
