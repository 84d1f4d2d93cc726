"""WebPs decoded by libwebp itself."""

from __future__ import annotations

import random
import sys
from functools import partial
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from counts import examples
from hashmatch.examine.decode import decoders
from hashmatch.examine.decode.quick_webp import agrees_with_pillow, is_plain_webp, quick_webp
from hashmatch.examine.extras import OwnProcess, optional
from pictures import encode, photo, scene

from .own_process import quick_and_slow

pytestmark = pytest.mark.skipif(optional("webp") is None, reason="webp is not installed")

_saved = partial(encode, format="WEBP")


@pytest.fixture(autouse=True)
def _in_a_process_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OwnProcess, "claimed", True)


@pytest.mark.parametrize("options", [{"quality": 85}, {"quality": 1}, {"lossless": True}])
@pytest.mark.parametrize("size", [(1, 1), (7, 300), (334, 241)])
def test_it_gives_the_pixels_that_pillow_gives(
    options: dict[str, Any], size: tuple[int, int]
) -> None:
    """Lossy and lossless pictures have the same pixels, whatever their size."""
    data = _saved(photo(3, *size), **options)
    found = quick_webp(data)
    assert found is not None
    with Image.open(BytesIO(data)) as expected:
        assert found.size == size
        assert found.convert("RGB").tobytes() == expected.tobytes()


def test_what_it_cannot_show_is_left_to_pillow() -> None:
    """Pillow decodes transparent, turned and animated pictures, and whatever has more behind it."""
    picture = photo(5, 200, 150)
    exif = Image.Exif()
    exif[0x0112] = 6
    see_through = picture.copy()
    see_through.putalpha(Image.linear_gradient("L").resize(picture.size))
    data = _saved(picture)
    files = [
        _saved(see_through),
        _saved(see_through, lossless=True),
        _saved(picture, exif=exif),
        _saved(picture, save_all=True, append_images=[photo(6, 200, 150)]),
        data + b"more",
        data[:-2],
        data[:14],
        encode(picture, "JPEG"),
        b"",
    ]
    for each in files:
        assert quick_webp(each) is None
        quick, slow = quick_and_slow(each)
        assert quick == slow


def test_a_whole_scene_is_examined_as_by_pillow() -> None:
    """Borders and skies give the same views, hashes and qualities."""
    for seed in (2, 5):
        data = _saved(scene(seed, 400, 300), quality=85)
        assert is_plain_webp(data)
        quick, slow = quick_and_slow(data)
        assert quick == slow
        assert quick.views


_BASE = [_saved(photo(8, 60, 50), **options) for options in ({"quality": 60}, {"lossless": True})]


@settings(examples(400), derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), cut=st.booleans())
def test_a_damaged_webp_is_examined_as_by_pillow(seed: int, cut: bool) -> None:
    """Flipped bytes, cuts, and cuts that the header agrees with: the same verdict and hashes."""
    rng = random.Random(seed)
    data = bytearray(rng.choice(_BASE))
    for _ in range(rng.randint(0 if cut else 1, 3)):
        place = rng.choice([rng.randrange(8, 40), rng.randrange(8, len(data))])
        data[place] = rng.choice([rng.randrange(256), data[place] ^ 1 << rng.randrange(8)])
    if cut:
        del data[2 * rng.randrange(10, len(data) // 2) :]
        data[4:8] = (len(data) - 8).to_bytes(4, "little")
        data[16:20] = (len(data) - 20).to_bytes(4, "little")
    quick, slow = quick_and_slow(bytes(data))
    assert quick == slow


def test_only_our_own_processes_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its libwebp is not Pillow's, so it decodes only in processes that have walls."""
    data = _saved(photo(1, 50, 50))
    assert quick_webp(data) is not None
    monkeypatch.setattr(OwnProcess, "claimed", False)
    assert quick_webp(data) is None


def test_a_decoder_that_differs_from_pillows_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a sample comes out differently, Pillow decodes everything."""
    agrees_with_pillow.cache_clear()
    monkeypatch.setattr(Image.Image, "tobytes", lambda picture: repr(picture).encode())
    try:
        assert not agrees_with_pillow()
        assert quick_webp(_saved(photo(1, 50, 50))) is None
    finally:
        agrees_with_pillow.cache_clear()


def test_where_webp_is_not_installed_pillow_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package nothing fails, and ``doctor`` names Pillow's decoder alone."""
    assert "plain files by webp" in decoders()["WEBP"]
    monkeypatch.setitem(sys.modules, "webp", None)
    try:
        optional.cache_clear()
        assert quick_webp(_saved(photo(1, 50, 50))) is None
        assert "plain" not in decoders()["WEBP"]
    finally:
        monkeypatch.undo()
        optional.cache_clear()
