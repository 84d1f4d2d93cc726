"""PNGs decoded by libspng."""

from __future__ import annotations

import random
import struct
import sys
import zlib
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from counts import examples
from hashmatch.examine.decode import decoders
from hashmatch.examine.decode.quick_png import (
    PlainPng,
    plain_png,
    quick_png,
)
from hashmatch.examine.extras import OwnProcess, optional
from pictures import encode, photo, scene

from .own_process import examined, quick_and_slow

pytestmark = pytest.mark.skipif(optional("pyspng") is None, reason="pyspng is not installed")

PLAIN = ("L", "RGB", "RGBA")

_saved = partial(encode, format="PNG")


@pytest.fixture(autouse=True)
def _in_a_process_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OwnProcess, "claimed", True)


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + checksum


def _with_chunk(data: bytes, name: bytes, content: bytes) -> bytes:
    return data[:33] + _chunk(name, content) + data[33:]


def _see_through(picture: Image.Image) -> Image.Image:
    picture = picture.convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    return picture


@pytest.mark.parametrize("mode", PLAIN)
def test_it_has_the_pixels_of_pillows(mode: str) -> None:
    """Grey, colour and transparent pictures have the same pixels, whatever their size."""
    for size in ((1, 1), (7, 300), (333, 241)):
        picture = photo(3, *size)
        picture = _see_through(picture) if mode == "RGBA" else picture.convert(mode)
        found = quick_png(_saved(picture))
        assert found is not None
        assert found.size == size
        assert found.convert(mode).tobytes() == picture.tobytes()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (b"gAMA", struct.pack(">I", 22_727)),
        (b"iCCP", b"x\0\0" + zlib.compress(b"no profile")),
        (b"sRGB", b"\1"),
        (b"bKGD", struct.pack(">HHH", 1, 2, 3)),
        (b"tEXt", b"Comment\0hello"),
        (b"PLTE", bytes(30)),
    ],
)
def test_what_viewers_may_ignore_changes_nothing(name: bytes, content: bytes) -> None:
    """Colour management, comments and a suggested palette leave the examination as it is."""
    data = _saved(scene(4, 320, 200))
    other = _with_chunk(data, name, content)
    assert plain_png(other) is not None
    quick, slow = quick_and_slow(other)
    assert quick == slow == examined(data)


def test_what_it_cannot_show_is_left_to_pillow() -> None:
    """Pillow decodes palettes, 1 and 16 bits, transparent colours, turned and animated pictures."""
    picture = photo(5, 200, 150)
    exif = Image.Exif()
    exif[0x0112] = 6
    grey = picture.convert("L")
    wide = Image.frombytes("I;16", (10, 10), bytes(200))
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 1)
    pixel = _chunk(b"IDAT", zlib.compress(b"\0\1")) + _chunk(b"IEND", b"")
    files = [
        *(_saved(picture.convert(mode)) for mode in ("P", "1", "LA")),
        _saved(wide),
        _saved(picture, transparency=(1, 2, 3)),
        _saved(grey, transparency=7),
        _saved(picture, exif=exif),
        _saved(picture, save_all=True, append_images=[photo(6, 200, 150)]),
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + pixel,
        encode(picture, "JPEG"),
        b"",
    ]
    for data in files:
        assert plain_png(data) is None
        assert quick_png(data) is None
        quick, slow = quick_and_slow(data)
        assert quick == slow


def test_a_whole_scene_is_examined_as_by_pillow() -> None:
    """Borders, transparency and skies give the same views, hashes and qualities."""
    for seed in (2, 5):
        picture = scene(seed, 400, 300)
        for data in (_saved(picture), _saved(_see_through(picture)), _saved(picture.convert("L"))):
            assert plain_png(data) is not None
            quick, slow = quick_and_slow(data)
            assert quick == slow
            assert quick.views


_BASE = [
    _saved(picture, compress_level=level)
    for level in (0, 6)
    for picture in (photo(8, 60, 50), photo(8, 60, 50).convert("L"), _see_through(photo(8, 60, 50)))
]


def _mended(data: bytearray) -> bytes:
    """Give the chunks of a damaged PNG the right checksums."""
    position = 8
    while position + 12 <= len(data):
        end = position + 12 + int.from_bytes(data[position : position + 4])
        if end <= len(data):
            data[end - 4 : end] = struct.pack(">I", zlib.crc32(data[position + 4 : end - 4]))
        position = end
    return bytes(data)


@settings(examples(600), derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), checked=st.booleans(), cut=st.booleans())
def test_a_damaged_png_is_examined_as_by_pillow(seed: int, checked: bool, cut: bool) -> None:
    """Flipped bytes, with wrong or right checksums, and cuts: the same verdict and hashes.

    One thing libspng passes over, as browsers do: the checksum that zlib adds to the pixels.
    """
    rng = random.Random(seed)
    data = bytearray(rng.choice(_BASE))
    for _ in range(rng.randint(0 if cut else 1, 3)):
        place = rng.choice([rng.randrange(8, 60), rng.randrange(8, len(data)), len(data) - 20])
        data[place] = rng.choice([rng.randrange(256), data[place] ^ 1 << rng.randrange(8)])
    if cut:
        del data[rng.randrange(len(data)) :]
    damaged = _mended(data) if checked else bytes(data)
    quick, slow = quick_and_slow(damaged)
    if quick != slow:
        assert quick.reason is None
        with pytest.raises(zlib.error, match="incorrect data check"):
            zlib.decompress(damaged[damaged.index(b"IDAT") + 4 : damaged.rindex(b"IEND") - 8])


def test_the_rest_of_the_pixels_behind_another_chunk_is_no_plain_png() -> None:
    """Pillow stops at the chunk between, and only a picture that both read alike is plain."""
    data = _saved(photo(9, 300, 300), compress_level=0)
    place = data.index(b"IDAT", data.index(b"IDAT") + 4) - 4
    other = data[:place] + _chunk(b"tEXt", b"a\0b") + data[place:]
    assert plain_png(data) == PlainPng(300, 300, "RGBX")
    assert plain_png(other) is None


@pytest.mark.parametrize("name", [b"IHDR", b"PLTE", b"IDAT", b"IEND"])
def test_a_wrong_checksum_is_left_to_pillow(name: bytes) -> None:
    """A PNG with a wrong checksum is not plain, since libspng would pass over it."""
    data = bytearray(_with_chunk(_saved(photo(1, 60, 50)), b"PLTE", bytes(30)))
    place = data.index(name)
    data[place + 4 + int.from_bytes(data[place - 4 : place])] ^= 1
    assert plain_png(bytes(data)) is None


def test_only_our_own_processes_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host's threads would wait for the global lock that it holds."""
    data = _saved(photo(1, 50, 50))
    assert quick_png(data) is not None
    monkeypatch.setattr(OwnProcess, "claimed", False)
    assert quick_png(data) is None


def test_where_pyspng_is_not_installed_pillow_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package nothing fails, and ``doctor`` names Pillow's decoder alone."""
    assert "plain files by pyspng" in decoders()["PNG"]
    monkeypatch.setitem(sys.modules, "pyspng", None)
    try:
        optional.cache_clear()
        assert quick_png(_saved(photo(1, 50, 50))) is None
        assert "pyspng" not in decoders()["PNG"]
    finally:
        monkeypatch.undo()
        optional.cache_clear()
