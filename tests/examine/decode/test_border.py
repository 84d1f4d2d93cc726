from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hashmatch.examine.decode.border import (
    OUTLIERS,
    TOLERANCE,
    Box,
    content_boxes,
    doubtful_edges,
    is_surely_no_border,
)
from hashmatch.examine.decode.views import views
from pictures import encode, flat, padded, photo


def content_box(picture: Image.Image) -> Box | None:
    """The box at the usual tolerance."""
    return content_boxes(picture).get(TOLERANCE)


def grey(picture: Image.Image) -> Image.Image:
    """Mode L."""
    return picture.convert("L")


def framed(inner: Image.Image, box: tuple[int, int, int, int], level: int) -> Image.Image:
    """A grey picture with (left, top, right, bottom) pixels of border."""
    left, top, right, bottom = box
    frame = Image.new("L", (inner.width + left + right, inner.height + top + bottom), level)
    frame.paste(inner, (left, top))
    return frame


@settings(max_examples=60)
@given(
    st.tuples(*(st.integers(0, 40) for _ in range(4))), st.sampled_from([0, 255]), st.integers(1, 9)
)
def test_borders_are_found_to_the_pixel(
    border: tuple[int, int, int, int], level: int, seed: int
) -> None:
    """Whatever plain border surrounds a picture, what is found is the picture itself."""
    inner = grey(photo(seed, 160, 120)).point([40 + value // 2 for value in range(256)])
    picture = framed(inner, border, level)
    left, top, right, bottom = border
    expected = (left, top, left + 160, top + 120)
    across, down = left + right, top + bottom
    if across < max(2, picture.width / 100) and down < max(2, picture.height / 100):
        assert content_box(picture) is None
    else:
        assert content_box(picture) == expected


@pytest.mark.parametrize("level", [0, 5, 20, 128, 235, 250, 255])
def test_noise_of_jpeg_is_within_the_tolerance(level: int) -> None:
    """A border that JPEG made uneven is found within a pixel or two."""
    inner = grey(photo(4, 320, 240))
    picture = framed(inner, (32, 24, 32, 24), level)
    with Image.open(io.BytesIO(encode(picture, "JPEG", quality=60))) as decoded:
        box = content_box(decoded)
    assert box is not None
    assert np.abs(np.array(box) - (32, 24, 352, 264)).max() <= 3


def test_borders_within_borders_are_found() -> None:
    """A letterbox within padding within a frame leaves the picture."""
    inner = grey(photo(5, 160, 120))
    picture = framed(framed(framed(inner, (0, 20, 0, 20), 0), (15, 15, 15, 15), 255), (4,) * 4, 90)
    assert content_box(picture) == (19, 39, 179, 159)


@pytest.mark.parametrize(
    "picture",
    [
        grey(photo(6, 320, 240)),
        grey(flat()),
        grey(flat(1, 1)),
        grey(flat(1, 300)),
        grey(photo(6, 3, 2)),
    ],
    ids=["photo", "flat", "1x1", "line", "tiny"],
)
def test_pictures_without_border_have_none(picture: Image.Image) -> None:
    """If there is no border, or nothing but border, nothing is cut off."""
    assert content_box(picture) is None


def test_ragged_edges_are_no_border() -> None:
    """A dark line at one edge, under 1% of the side, stays; from there on it is a border."""
    inner = grey(photo(7, 400, 300))
    assert content_box(framed(inner, (3, 0, 0, 0), 0)) is None
    assert content_box(framed(inner, (5, 0, 0, 0), 0)) == (5, 0, 405, 300)


def test_marks_on_a_blank_page_are_no_picture_in_a_frame() -> None:
    """What takes up under a tenth of a side is a mark on a page; the page has no border."""
    dot = grey(photo(8, 20, 20))
    assert content_box(framed(dot, (200, 200, 200, 200), 255)) is None
    assert content_box(framed(dot, (60, 60, 60, 60), 255)) is not None


def test_specks_do_not_hide_a_border() -> None:
    """A few pixels of dust, up to 1% of a line, leave a border a border; more do not."""
    picture = framed(grey(photo(9, 200, 200)), (50, 50, 50, 50), 255)
    for x in (10, 90, 200):
        picture.putpixel((x, 20), 0)
    assert content_box(picture) == (50, 50, 250, 250)
    for x in (100, 110, 120):
        picture.putpixel((x, 20), 0)
    assert content_box(picture) == (50, 20, 250, 250)


@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("mark", ["square", "stripes", "dust"])
def test_previews_of_bordered_pictures_are_doubted(mark: str, scale: int) -> None:
    """Marks in a border that are within the outliers of its lines hide it from no preview."""
    rng = np.random.default_rng(scale)
    inner = np.asarray(grey(photo(2, 240 * scale, 160 * scale)))
    width, bar = inner.shape[1], 20 * scale
    most = int(OUTLIERS * width)
    across = rng.permutation(width) < most / 2
    if mark == "square":
        across = np.abs(np.arange(width) - width // 3) < most / 2
    bars = np.where(np.broadcast_to(across, (2, bar, width)), 255, 0).astype(np.uint8)
    if mark == "dust":
        bars = np.where(rng.random((2, bar, width)) < OUTLIERS / 4, 255, 0).astype(np.uint8)
    picture = Image.fromarray(np.concatenate([bars[0], inner, bars[1]]))
    data = encode(picture, "JPEG", quality=92)
    with Image.open(io.BytesIO(data)) as whole, Image.open(io.BytesIO(data)) as preview:
        assert content_box(whole) is not None
        preview.draft("L", (width // scale, picture.height // scale))
        assert preview.width == 240
        assert doubtful_edges(np.asarray(preview))


def test_pictures_without_border_are_rarely_doubted() -> None:
    """Of a picture without a plain edge, a preview is taken for what it is."""
    pictures = [grey(photo(seed, 320, 240)) for seed in range(20)]
    assert not any(doubtful_edges(np.asarray(picture)) for picture in pictures)


@given(seed=st.integers(0, 2**32 - 1))
def test_a_row_that_is_surely_no_border_is_none_within_thin_edges(seed: int) -> None:
    """However few pixels go at its ends, such a row stays too varied to be trimmed."""
    rng = np.random.default_rng(seed)
    width = int(rng.integers(240, 2000))
    row = rng.integers(100, 100 + rng.integers(1, 24), width)
    marks = rng.permutation(width)[: int(rng.uniform(0, 0.06) * width)]
    row[marks] = rng.integers(0, 256, len(marks))
    row[: width // 200] = 0
    inner = row[width // 200 : width - width // 200]
    far = np.abs(inner - np.sort(inner)[len(inner) // 2]) > TOLERANCE
    if far.sum() <= OUTLIERS * len(inner):
        assert not is_surely_no_border(row.astype(np.uint8).tobytes())
    assert is_surely_no_border(rng.integers(0, 256, width).astype(np.uint8).tobytes())


def test_padding_is_found_whatever_its_colour() -> None:
    """Colours that are grey alike are one border."""
    for colour in ("black", "white", (40, 90, 160), (200, 30, 30)):
        assert content_box(grey(padded(photo(1, 320, 240), 0.1, colour))) == (32, 24, 352, 264)


def test_a_faint_edge_of_the_picture_is_not_trimmed_with_its_border() -> None:
    """A sky within 10 grey levels of its border goes with it, and stays at a smaller tolerance."""
    inner = np.asarray(photo(3, 200, 150).convert("L")).copy()
    inner[:40] = 250 + np.arange(200) % 5
    framed_sky = Image.new("L", (240, 190), 255)
    framed_sky.paste(Image.fromarray(inner), (20, 20))
    assert content_boxes(framed_sky) == {TOLERANCE: (20, 60, 220, 170), 0: (20, 20, 220, 170)}
    names = [view.name for view in views(framed_sky)]
    assert names == ["stored", "trimmed", "trimmed-0"]
    again = Image.new("L", (240, 190), 255)
    again.paste(photo(3, 200, 150).convert("L"), (20, 20))
    assert list(content_boxes(again)) == [TOLERANCE]
