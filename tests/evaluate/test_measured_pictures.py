from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hashmatch.evaluate import Settings, pictures
from hashmatch.evaluate.pictures import measure_picture, read_picture, variants
from hashmatch.model import Limits
from pictures import as_mode, encode, hide_colours, photo, with_orientation

SETTINGS = Settings(transforms=("jpeg-95",))


def seen(data: bytes) -> Image.Image:
    """What a picture looks like, but for JPEG's noise at quality 95."""
    return next(variants(data, SETTINGS))


def apart(first: Image.Image, second: Image.Image) -> float:
    """The mean difference of two pictures of one size, in grey levels."""
    one, other = (np.asarray(image.convert("L"), np.float64) for image in (first, second))
    return float(np.abs(one - other).mean())


def test_variants_are_made_of_what_a_viewer_shows() -> None:
    """Turned by EXIF, over white where transparent, with all the range of 16-bit greys."""
    picture = photo(7, 120, 90)
    turned = with_orientation(picture, 6, "JPEG", quality=95)
    assert apart(seen(turned), picture) < 3
    faded = Image.alpha_composite(
        Image.new("RGBA", picture.size, "white"), hide_colours(picture, "red")
    )
    assert apart(seen(encode(hide_colours(picture, "red"), "PNG")), faded) < 3
    grey = as_mode(picture, "I;16")
    levels = np.asarray(grey, np.float64)
    levels = (levels - levels.min()) * (255 / (levels.max() - levels.min()))
    assert apart(seen(encode(grey, "PNG")), Image.fromarray(levels.astype(np.uint8))) < 3


@pytest.mark.parametrize("encoder", ["JPEG", "PNG"])
def test_large_pictures_are_made_smaller_first(
    encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variants are made of no more pixels than are worked on, in the same shape."""
    monkeypatch.setattr(pictures, "WORKING_PIXELS", 5_000)
    picture = photo(8, 400, 300)
    shown = seen(encode(picture, encoder))
    assert shown.size == (82, 61)
    assert apart(shown, picture.resize(shown.size, Image.Resampling.BOX)) < 8


def test_the_first_view_with_detail_stands_for_a_picture() -> None:
    """A picture whose stored pixels show nothing is entered by the view that shows something."""
    hidden = photo(9, 120, 90).convert("RGBA")
    hidden.putalpha(Image.linear_gradient("L").resize(hidden.size))
    plain = measure_picture(encode(hidden, "PNG"), SETTINGS)
    assert plain.problem is None
    assert len(plain.queries) >= 2
    assert plain.entry == plain.queries[0]


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    """A file that is gone or too large has its reason, and no bytes."""
    data, facts = read_picture(bytes(tmp_path / "gone"), SETTINGS)
    assert (data, facts and facts.problem) == (b"", "vanished: the file is gone")
    (tmp_path / "large").write_bytes(b"12345678")
    small = replace(SETTINGS, limits=Limits(max_bytes=7))
    data, facts = read_picture(bytes(tmp_path / "large"), small)
    assert (data, facts and facts.problem) == (b"", "too_large: more than 7 bytes")
