"""What a viewer shows of odd and damaged files is hashed, and the reason stays beside it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import imagehash
import numpy as np
import pytest
from PIL import Image

from hashmatch import (
    Entry,
    HashKind,
    HashList,
    Matcher,
    PerceptualHash,
    Reason,
    Verdict,
    hamming_distance,
)
from hashmatch.examine.examination import examine
from hashmatch.model import Examination
from hashmatch.options import ExamineOptions
from pictures import animation, as_mode, encode, hide_colours, padded, photo

from .raws import directory, raw

OPTIONS = ExamineOptions(kinds=(HashKind("phash", 64),), fast=True)
SHOWN = photo(7, 320, 240)
GREY = as_mode(SHOWN, "L")
OTHER = photo(8, 320, 240)


def distance(found: Examination, picture: Image.Image) -> int:
    """Bits between a picture and the view that is nearest to it."""
    wanted = PerceptualHash.from_imagehash(imagehash.phash(picture))
    return min(hamming_distance(view.hashes[0], wanted) for view in found.views)


def tiff(
    samples: np.ndarray, photometric: int, *, kind: int = 1, order: str = "<", extra: bytes = b""
) -> bytes:
    """A TIFF of one uncompressed strip, as other programs write it."""
    height, width = samples.shape
    data = samples.tobytes()
    bits = 8 * samples.dtype.itemsize
    values = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1}
    values |= {278: height, 279: len(data), 339: kind}
    fields = b"".join(
        struct.pack(f"{order}HHI", tag, 3 if value < 1 << 16 and tag != 279 else 4, 1)
        + (
            struct.pack(f"{order}HH", value, 0)
            if value < 1 << 16 and tag != 279
            else struct.pack(f"{order}I", value)
        )
        for tag, value in sorted(values.items())
    )
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8 + len(data))
    return head + data + struct.pack(f"{order}H", len(values)) + fields + bytes(4) + extra


WIDE = np.asarray(GREY).astype(np.uint16) * 257
REAL = np.asarray(GREY).astype(np.float32) / 255


def test_white_is_zero_in_either_byte_order() -> None:
    """Worker processes, whose Pillow is ours to set up, read big-endian samples as well."""
    wanted = PerceptualHash.from_imagehash(imagehash.phash(GREY))
    data = tiff((65535 - WIDE).astype(">u2"), 0, order=">")
    with Matcher(HashList.from_entries([Entry("it", wanted)], name="list")) as matcher:
        outcome = matcher.match(data)
    assert (outcome.verdict, outcome.reason) == (Verdict.MATCH, None)
    assert outcome.matches[0].view == "scaled"


def with_spot(values: np.ndarray, level: float) -> np.ndarray:
    """The same with one pixel far above all others."""
    spotted = values.copy()
    spotted[5, 5] = level
    return spotted


@pytest.mark.parametrize(
    "data",
    [
        tiff(65535 - WIDE, 0),
        tiff(4095 - WIDE // 16, 0),
        tiff((1 - REAL).astype(np.float32), 0, kind=3),
        tiff(255 - np.asarray(GREY), 0),
    ],
    ids=["16-bit", "12-bit", "float", "8-bit"],
)
def test_white_is_zero(data: bytes) -> None:
    """Greys that count from white are looked up as they look, whatever their depth."""
    found = examine(data, OPTIONS)
    assert found.reason is None
    assert distance(found, GREY) <= 4


@pytest.mark.parametrize(
    "data",
    [
        tiff(with_spot(REAL, 1000), 1, kind=3),
        tiff(with_spot(REAL, -1000), 1, kind=3),
        tiff(with_spot(WIDE // 256, 65535), 1),
        tiff(with_spot(WIDE // 16, 65535), 1),
        tiff(with_spot(REAL, np.inf), 1, kind=3),
    ],
    ids=["highlight", "hole", "8-of-16-bits", "12-of-16-bits", "infinite"],
)
def test_one_pixel_does_not_hide_all_others(data: bytes) -> None:
    """A highlight far beyond white, or a hot pixel, leaves the rest as viewers show it."""
    assert distance(examine(data, OPTIONS), GREY) <= 4


def tagged(picture: Image.Image, kind: str, orientation: int) -> bytes:
    """A picture as it lies, with a tag that says it lies otherwise."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(picture, kind, exif=exif)


