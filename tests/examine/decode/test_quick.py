"""JPEGs decoded by simplejpeg, and JPEGs that need no second look."""

from __future__ import annotations

import random
import struct
import sys
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from counts import examples
from hashmatch.examine.decode import decoders, open_picture, plain_jpeg
from hashmatch.examine.decode.jpeg import jpeg_segments, scan_end
from hashmatch.examine.decode.progressive import is_complete, without_luma_detail
from hashmatch.examine.decode.quick import (
    agrees_with_pillow,
    quick_grey,
    quick_pixels,
    top_row,
)
from hashmatch.examine.extras import optional
from hashmatch.examine.picture_hashes import hash_picture
from hashmatch.model import Examination, HashKind
from hashmatch.options import FORMATS, ExamineOptions, Limits
from pictures import checkered, encode, photo, scene, with_orientation

KINDS = (HashKind("phash", 64), HashKind("dhash", 256))

pytestmark = pytest.mark.skipif(
    optional("simplejpeg") is None, reason="simplejpeg is not installed"
)


def _saved(picture: Image.Image, **options: Any) -> bytes:
    file = BytesIO()
    picture.save(file, "JPEG", **options)
    return file.getvalue()


def _examined(data: bytes, *, known: bool, fast: bool) -> Examination:
    """The examination of a JPEG, by way of its preview or as any other file."""
    plain = plain_jpeg(data) if known else None
    options = ExamineOptions(kinds=KINDS, fast=fast)
    return hash_picture(lambda: open_picture(data, FORMATS, Limits(), plain), options)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize(
    "options",
    [
        {"quality": 90},
        {"quality": 30, "subsampling": 0},
        {"quality": 75, "subsampling": 1, "progressive": True},
        {"quality": 85, "subsampling": 0, "progressive": True, "restart_marker_rows": 3},
        {"quality": 85, "keep_rgb": True},
    ],
)
def test_a_quick_preview_has_the_pixels_of_pillows(mode: str, options: dict[str, Any]) -> None:
    """At every scale, both decoders give the same grey levels, to the last one."""
    if mode == "L":
        options = {name: value for name, value in options.items() if name != "keep_rgb"}
    for size in ((200, 131), (641, 483), (1003, 1300)):
        data = _saved(photo(7, *size).convert(mode), **options)
        jpeg = plain_jpeg(data)
        assert jpeg is not None
        assert (jpeg.width, jpeg.height) == size
        for scale in (1, 2, 4, 8):
            image = Image.open(BytesIO(data))
            least = (size[0] // scale, size[1] // scale)
            image.draft("L" if scale == 1 else "RGB", least)
            grey = quick_grey(data, jpeg, scale)
            assert grey is not None
            assert np.array_equal(np.asarray(grey), np.asarray(image.convert("L")))


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0", "4:1:1"])
@pytest.mark.parametrize("progressive", [False, True])
def test_full_pictures_and_top_rows_have_the_pixels_of_pillows(
    mode: str, subsampling: str, progressive: bool
) -> None:
    """Both decoders give the same picture, and the first row alone equals that of the whole."""
    for size in ((200, 131), (67, 9), (1003, 650)):
        picture = photo(11, *size).convert(mode)
        options: dict[str, Any] = {} if mode == "L" else {"subsampling": subsampling}
        data = _saved(picture, quality=70, progressive=progressive, **options)
        jpeg = plain_jpeg(data)
        assert jpeg is not None
        found = quick_pixels(data, jpeg)
        assert found is not None
        image = Image.open(BytesIO(data))
        assert found.convert("RGB").tobytes() == image.convert("RGB").tobytes()
        row = top_row(data, jpeg)
        expected = image.convert("L").tobytes()[: size[0]]
        assert row == expected


@pytest.mark.parametrize("fast", [True, False])
def test_without_simplejpeg_pillow_finds_the_same(
    fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scenes with skies, walls and bars have the same examination by Pillow alone."""
    files = [
        _saved(scene(seed, *size), quality=85, progressive=seed % 5 == 0)
        for seed in range(12, 30)
        for size in ((200, 160), (640, 500))
    ]
    quick = [_examined(data, known=True, fast=fast) for data in files]
    monkeypatch.setattr("hashmatch.examine.decode.quick.optional", lambda _: None)
    assert quick == [_examined(data, known=True, fast=fast) for data in files]
    assert not fast or 0 < sum(found.exact for found in quick) < len(files) / 2


def test_where_simplejpeg_is_not_installed_pillow_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package nothing fails, and ``doctor`` names Pillow's decoder alone."""
    data = encode(photo(12, 700, 500), "JPEG")
    found = _examined(data, known=True, fast=True)
    caches = (optional, agrees_with_pillow)
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    try:
        for cached in caches:
            cached.cache_clear()
        assert optional("simplejpeg") is None
        assert _examined(data, known=True, fast=True) == found
        assert "simplejpeg" not in decoders()["JPEG"]
    finally:
        monkeypatch.undo()
        for cached in caches:
            cached.cache_clear()


@pytest.mark.parametrize("fast", [True, False])
def test_a_plain_jpeg_is_examined_like_any_other(fast: bool) -> None:
    """Whether its header was read in one walk changes nothing in its examination."""
    pictures = [encode(photo(3, width, 300), "JPEG") for width in (130, 250, 900)]
    pictures += [encode(photo(4, 100, 90), "JPEG"), _saved(checkered(), quality=50)]
    pictures += [with_orientation(photo(5, 400, 300), 6)]
    pictures += [_saved(photo(6, 300, 300), comment=b"a comment", dpi=(72, 72))]
    for data in pictures:
        assert plain_jpeg(data) is not None
        assert _examined(data, known=True, fast=fast) == _examined(data, known=False, fast=fast)


def test_what_needs_a_second_look_is_not_plain() -> None:
    """Files that are cut, hold more pictures or have something behind them are not plain."""
    data = encode(photo(8, 160, 160), "JPEG")
    assert plain_jpeg(data) is not None
    mpf = b"\xff\xe2" + struct.pack(">H", 14) + b"MPF\0II*\0" + bytes(4)
    for other in (
        data[:-1],
        data[:-2],
        data + b"\0",
        data + data,
        data[:2] + mpf + data[2:],
        data[:2] + b"\0" + data[2:],
        _saved(photo(8, 160, 160).convert("CMYK")),
        encode(photo(8, 160, 160), "PNG"),
        b"\xff\xd8\xff\xd9",
        b"",
    ):
        assert plain_jpeg(other) is None


def _eighth_by_pillow(data: bytes) -> bytes | None:
    """The grey levels that Pillow decodes at an eighth of the size; None if it fails."""
    try:
        image = Image.open(BytesIO(data), formats=("JPEG",))
        image.draft("RGB", (image.width // 8, image.height // 8))
        return image.convert("L").tobytes()
    except (OSError, SyntaxError, ValueError):
        return None


_PROGRESSIVE = [
    _saved(photo(15, 330, 250), quality=quality, subsampling=subsampling, progressive=True)
    for quality, subsampling in ((85, 2), (40, 0), (75, 1))
]


def test_a_progressive_preview_leaves_most_of_the_file_out() -> None:
    """The data of luma's further scans go, all headers stay; other files stay as they are."""
    for data in _PROGRESSIVE:
        jpeg = plain_jpeg(data)
        assert jpeg is not None
        left = without_luma_detail(data, jpeg)
        assert len(left) < len(data) / 2
        assert left.count(b"\xff\xda") == data.count(b"\xff\xda") == 10
        assert without_luma_detail(left, jpeg) == left
    data = _saved(photo(15, 330, 250))
    jpeg = plain_jpeg(data)
    assert jpeg is not None
    assert without_luma_detail(data, jpeg) is data


@pytest.mark.parametrize("marker", [b"\xff\xc4", b"\xff\xe5", b"\xff\x01", b"\xff\xd9"])
def test_a_progressive_jpeg_with_a_strange_end_is_decoded_whole(marker: bytes) -> None:
    """Pillow refuses one whose last scan breaks off in a segment, and so must a preview."""
    data = _PROGRESSIVE[0]
    other = data[:-500] + marker + data[-498:]
    jpeg = plain_jpeg(data)
    assert jpeg is not None
    assert not is_complete(other, jpeg)
    assert without_luma_detail(other, jpeg) is other


_SIZE = (320, 240)
_TABLES = (0xC4, 0xDB)


def _scans_of(picture: Image.Image, number: int, **options: Any) -> bytes:
    """All that follows the header of a grey picture's frame, as scans of a component."""
    data = _saved(picture.convert("L"), **options)
    frame = data.index(b"\xff\xc2" if options else b"\xff\xc0")
    body = data[frame + 2 + int.from_bytes(data[frame + 2 : frame + 4]) : -2]
    return body.replace(b"\xff\xda\0\x08\1\1", b"\xff\xda\0\x08\1" + bytes([number]))


def _in_scans(frame: int, components: list[tuple[int, int]], *scans: bytes) -> bytes:
    """A JPEG whose components, each a number and how finely it is sampled, have own scans."""
    grey = _saved(Image.new("L", _SIZE))
    header = struct.pack(">BBHBHHB", 0xFF, frame, 17, 8, *reversed(_SIZE), 3)
    return b"".join(
        (
            grey[:2],
            *(
                grey[place : place + 2 + size]
                for marker, place, size in jpeg_segments(grey)
                if marker in _TABLES
            ),
            header,
            *(bytes([number, factors, 0]) for number, factors in components),
            *scans,
            grey[-2:],
        )
    )


def _one_over_another() -> bytes:
    """A sequential JPEG whose luma comes twice: as means of blocks, and then another picture.

    Such a file has no scans for some coefficients alone, so the last picture is what it shows.
    """
    means = photo(21, _SIZE[0] // 8, _SIZE[1] // 8).resize(_SIZE, Image.Resampling.NEAREST)
    cover, hidden, plain = (
        _scans_of(each, 1) for each in (means, photo(22, *_SIZE), Image.new("L", _SIZE, 128))
    )
    every = b"\1\1\0\0\x3f\0"
    return _in_scans(
        0xC0,
        [(1, 0x11), (2, 0x11), (3, 0x11)],
        cover.replace(every, b"\1\1\0\0\0\0"),
        hidden.replace(every, b"\1\1\0\1\x3f\0"),
        *(plain.replace(every, bytes([1, number, 0, 0, 63, 0])) for number in (2, 3)),
    )


def _one_number_for_two() -> bytes:
    """A progressive JPEG whose luma is the coarser of two components with the same number."""
    half = photo(22, _SIZE[0] // 2, _SIZE[1] // 2)
    return _in_scans(
        0xC2,
        [(1, 0x11), (1, 0x22), (2, 0x22)],
        _scans_of(half, 1, progressive=True),
        _scans_of(Image.new("L", _SIZE, 128), 2, progressive=True),
    )


@pytest.mark.parametrize("data", [_one_over_another(), _one_number_for_two()])
def test_no_scan_that_shows_in_a_preview_is_left_out(data: bytes) -> None:
    """Files made to hide a picture from previews have the preview that Pillow gives."""
    jpeg = plain_jpeg(data)
    assert jpeg is not None
    assert without_luma_detail(data, jpeg) is data
    found, expected = quick_grey(data, jpeg, 8), _eighth_by_pillow(data)
    assert expected is not None
    assert found is None or found.tobytes() == expected


@settings(examples(400), derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_damaged_progressive_jpeg_has_the_preview_that_pillow_gives(seed: int) -> None:
    """What is left out of the file hides no damage: both fail, or give the same pixels."""
    rng = random.Random(seed)
    data = bytearray(rng.choice(_PROGRESSIVE))
    scans = [place for place in range(len(data)) if data.startswith(b"\xff\xda", place)]
    for _ in range(rng.randint(1, 3)):
        near = rng.choice([0, *scans])
        place = rng.choice([rng.randrange(2, len(data) - 2), near + rng.randrange(2, 12)])
        data[place] = rng.choice([rng.randrange(256), data[place] ^ 1 << rng.randrange(8)])
    jpeg = plain_jpeg(bytes(data))
    if jpeg is not None:
        found = quick_grey(bytes(data), jpeg, 8)
        if found is not None:
            assert found.tobytes() == _eighth_by_pillow(bytes(data))


@given(
    before=st.lists(st.sampled_from([b"\xff", b"\0", b"\xd9", b"ab"]), max_size=12),
    mark=st.sampled_from([b"", b"\xff\xd8", b"\xff\xd9"]),
    start=st.integers(0, 8),
    step=st.integers(1, 8),
)
def test_a_scan_ends_at_one_place_however_it_is_sought(
    before: list[bytes], mark: bytes, start: int, step: int
) -> None:
    """Short scans are searched by an expression, and long ones by NumPy in steps."""
    data = b"".join([*before, mark, b"\xff\xd9"])
    by_expression = scan_end(data, start)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hashmatch.examine.decode.jpeg._SMALL", -100)
        patch.setattr("hashmatch.examine.decode.jpeg._SEARCH_STEP", step)
        assert scan_end(data, start) == by_expression


_BASE = {
    progressive: _saved(photo(9, 160, 140), quality=80, progressive=progressive)
    for progressive in (False, True)
}


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32 - 1), progressive=st.booleans(), fast=st.booleans())
def test_a_damaged_jpeg_is_examined_like_any_other(
    seed: int, progressive: bool, fast: bool
) -> None:
    """Damage that leaves a JPEG plain gives the same examination by both ways."""
    rng = random.Random(seed)
    data = bytearray(_BASE[progressive])
    header = rng.random() < 0.5
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(2, 630 if header else len(data) - 2)
        data[place] = rng.choice([rng.randrange(256), data[place] ^ 1 << rng.randrange(8)])
    found = _examined(bytes(data), known=True, fast=fast)
    assert found == _examined(bytes(data), known=False, fast=fast)
