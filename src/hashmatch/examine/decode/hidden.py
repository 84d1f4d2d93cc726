"""Pictures inside a picture's file that its decoder leads past.

A camera raw keeps its sensor's own data beside JPEGs of several sizes, and a pyramid its levels in
SubIFDs. To look at the first directory alone would mean to judge such a file by its thumbnail.
"""

from __future__ import annotations

from dataclasses import dataclass

from hashmatch.examine.decode.jpeg import embedded_jpegs
from hashmatch.examine.decode.tiff import from_directory, is_raw, sub_directories

RAW_FORMATS = frozenset({"CR3", "CRW", "MRW", "ORF", "RAF", "RW2", "X3F"})
"""Camera raws with a magic number of their own; others are TIFFs."""

_MOST_JPEGS = 64


@dataclass(frozen=True, slots=True)
class HiddenPictures:
    """What a file holds beside the frames that its decoder shows.

    Attributes:
        pictures: each one's view, the format to decode it as, and its bytes.
        is_raw: a sensor's own data is there too, which is not decoded.
    """

    pictures: tuple[tuple[str, str, bytes], ...] = ()
    is_raw: bool = False


def largest_jpeg(data: bytes) -> bytes | None:
    """The JPEG with the most pixels inside a camera raw; None where there is none."""
    found = max(embedded_jpegs(data, _MOST_JPEGS), key=lambda each: each.pixels, default=None)
    return None if found is None else data[found.start : found.end]


def find_hidden(picture_format: str, data: bytes, most: int) -> HiddenPictures:
    """Find what else to look at in a file.

    Args:
        picture_format: by content.
        data: the whole file.
        most: how many pictures to name at most.
    """
    if picture_format in RAW_FORMATS:
        return HiddenPictures(is_raw=True)
    if picture_format != "TIFF":
        return HiddenPictures()
    raw = is_raw(data)
    pictures: list[tuple[str, str, bytes]] = []
    for each in sub_directories(data)[: most + 1]:
        raw |= each.is_raw
        if each.jpeg is not None:
            pictures.append((f"sub:{len(pictures) + 1}", "JPEG", data[slice(*each.jpeg)]))
        elif not each.is_raw:
            tiff = from_directory(data, each.place)
            pictures.append((f"sub:{len(pictures) + 1}", "TIFF", tiff))
    jpeg = largest_jpeg(data) if raw else None
    if jpeg is not None and all(jpeg != other for _, _, other in pictures):
        pictures.append(("embedded", "JPEG", jpeg))
    return HiddenPictures(tuple(pictures), raw)
