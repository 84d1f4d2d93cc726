from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

from commands import environment
from hashmatch.errors import DecodeError
from hashmatch.examine.decode import (
    Picture,
    adopt_picture,
    decoders,
    missing,
    open_picture,
)
from hashmatch.model import Reason
from hashmatch.options import FORMATS, MAX_SIDE, Limits
from pictures import animation, as_mode, encode, flat, photo, photoshop

from .files import WHOLE, frames, picture
from .test_formats import brands

LIMITS = Limits()


def opened(data: bytes, limits: Limits = LIMITS) -> Picture:
    """A picture of a format that is decoded by default."""
    found = open_picture(data, FORMATS, limits)
    assert found is not None
    return found


def names(found: Picture) -> list[list[str]]:
    """The names of the views of each frame."""
    return [[view.name for view in frame] for frame in found.views()]


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of(width: int, height: int) -> bytes:
    """A PNG that claims this size, and has next to no pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(min(width, 999) + 1)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("name", "count"),
    [("png", 1), ("mpo", 3), ("gif-animated", 3), ("webp-animated", 3), ("tiff-pages", 3)],
)
def test_each_frame_has_its_views(name: str, count: int) -> None:
    """Every frame and page is decoded, in order, under its own name."""
    found = opened(WHOLE[name])
    assert (found.width, found.height) == (24, 18)
    labels = [views[0] for views in names(found)]
    assert labels == ["stored", *(f"frame:{number}" for number in range(1, count))]


def test_format_is_told_by_content() -> None:
    """A JPEG with several pictures is an MPO; others are what their first bytes say."""
    assert [opened(WHOLE[name]).format for name in ("jpeg", "mpo", "gif")] == ["JPEG", "MPO", "GIF"]
    assert open_picture(b"no picture at all", FORMATS, LIMITS) is None
    assert open_picture(b"", FORMATS, LIMITS) is None


@pytest.mark.parametrize(
    ("width", "height"),
    [(10_001, 10_000), (30_000, 30_000), (2**31 - 1, 1), (2**31 - 1, 2**31 - 1)],
)
def test_size_is_checked_before_any_pixel(width: int, height: int) -> None:
    """A header that claims too much is too large, whatever follows, and Pillow need not object."""
    with pytest.raises(DecodeError) as caught:
        opened(png_of(width, height))
    assert caught.value.reason is Reason.TOO_LARGE


def test_limit_on_pixels_is_inclusive_and_told() -> None:
    """As many pixels as the limit says are fine; one more is too large, with its size."""
    data = encode(photo(1, 30, 20), "PNG")
    assert names(opened(data, Limits(max_pixels=600))) == [["stored"]]
    with pytest.raises(DecodeError, match="30x20 is more than 599 pixels") as caught:
        opened(data, Limits(max_pixels=599))
    error = caught.value
    assert (error.reason, error.format, error.width, error.height) == (
        *(Reason.TOO_LARGE, "PNG"),
        *(30, 20),
    )


def test_limit_on_pixels_holds_for_later_pages() -> None:
    """A large page after a small one is too large, and the small one is examined."""
    pages = animation([photo(1, 20, 20), photo(2, 60, 40)], "TIFF")
    found = opened(pages, Limits(max_pixels=1000)).views()
    assert [view.name for view in next(found)] == ["stored"]
    with pytest.raises(DecodeError, match="60x40 is more than 1000 pixels"):
        next(found)


@pytest.mark.parametrize("size", [(MAX_SIDE, 1), (1, MAX_SIDE)])
def test_limit_on_sides_is_inclusive_and_told(size: tuple[int, int]) -> None:
    """As many pixels in a row as a JPEG can have are fine; one more is too large, however thin."""
    width, height = size
    assert names(opened(encode(flat(width, height), "PNG"))) == [["stored"]]
    thin = flat(width + (width > 1), height + (height > 1))
    told = f"{thin.width}x{thin.height} is more than 65535 pixels on a side"
    for kind in ("PNG", "BMP", "TIFF"):
        with pytest.raises(DecodeError, match=told) as caught:
            opened(encode(thin, kind))
        assert caught.value.reason is Reason.TOO_LARGE
    with pytest.raises(DecodeError, match=told):
        adopt_picture(thin, LIMITS)


def test_limit_on_sides_holds_for_later_pages() -> None:
    """A thin page after a small one is refused as too large before it is decoded."""
    found = opened(animation([photo(1, 20, 20), flat(1, MAX_SIDE + 1)], "TIFF")).views()
    assert [view.name for view in next(found)] == ["stored"]
    with pytest.raises(DecodeError, match="1x65536 is more than 65535 pixels on a side"):
        next(found)


def test_limit_on_bytes_is_inclusive() -> None:
    """As many bytes as the limit says are fine; one more is too large."""
    data = WHOLE["png"]
    assert names(opened(data, Limits(max_bytes=len(data)))) == [["stored"]]
    with pytest.raises(DecodeError, match=f"more than {len(data) - 1} bytes") as caught:
        opened(data, Limits(max_bytes=len(data) - 1))
    assert (caught.value.reason, caught.value.format) == (Reason.TOO_LARGE, "PNG")


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "MPO"])
def test_limit_on_frames_is_inclusive(kind: str) -> None:
    """As many frames as the limit says are fine; of more, the first ones are examined."""
    data = animation([as_mode(one, "P") if kind == "GIF" else one for one in frames()], kind)
    assert len(names(opened(data, Limits(max_frames=3)))) == 3
    found = opened(data, Limits(max_frames=2)).views()
    assert len([next(found), next(found)]) == 2
    with pytest.raises(DecodeError, match="more than 2 frames") as caught:
        next(found)
    assert caught.value.reason is Reason.FRAME_LIMIT


def test_pages_in_a_circle_end() -> None:
    """A TIFF whose directory points back to itself is examined once."""
    data = bytearray(encode(picture(), "TIFF"))
    (start,) = struct.unpack_from("<I", data, 4)
    (fields,) = struct.unpack_from("<H", data, start)
    struct.pack_into("<I", data, start + 2 + 12 * fields, start)
    assert names(opened(bytes(data))) == [["stored"]]


KEYED = {  # bits of a sample, the transparent colour and another one
    "grey-2": (2, (1,), (2,)),
    "grey-4": (4, (3,), (9,)),
    "grey-8": (8, (3,), (9,)),
    "grey-16": (16, (0x0102,), (0x7001,)),
    "rgb-8": (8, (1, 2, 3), (3, 2, 1)),
    "rgb-16": (16, (0x0102, 0x0203, 0x0304), (0x7102, 0x7203, 0x7304)),
    "rgb-16-low": (16, (1, 2, 3), (0x0101, 0x0202, 0x0303)),
}


@pytest.mark.parametrize("name", KEYED)
def test_transparent_colours_of_pngs_are_seen_whatever_their_depth(name: str) -> None:
    """What a PNG's one transparent colour uncovers is white or black, and other colours stay."""
    depth, key, other = KEYED[name]
    side = 8 if len(key) == 1 else 4
    bits = "".join(f"{level:0{depth}b}" for level in key * side + other * side)
    row = b"\x00" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    colours = 0 if len(key) == 1 else 2
    data = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 2 * side, 6, depth, colours, 0, 0, 0))
        + chunk(b"tRNS", struct.pack(f">{len(key)}H", *key))
        + chunk(b"IDAT", zlib.compress(6 * row))
        + chunk(b"IEND", b"")
    )
    (frame,) = opened(data).views()
    table = {view.name.removeprefix("scaled+"): view.whole()[0] for view in frame}
    plain = table["scaled" if name == "grey-16" else "stored"]
    for background, level in (("over-white", 255), ("over-black", 0)):
        assert (table[background][:side] == level).all()
        assert (table[background][side:] == plain[side:]).all()


