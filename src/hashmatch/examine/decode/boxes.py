"""The outermost boxes of HEIF and AVIF files (ISO/IEC 14496-12, 4.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_OF_PICTURES = frozenset(
    b"ftyp etyp pdin meta meco mdat moov moof mfra sidx ssix prft emsg styp free skip wide"
    b" uuid".split()
)


class Box(NamedTuple):
    """A box: what it is, and where it, its content and whatever follows begin."""

    kind: bytes
    start: int
    content: int
    end: int


def outer_boxes(data: bytes, start: int = 0) -> Iterator[Box]:
    """Yield the boxes in their order, as long as their sizes fit in the data."""
    while start + 8 <= len(data):
        size, content = int.from_bytes(data[start : start + 4], "big"), start + 8
        if size == 0:  # to the end of the file
            size = len(data) - start
        elif size == 1:
            size, content = int.from_bytes(data[start + 8 : start + 16], "big"), start + 16
        end = start + size
        if end < content or end > len(data):
            return
        yield Box(data[start + 4 : start + 8], start, content, end)
        start = end


def boxes_end(data: bytes, start: int = 0) -> int | None:
    """Return where a picture ends, and other files may begin; None if it is cut.

    That is the content of the first box that no picture needs, such as ``mpvd``, in which phones
    put the video of a motion photo; or where the next file or anything else but boxes begins.
    """
    end = start
    for box in outer_boxes(data, start):
        if box.kind == b"ftyp" and box.start > start:
            return box.start
        if box.kind not in _OF_PICTURES:
            return box.content if box.kind.isalnum() else box.start
        end = box.end
    return None if data[end + 4 : end + 8] in _OF_PICTURES else end


def own_boxes(data: bytes) -> frozenset[bytes]:
    """The kinds of a picture's boxes: ``meta`` has its single pictures, ``moov`` a sequence.

    Viewers skip boxes that they do not know, so these end nothing here; another file does.
    """
    found: set[bytes] = set()
    for box in outer_boxes(data):
        if box.kind == b"ftyp" and box.start:
            break
        found.add(box.kind)
    return frozenset(found)