@pytest.mark.parametrize("orientation", [2, 3, 6, 8])
@pytest.mark.parametrize(
    ("picture", "kind", "shown"),
    [
        (hide_colours(SHOWN, "red"), "PNG", None),
        (hide_colours(SHOWN, "red"), "WEBP", None),
        (padded(SHOWN, 0.15, "white"), "JPEG", SHOWN),
        (padded(SHOWN, 0.15, "black"), "PNG", SHOWN),
    ],
    ids=["transparent-png", "transparent-webp", "bordered-jpeg", "bordered-png"],
)
def test_readings_combine_with_both_orientations(
    picture: Image.Image, kind: str, shown: Image.Image | None, orientation: int
) -> None:
    """Whatever is looked up of a frame is looked up as it lies and upright: viewers differ."""
    if shown is None:
        shown = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    assert distance(examine(tagged(picture, kind, orientation), OPTIONS), shown) <= 4


def pyramid() -> bytes:
    """A TIFF whose full picture is an uncompressed level in a SubIFD."""
    pixels = np.asarray(GREY).tobytes()
    sub = {254: (4, 1, 1), 256: (4, 1, 320), 257: (4, 1, 240), 258: (3, 1, 8), 259: (3, 1, 1)}
    sub |= {262: (3, 1, 1), 273: (4, 1, 8), 277: (3, 1, 1), 278: (4, 1, 240)}
    sub[279] = (4, 1, len(pixels))
    place = 8 + len(pixels)
    body = directory(sub)
    small = bytes(64)
    main = {256: (4, 1, 8), 257: (4, 1, 8), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1)}
    main |= {273: (4, 1, place + len(body)), 277: (3, 1, 1), 278: (4, 1, 8), 279: (4, 1, 64)}
    main[330] = (4, 1, place)
    head = b"II*\0" + struct.pack("<I", place + len(body) + 64)
    return head + pixels + body + small + directory(main)


JPEG = encode(SHOWN, "JPEG", quality=92)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (raw(JPEG), Reason.UNSUPPORTED_FORMAT),
        (raw(JPEG, sensor=False), None),
        (raw(encode(GREY, "JPEG"), sensor=False, stripped=True), None),
        (pyramid(), None),
        (b"FUJIFILMCCD-RAW 0201" + bytes(200) + JPEG + bytes(5000), Reason.UNSUPPORTED_FORMAT),
        (b"IIRO\x08\0\0\0" + bytes(64) + JPEG + bytes(5000), Reason.UNSUPPORTED_FORMAT),
        (
            b"IIU\0\x08\0\0\0"
            + encode(OTHER, "JPEG")
            + bytes(64)
            + encode(SHOWN.resize((640, 480)), "JPEG"),
            Reason.UNSUPPORTED_FORMAT,
        ),
    ],
    ids=["dng", "nef", "strip", "pyramid", "raf", "orf", "rw2"],
)
def test_pictures_behind_a_thumbnail_are_looked_at(data: bytes, reason: Reason | None) -> None:
    """Raws and pyramids are judged by the picture in them; sensor data leaves them unscanned."""
    found = examine(data, OPTIONS)
    assert found.reason is reason
    assert distance(found, SHOWN) <= 4


def gif_frame(picture: Image.Image, x: int = 0, y: int = 0) -> bytes:
    """One frame of a GIF, with a palette of its own."""
    data = encode(as_mode(picture, "P"), "GIF")
    colours = 3 * (2 << (data[10] & 7))
    begin = data.index(b",", 13 + colours)
    flags = 0x80 | (data[10] & 7) | (data[begin + 9] & 0x40)
    place = struct.pack("<4HB", x, y, *picture.size, flags)
    return b"\x21\xf9\x04\0\x32\0\0\0," + place + data[13 : 13 + colours] + data[begin + 10 : -1]


def gif(*frames: bytes) -> bytes:
    """A GIF whose screen is as large as the picture that is shown."""
    return b"GIF89a" + struct.pack("<HHBBB", 320, 240, 0, 0, 0) + b"".join(frames) + b";"


DOT = Image.new("RGB", (50, 50), "white")
WIDER = Image.new("RGB", (640, 240))
WIDER.paste(SHOWN, (0, 0))
WIDER.paste(OTHER, (320, 0))
TALLER = Image.new("RGB", (320, 480))
TALLER.paste(SHOWN, (0, 0))
TALLER.paste(OTHER, (0, 240))


@pytest.mark.parametrize(
    "data",
    [
        gif(gif_frame(DOT), gif_frame(DOT, 3000, 3000), gif_frame(SHOWN)),
        gif(gif_frame(DOT), gif_frame(WIDER)),
        gif(gif_frame(DOT), gif_frame(TALLER)),
        gif(gif_frame(WIDER)),
    ],
    ids=["outside", "wider", "taller", "first"],
)
def test_gif_frames_are_clipped_to_the_screen(data: bytes) -> None:
    """Of a frame that lies partly outside of the screen, what the screen shows is hashed."""
    assert distance(examine(data, OPTIONS), SHOWN) <= 8


