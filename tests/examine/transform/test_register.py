from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hashmatch import SettingsError
from hashmatch.examine.transform import SOURCES, TRANSFORMS, choose_transforms
from pictures import photo

EVERY = sorted(TRANSFORMS)


def generator() -> np.random.Generator:
    """The same places and grains every time."""
    return np.random.Generator(np.random.PCG64(5))


@pytest.mark.parametrize("name", EVERY)
def test_transform_is_pure_and_changes_something(name: str) -> None:
    """It gives other pixels or another size, the same for one seed, and leaves its picture."""
    picture = photo(2, 190, 140)
    before = picture.tobytes()
    first, second = (TRANSFORMS[name](picture, generator()) for _ in range(2))
    assert picture.tobytes() == before
    assert first.mode == "RGB"
    assert (first.size, first.tobytes()) == (second.size, second.tobytes())
    assert (first.size, first.tobytes()) != (picture.size, before)


@settings(max_examples=15)
@given(st.integers(1, 70), st.integers(1, 70))
def test_transforms_take_any_size(width: int, height: int) -> None:
    """Every transform gives a picture for any size down to a single pixel."""
    picture = Image.new("RGB", (width, height), "teal")
    for transform in TRANSFORMS.values():
        assert min(transform(picture, generator()).size) >= 1


@pytest.mark.parametrize("name", ["crop-10-aside", "noise", "watermark"])
def test_seed_decides_places_and_grains(name: str) -> None:
    """Another seed puts a crop or a mark elsewhere and draws other grains."""
    picture = photo(3, 90, 70)
    other = np.random.Generator(np.random.PCG64(6))
    assert TRANSFORMS[name](picture, generator()).tobytes() != (
        TRANSFORMS[name](picture, other).tobytes()
    )


def test_letterbox_fits_wide_pictures_into_narrow_frames() -> None:
    """A picture of 16:9 gets bars above and below, a narrower one at its sides."""
    change = TRANSFORMS["letterbox"]
    assert change(Image.new("RGB", (160, 90)), generator()).size == (160, 120)
    assert change(Image.new("RGB", (90, 90)), generator()).size == (160, 90)


def test_every_transform_cites_its_source() -> None:
    """The register says what each transform imitates and where that is described, and no more."""
    assert all(transform.imitates for transform in TRANSFORMS.values())
    assert {transform.source for transform in TRANSFORMS.values()} == set(SOURCES)


def test_transforms_are_chosen_by_name_and_group() -> None:
    """Names and groups may be mixed, no name means all of them, and the order is the register's."""
    assert choose_transforms([]) == tuple(TRANSFORMS)
    assert choose_transforms(["mirror", "jpeg-95", "size"]) == (
        *("jpeg-95", "half-size", "quarter-size", "thumbnail", "squeezed"),
        "mirror",
    )


def test_unknown_transform_is_refused() -> None:
    """An unknown name is reported, together with all groups and transforms that exist."""
    with pytest.raises(SettingsError, match="unknown transform 'fade', 'sepia'") as caught:
        choose_transforms(["sepia", "mirror", "fade"])
    for known in (*TRANSFORMS, *(transform.group for transform in TRANSFORMS.values())):
        assert known in str(caught.value)
