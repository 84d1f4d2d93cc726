"""Find the pictures in a file that its decoder passes over.

A camera raw has JPEGs of several sizes beside the sensor's data, and a pyramid has its levels in
SubIFDs. The first directory alone would often be just the thumbnail.
"""

from __future__ import annotations

from dataclasses import dataclass

from hashmatch.examine.decode.formats import RAW_FORMATS, decoder_of
from hashmatch.examine.decode.icons import icons
from hashmatch.examine.decode.jpeg import embedded_jpegs
from hashmatch.examine.decode.jxl import read_jxl_header
from hashmatch.examine.decode.netpbm import following
from hashmatch.examine.decode.tiff import from_directory, is_raw, sub_directories

_MOST_JPEGS = 64
_SENSOR = "the sensor's own data is not decoded"


@dataclass(frozen=True, slots=True)
class HiddenPictures:
    """What a file contains besides the frames that its decoder shows.

    Attributes:
        pictures: for each, the name of its view, the format to decode it as, and its bytes.
        left_out: what else there is and is not decoded, in words; None if there is nothing.
    """

    pictures: tuple[tuple[str, str, bytes], ...] = ()
    left_out: str | None = None


def largest_jpeg(data: bytes) -> bytes | None:
    """Return the JPEG with the most pixels inside a camera raw; None if there is none."""
    found = max(embedded_jpegs(data, _MOST_JPEGS), key=lambda each: each.pixels, default=None)
    return None if found is None else data[found.start : found.end]


def find_hidden(picture_format: str, data: bytes, most: int) -> HiddenPictures:
    """Find what else to decode in a file: ``most`` pictures, and another if there are more."""
    if picture_format in RAW_FORMATS:
        return HiddenPictures(left_out=_SENSOR)
    if decoder_of(picture_format) == "ICO":
        others = icons(data, most + 2)[1:]
        return HiddenPictures(
            tuple((f"size:{number}", each[0], each[1]) for number, each in enumerate(others, 2))
        )
    if picture_format == "PNM":
        rows = enumerate(following(data, most + 1), 1)
        return HiddenPictures(tuple((f"frame:{number}", "PNM", each) for number, each in rows))
    if picture_format == "JXL":
        header = read_jxl_header(data)
        animated = header is not None and header.animated
        return HiddenPictures(
            left_out="frames after the first are not decoded" if animated else None
        )
    return _in_tiff(data, most) if picture_format == "TIFF" else HiddenPictures()


def _in_tiff(data: bytes, most: int) -> HiddenPictures:
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
    return HiddenPictures(tuple(pictures), _SENSOR if raw else None)
