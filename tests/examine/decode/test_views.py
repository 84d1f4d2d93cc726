from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from hashmatch.examine.decode.views import View, views
from hashmatch.examine.decode.wide import _level
from pictures import as_mode, flat, hide_colours, padded, photo

PICTURE = photo(1, 60, 40)

# What numpy makes of a view for each of the other seven symmetries of the square
SYMMETRIES = {
    "mirror": np.fliplr,
    "flip": np.flipud,
    "rotate-180": lambda grey: np.rot90(grey, 2),
    "rotate-90": np.rot90,
    "rotate-270": lambda grey: np.rot90(grey, 3),
    "transpose": np.transpose,
    "transverse": lambda grey: np.rot90(grey, 2).transpose(),
}


def found(frame: Image.Image, number: int = 0) -> dict[str, View]:
    """The views of a frame, by name."""
    every = list(views(frame, f"frame:{number}" if number else "stored"))
    table = {view.name: view for view in every}
    assert len(table) == len(every)
    return table


def turned(picture: Image.Image, orientation: int) -> Image.Image:
    """The picture with an EXIF orientation."""
    frame = picture.copy()
    frame.getexif()[ExifTags.Base.Orientation] = orientation
    return frame


def wide(values: np.ndarray) -> np.ndarray:
    """What becomes of greys of many bits."""
    table = found(Image.fromarray(values))
    assert list(table)[:2] == ["stored", "scaled"]
    return table["scaled"].whole()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr", "HSV"])
def test_opaque_pictures_have_one_view(mode: str) -> None:
    """A picture without alpha, orientation or border has the stored view, as Pillow greys it."""
    frame = as_mode(PICTURE, mode)
    table = found(frame)
    assert list(table) == ["stored"]
    assert table["stored"].whole().tolist() == np.asarray(frame.convert("L")).tolist()


def test_names_tell_the_way() -> None:
    """A view's name joins the steps that lead to it, and begins with the frame's number."""
    picture = turned(padded(hide_colours(photo(2, 160, 120), "red").convert("RGBA"), 0.1), 6)
    steps = ["over-white", "over-white+upright", "over-black", "over-black+upright"]
    names = list(found(picture))
    assert names[0] == "stored"
    assert {"over-white+upright", "over-black+upright"} <= set(names) - {"stored"}
    assert {name.partition("+trimmed")[0] for name in names[1:]} <= set(steps)
    assert list(found(flat(), 3)) == ["frame:3"]
    assert list(found(turned(PICTURE, 3), 2)) == ["frame:2", "frame:2+upright"]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "RGBa"])
def test_transparency_is_seen_over_white_and_black(mode: str) -> None:
    """What shows through is white in one view and black in the other; stored ignores it."""
    opaque = Image.new("L", (40, 30))
    opaque.paste(255, (0, 0, 20, 30))
    frame = as_mode(flat(40, 30, (90, 90, 90)), "P" if mode == "PA" else "RGB")
    frame = frame.convert("RGBA" if mode == "RGBa" else mode)
    frame.putalpha(opaque)
    frame = frame.convert(mode)
    table = found(frame)
    assert {"stored", "over-white", "over-black"} <= set(table)
    for name, level in (("over-white", 255), ("over-black", 0)):
        assert table[name].whole()[15, 30] == level
        assert table[name].whole()[15, 5] == 90


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_opaque_alpha_adds_no_view(mode: str) -> None:
    """An alpha channel that is opaque throughout changes nothing."""
    assert list(found(PICTURE.convert(mode))) == ["stored"]


@pytest.mark.parametrize("transparency", [7, bytes([0] * 128 + [255] * 128)], ids=["one", "many"])
def test_transparent_palettes_are_seen(transparency: int | bytes) -> None:
    """A palette's transparent colours count as transparency, without a warning of Pillow's."""
    frame = as_mode(PICTURE, "P")
    frame.info["transparency"] = transparency
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(found(frame))[:3] == ["stored", "over-white", "over-black"]
    assert frame.info["transparency"] == transparency