def chunk(kind: bytes, data: bytes, error: int = 0) -> bytes:
    """A PNG chunk, with a wrong checksum if asked for."""
    return (
        struct.pack(">I", len(data))
        + kind
        + data
        + struct.pack(">I", zlib.crc32(kind + data) ^ error)
    )


PNG = encode(SHOWN, "PNG")
LOSSLESS = encode(
    hide_colours(SHOWN, "red"), "WEBP", lossless=True, exif=b"Exif\0\0II*\0" + bytes(40)
)


def with_chunk(extra: bytes) -> bytes:
    """The PNG with one more chunk behind its header."""
    return PNG[:33] + extra + PNG[33:]


@pytest.mark.parametrize(
    "data",
    [
        with_chunk(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 21)))),
        with_chunk(chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(1 << 21)))),
        with_chunk(chunk(b"tEXt", b"Comment\0hello", error=1)),
        with_chunk(chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(500)), error=1)),
        with_chunk(chunk(b"eXIf", b"MM\0*nothing", error=1)),
        with_chunk(chunk(b"pHYs", b"\0\0\0\1")),
        with_chunk(chunk(b"sRGB", b"")),
    ],
    ids=["zTXt", "iTXt", "tEXt", "iCCP", "eXIf", "pHYs", "sRGB"],
)
def test_metadata_keeps_no_png_from_being_looked_at(data: bytes) -> None:
    """Chunks that no pixel depends on change nothing, and the file counts as whole."""
    found = examine(data, OPTIONS)
    assert (found.reason, distance(found, SHOWN)) == (None, 0)


@pytest.mark.parametrize(
    "data",
    [
        JPEG[:-2],
        JPEG[: -len(JPEG) // 100],
        encode(SHOWN, "JPEG", progressive=True)[:-2],
        PNG[:-12],
        encode(as_mode(SHOWN, "P"), "GIF")[:-1],
        LOSSLESS[:-20],
    ],
    ids=["jpeg", "jpeg-1%", "progressive", "png", "gif", "webp"],
)
def test_files_without_their_end_are_looked_at(data: bytes) -> None:
    """A file that lost its end is hashed as far as it goes, and is still called truncated."""
    found = examine(data, OPTIONS)
    assert found.reason is Reason.TRUNCATED
    shown = (
        Image.alpha_composite(Image.new("RGBA", SHOWN.size, "white"), hide_colours(SHOWN, "red"))
        if found.format == "WEBP"
        else SHOWN
    )
    assert distance(found, shown) <= 8


def second_start(data: bytes) -> int:
    """Where the second picture of an MPO begins."""
    at = data.index(b"\xff\xd8\xff", 100)
    while data[at - 2 : at] != b"\xff\xd9":
        at = data.index(b"\xff\xd8\xff", at + 1)
    return at


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[: second_start(data)],
        lambda data: data[: second_start(data)] + bytes(64),
        lambda data: data[: second_start(data)] + b"a gain map that was here once" * 400,
    ],
    ids=["cut", "padded", "replaced"],
)
def test_an_index_of_what_is_not_there(change: Callable[[bytes], bytes]) -> None:
    """A JPEG whose index of further pictures leads nowhere is the one picture that it is."""
    data = animation([SHOWN, OTHER], "MPO")
    found = examine(change(data), OPTIONS)
    assert (found.format, found.reason, distance(found, SHOWN)) == ("JPEG", None, 0)
    assert distance(examine(data, OPTIONS), OTHER) == 0


def files_that_viewers_show() -> dict[str, bytes]:
    """The files of these tests by name, for tests of what else is true of them."""
    tests = (
        test_white_is_zero,
        test_one_pixel_does_not_hide_all_others,
        test_pictures_behind_a_thumbnail_are_looked_at,
        test_gif_frames_are_clipped_to_the_screen,
        test_metadata_keeps_no_png_from_being_looked_at,
        test_files_without_their_end_are_looked_at,
    )
    found = {}
    for test in tests:
        (mark,) = (each for each in test.pytestmark if each.name == "parametrize")
        for number, values in enumerate(mark.args[1]):
            data = values[0] if isinstance(values, tuple) else values
            found[f"{test.__name__}-{number}"] = data
    mpo = animation([SHOWN, OTHER], "MPO")
    return found | {
        "tagged.png": tagged(hide_colours(SHOWN, "red"), "PNG", 6),
        "tagged.webp": tagged(hide_colours(SHOWN, "red"), "WEBP", 3),
        "index-without-second.jpg": mpo[: second_start(mpo)],
    }
