from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from counts import examples
from hashmatch.examine.decode.picture import LEAST_SIDE
from hashmatch.examine.decode.shrink import (
    _by_products,
    _lanczos_by_libm,
    _whole_weights,
    lanczos_weights,
    pillow_agrees,
    shrink,
    shrink_exactly,
)

GRIDS = [(32, 32), (64, 64), (9, 8), (17, 16)]


def hard(seed: int, width: int, height: int) -> Image.Image:
    """Noise of black and white, at whose edges the filter rings the most."""
    levels = np.random.default_rng(seed).integers(0, 2, (height, width))
    return Image.fromarray((255 * levels).astype(np.uint8))


def by_pillow(picture: Image.Image, grid: tuple[int, int]) -> np.ndarray:
    """What it should be."""
    return np.asarray(picture.resize(grid, Image.Resampling.LANCZOS)).astype(np.int16)


@given(
    st.integers(0, 2**32),
    st.integers(LEAST_SIDE, 700),
    st.integers(LEAST_SIDE, 700),
    st.sampled_from(GRIDS),
)
def test_no_value_is_further_than_a_rounding_from_pillows(
    seed: int, width: int, height: int, grid: tuple[int, int]
) -> None:
    """For previews of any size and shape the values are Pillow's, or one grey level off."""
    picture = hard(seed, width, height)
    found = shrink(np.asarray(picture), *grid)
    assert found.shape == grid[::-1]
    assert found.dtype == np.uint8
    assert np.abs(found - by_pillow(picture, grid)).max() <= 1


@given(st.integers(0, 2**32), st.floats(0.01, 1), st.floats(0.01, 1), st.sampled_from(GRIDS))
def test_a_side_may_end_within_a_pixel(
    seed: int, right: float, bottom: float, grid: tuple[int, int]
) -> None:
    """Of a picture whose sides were rounded up, the part within them is resized as Pillow does."""
    picture = hard(seed, 301, 241)
    size = (300 + right, 240 + bottom)
    box = (0, 0, *size)
    wanted = np.asarray(picture.resize(grid, Image.Resampling.LANCZOS, box)).astype(np.int16)
    assert np.abs(shrink(np.asarray(picture), *grid, size) - wanted).max() <= 1


@pytest.mark.parametrize("grid", GRIDS)
def test_hardly_any_value_is_off(grid: tuple[int, int]) -> None:
    """Over many pictures fewer than one value in a thousand is not Pillow's own."""
    rng = np.random.default_rng(7)
    sizes = rng.integers(LEAST_SIDE, 600, (40, 2)).tolist()
    off = [
        (shrink(np.asarray(picture), *grid) != by_pillow(picture, grid)).mean()
        for seed, size in enumerate(sizes)
        for picture in (hard(seed, *size),)
    ]
    assert np.mean(off) < 0.001


def test_weights_of_long_rows_are_not_kept() -> None:
    """Long rows are left to Pillow, so that no sequence of wide pictures fills the memory."""
    lanczos_weights.cache_clear()
    for width in range(5000, 5100, 20):
        picture = hard(width, width, 128)
        assert (shrink(np.asarray(picture), 32, 32) == by_pillow(picture, (32, 32))).all()
    assert lanczos_weights.cache_info().currsize == 0


@examples(60)
@given(st.integers(0, 2**32), st.data(), st.sampled_from(GRIDS))
def test_products_give_pillows_own_values(
    seed: int, data: st.DataObject, grid: tuple[int, int]
) -> None:
    """At every size that products are used for, no value differs from Pillow's at all."""
    width = data.draw(st.integers(4 * grid[0], 1200), "width")
    height = data.draw(st.integers(4 * grid[1], max(4 * grid[1], int(1.5 * width))), "height")
    noise = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    for picture in (hard(seed, width, height), Image.fromarray(noise)):
        if height <= 1.5 * width:
            assert np.array_equal(_by_products(picture, *grid), by_pillow(picture, grid))
        for _ in range(2):  # the second time, small sizes are no longer left to Pillow
            assert np.array_equal(shrink_exactly(picture, *grid), by_pillow(picture, grid))


def test_this_pillow_sums_as_is_assumed() -> None:
    """The shorter way to exact grids is in use, rather than Pillow's own."""
    assert pillow_agrees()


@pytest.mark.parametrize("count", [8, 9, 32])
def test_no_weight_depends_on_whose_sine_it_is(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The C library's sines give the very same weights as NumPy's."""
    lengths = np.random.default_rng(count).integers(4 * count, 4097, 8).tolist()
    weights = [_whole_weights(length, count) for length in lengths]
    module = sys.modules["hashmatch.examine.decode.shrink"]
    monkeypatch.setattr(module, "_DOUBT", 1.0)  # always ask the C library
    for length, found in zip(lengths, weights, strict=True):
        assert np.array_equal(_whole_weights.__wrapped__(length, count), found)
    assert _lanczos_by_libm(0.0) == 1.0