@pytest.mark.parametrize("orientation", [0, 1, 9, -1, "6", 3.7, None])
def test_only_orientations_of_the_standard_turn(orientation: object) -> None:
    """An orientation that means nothing, or upright already, adds no view; a text of one does."""
    frame = PICTURE.copy()
    frame.getexif()[ExifTags.Base.Orientation] = orientation
    expected = ["stored", "upright"] if orientation in {"6", 3.7} else ["stored"]
    assert list(found(frame)) == expected


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_greys_of_16_bits_are_scaled(dtype: type) -> None:
    """Levels from 0 to 65535 become 0 to 255, in proportion, and none is clipped."""
    values = np.linspace(0, 65535, 60 * 40).reshape(40, 60).astype(dtype)
    scaled = wide(values)
    assert np.abs(scaled.astype(int) - values.astype(float) / 257).max() <= 1
    assert scaled.max() == 255


@pytest.mark.parametrize(
    ("low", "high"), [(0, 4095), (0, 1023), (0, 200), (0, 1), (-500, 500), (100, 100)]
)
def test_greys_are_scaled_by_the_range_they_use(low: int, high: int) -> None:
    """Pictures of 10 or 12 bits, of fractions, and with negative levels keep their contrast."""
    values = np.linspace(low, high, 60 * 40).reshape(40, 60).astype(np.float32)
    scaled = wide(values).astype(int)
    assert (np.diff(scaled.ravel()) >= 0).all()
    assert scaled.max() - scaled.min() >= (250 if high > low else 0)


@given(st.integers(0, 2**32), st.sampled_from([1, 2, 3, 1000, 1001, 5000]))
def test_the_level_of_a_share_is_numpys_quantile(seed: int, size: int) -> None:
    """The level that few pixels exceed lies between two of them, where NumPy puts it."""
    values = np.random.default_rng(seed).integers(-5, 60_000, (size, 1))
    assert _level(values, 0.999) == pytest.approx(np.quantile(values, 0.999))


def test_levels_that_are_no_numbers_count_as_black() -> None:
    """Not-a-number and infinity, which a file can hold, harm nothing else."""
    values = np.full((30, 40), 0.5, dtype=np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    values[1, 0] = 1
    scaled = wide(values)
    assert scaled[0, :3].tolist() == [0, 0, 0]
    assert scaled[1, 0] == 255


@pytest.mark.parametrize("name", SYMMETRIES)
def test_mirrors_are_the_symmetries_of_the_view(name: str) -> None:
    """Each of the seven is what the turned picture itself gives, at any size, in grey and RGB."""
    view = found(PICTURE)["stored"]
    mirrors = {mirror.name: mirror for mirror in view.mirrors()}
    assert set(mirrors) == set(SYMMETRIES)
    turn, mirror = SYMMETRIES[name], mirrors[name]
    theirs = found(Image.fromarray(np.ascontiguousarray(turn(np.asarray(PICTURE.convert("L"))))))
    for size in ((9, 8), (32, 32), (5, 17)):
        assert np.abs(mirror.grey(*size).astype(int) - theirs["stored"].grey(*size)).max() <= 1
        assert mirror.grey(*size).shape == size[::-1]
    assert mirror.whole().tolist() == theirs["stored"].whole().tolist()
    colour = np.stack([turn(np.asarray(band)) for band in PICTURE.split()], axis=-1)
    assert mirror.whole(colour=True).tolist() == colour.tolist()
    assert mirror.detail(64).shape == (64, 64)


def test_borders_are_trimmed_upright() -> None:
    """A turned picture is trimmed both as it lies and upright, as viewers may show either."""
    picture = turned(padded(photo(3, 160, 120), 0.1, "white"), 6)
    table = found(picture)
    assert list(table) == ["stored", "trimmed", "upright", "upright+trimmed"]
    assert table["upright"].whole().shape == (192, 144)
    assert table["upright+trimmed"].whole().shape == (160, 120)
    assert list(found(padded(photo(3, 160, 120), 0.1, "white"))) == ["stored", "trimmed"]


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
def test_colours_follow_every_step(mode: str) -> None:
    """In RGB a view shows the same pixels as in grey, whatever steps led to it."""
    base = hide_colours(photo(4, 90, 60), "red") if mode == "RGBA" else photo(4, 90, 60)
    frame = turned(base if mode == "RGBA" else as_mode(base, mode), 5)
    for view in found(frame).values():
        colour = Image.fromarray(view.whole(colour=True))
        assert colour.mode == "RGB"
        grey = np.asarray(colour.convert("L")).astype(int)
        assert np.abs(grey - view.whole()).max() <= 2