@pytest.mark.parametrize("kind", ["EPS", "ICNS", "PCX", "SGI", "DDS", "QOI"])
def test_formats_that_are_rare_are_never_decoded(kind: str) -> None:
    """Rare formats, and those that start other programs, are named and unsupported."""
    with pytest.raises(DecodeError, match=f"{kind} is not decoded") as caught:
        open_picture(encode(picture(), kind), FORMATS, LIMITS)
    assert caught.value.reason is Reason.UNSUPPORTED_FORMAT


def test_formats_can_be_left_out() -> None:
    """A format that is not asked for is not decoded, though it could be."""
    with pytest.raises(DecodeError, match=r"GIF is not decoded$"):
        open_picture(WHOLE["gif"], FORMATS - {"GIF"}, LIMITS)


@pytest.mark.parametrize(
    ("name", "module", "head"),
    [("HEIF", "pillow_heif", brands(b"heic")), ("JXL", "pillow_jxl", b"\xff\x0a" + bytes(60))],
)
def test_plugins_that_are_missing_are_named(
    name: str, module: str, head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A format whose plug-in is not installed is unsupported, with the command that installs it."""
    for each in [module, *(known for known in sys.modules if known.startswith(f"{module}."))]:
        monkeypatch.setitem(sys.modules, each, None)  # what an import then finds is nothing
    missing.cache_clear()
    try:
        wanted = rf"{name} needs an extra package: pip install 'hashmatch\[{name.lower()}\]'"
        with pytest.raises(DecodeError, match=wanted) as caught:
            open_picture(head, FORMATS, LIMITS)
        assert caught.value.reason is Reason.UNSUPPORTED_FORMAT
        assert "not installed" in decoders()[name]
    finally:
        missing.cache_clear()


def test_heif_with_its_package_is_decoded() -> None:
    """With the extra package, a HEIF picture is decoded like any other."""
    heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    heif.from_pillow(photo(1, 120, 90)).save(file, quality=90)
    found = open_picture(file.getvalue(), FORMATS, LIMITS)
    assert found is not None
    assert (found.format, found.width, found.height) == ("HEIF", 120, 90)
    assert names(found) == [["stored"]]
    half = open_picture(file.getvalue()[:-200], FORMATS, LIMITS)
    assert half is not None
    with pytest.raises(DecodeError) as caught:
        names(half)
    assert caught.value.reason is Reason.TRUNCATED


def test_other_decoders_are_not_even_loaded(tmp_path: Path) -> None:
    """Examining pictures registers the decoders that are asked for, and none that are rare."""
    path = tmp_path / "one.png"
    path.write_bytes(WHOLE["png"])
    code = (
        "import sys; from hashmatch.examine.decode import *; from hashmatch.options import *;"
        "open_picture(open(sys.argv[1], 'rb').read(), frozenset({'PNG', 'GIF'}), Limits());"
        "from PIL import Image; print(*Image.OPEN)"
    )
    command = [sys.executable, "-c", code, path]
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, check=True, timeout=60
    )
    # Pillow itself always registers some, which open_picture does not let it use
    usual = {"BMP", "DIB", "GIF", "JPEG", "PNG", "PPM"}
    assert {"GIF", "PNG"} <= set(done.stdout.split()) <= usual


def test_pillows_own_limit_is_lifted_only_on_demand() -> None:
    """Under Pillow's limit, more is too large, and no crash; our own processes lift it."""
    code = (
        "import io, sys; from hashmatch.examine.decode import *; from hashmatch.options import *\n"
        "from hashmatch.errors import DecodeError\n"
        "from PIL import Image; Image.MAX_IMAGE_PIXELS = 100\n"
        "def told():\n"
        "    try: return open_picture(data, FORMATS, Limits()).width\n"
        "    except DecodeError as error: return error.reason.value\n"
        "data = sys.stdin.buffer.read(); first = told(); limit = Image.MAX_IMAGE_PIXELS\n"
        "claim_process(); print(first, limit, told())"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env=environment(), capture_output=True, input=WHOLE["png"], check=True, timeout=60
    )
    assert done.stdout.split() == [b"too_large", b"100", b"24"]


def test_every_format_has_a_decoder_to_name() -> None:
    """For each format there is a library, with its version where Pillow tells it."""
    found = decoders()
    assert set(found) == FORMATS
    assert "libjpeg-turbo " in found["JPEG"]
    assert found["GIF"] == "Pillow"
    assert found["HEIF"].startswith(("pillow-heif ", "not installed: pip install"))


@pytest.mark.parametrize(
    "name", ["png", "jpeg", "gif", "gif-animated", "webp-animated", "tiff-pages"]
)
def test_pictures_of_the_caller_are_taken_as_they_are(name: str) -> None:
    """A picture that the caller opened gives the same views, and stays at its frame."""
    expected = names(opened(WHOLE[name]))
    with Image.open(io.BytesIO(WHOLE[name])) as image:
        last = getattr(image, "n_frames", 1) - 1
        image.seek(last)
        assert names(adopt_picture(image, LIMITS)) == expected
        assert image.tell() == last


def test_pictures_of_the_caller_are_held_to_the_limits() -> None:
    """A picture that the caller opened may be too large, or turn out cut or closed."""
    with pytest.raises(DecodeError, match="320x240 is more than 100 pixels"):
        adopt_picture(flat(), Limits(max_pixels=100))
    assert names(adopt_picture(flat(), LIMITS)) == [["stored"]]
    with Image.open(io.BytesIO(WHOLE["jpeg"][:-100])) as cut:
        with pytest.raises(DecodeError) as caught:
            names(adopt_picture(cut, LIMITS))
        assert caught.value.reason is Reason.TRUNCATED
    closed = Image.open(io.BytesIO(WHOLE["png"]))
    closed.close()
    with pytest.raises(DecodeError) as caught:
        names(adopt_picture(closed, LIMITS))
    assert caught.value.reason is Reason.UNDECODABLE


def test_previews_are_of_jpegs_alone() -> None:
    """Only a JPEG has a preview: the same views, those of a large one at reduced scale."""
    large, small = (encode(photo(1, *size), "JPEG") for size in [(1300, 700), (300, 200)])
    for data, shape in ((large, (350, 650)), (small, (200, 300))):
        preview = opened(data).preview()
        assert preview is not None
        assert [view.name for view in preview] == ["stored"]
        assert preview[0].whole().shape == shape
    assert opened(encode(photo(1, 300, 300), "PNG")).preview() is None
    assert opened(WHOLE["mpo"]).preview() is None
    assert opened(large[:-500]).preview() is None
    assert adopt_picture(Image.open(io.BytesIO(large)), LIMITS).preview() is None


def headers() -> dict[str, bytes]:
    """Headers that announce far more pixels than the limits allow, and hold none."""
    wide = struct.pack(">II", 60_000, 60_000)
    png = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + wide + b"\x08\x02\x00\x00\x00"
    png += struct.pack(">I", zlib.crc32(png[12:])) + encode(picture(), "PNG")[33:]
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(png), 22)
    dib = struct.pack("<IiiHHIIiiII", 40, 60_000, 120_000, 1, 24, 0, 0, 0, 0, 0, 0)
    return {
        "ICO of PNG": struct.pack("<HHH", 0, 1, 1) + entry + png,
        "ICO of bitmap": struct.pack("<HHH", 0, 1, 1)
        + entry[:8]
        + struct.pack("<II", 40, 22)
        + dib,
        "PSD": struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, 60_000, 60_000, 8, 3) + bytes(14),
        "PNM": b"P6\n60000 60000 255\n" + bytes(99),
        "PNM of giant numbers": b"P5\n999999999 999999999 255\n" + bytes(99),
        "PFM": b"PF\n60000 60000\n-1.0\n" + bytes(99),
        "TGA": struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 60_000, 60_000, 24, 0),
        "JXL": b"\xff\x0a" + (2 << 1 | 59_999 << 3 | 1 << 21 | 1 << 24).to_bytes(8, "little"),
    }


@pytest.mark.parametrize("name", headers())
def test_headers_are_over_the_limits_before_any_pixel_is_decoded(name: str) -> None:
    """A header that announces more pixels than allowed makes a file too large."""
    if name == "JXL" and missing("JXL"):
        pytest.skip("its plug-in is not installed")
    with pytest.raises(DecodeError) as caught:
        open_picture(headers()[name], FORMATS, LIMITS)
    assert caught.value.reason is Reason.TOO_LARGE


def test_icons_of_very_many_sizes_reach_the_frame_limit() -> None:
    """Of an icon with 300 pictures only so many as a file may have frames are examined."""
    bitmap = encode(photo(1, 16, 16), "PNG")
    entries = [
        struct.pack(
            "<BBBBHHII", 16, 16, 0, 0, 1, 32, len(bitmap), 6 + 300 * 16 + number * len(bitmap)
        )
        for number in range(300)
    ]
    found = opened(struct.pack("<HHH", 0, 1, 300) + b"".join(entries) + bitmap * 300)
    seen = found.views()
    with pytest.raises(DecodeError) as caught:
        for number, _ in enumerate(seen, 1):  # noqa: B007 # the last one counts
            pass
    assert caught.value.reason is Reason.FRAME_LIMIT
    assert number == LIMITS.max_frames + 1


def test_photoshop_without_a_composite_is_unsupported() -> None:
    """A missing composite, and samples that Pillow does not read, are reported."""
    for data, words in (
        (photoshop(picture(), composite=False), "no composite"),
        (photoshop(picture(), depth=16), "16 bits"),
    ):
        with pytest.raises(DecodeError, match=words) as caught:
            open_picture(data, FORMATS, LIMITS)
        assert caught.value.reason is Reason.UNSUPPORTED_FORMAT
