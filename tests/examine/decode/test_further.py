"""Readings that undo what was done to a picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from hashmatch.examine.decode.further import FIXED
from hashmatch.examine.decode.inside import Box, find_inside
from hashmatch.examine.examination import examine
from hashmatch.examine.transform import TRANSFORMS
from hashmatch.model import Examination, HashKind, is_further
from hashmatch.options import ExamineOptions
from textures import texture

KINDS = (HashKind("dhash", 64), HashKind("phash", 64))
THOROUGH = ExamineOptions(kinds=KINDS, views="thorough")
SIZE = (320, 240)


def photo(seed: int) -> Image.Image:
    """A generated picture of the usual size."""
    return texture(seed, *SIZE, roughness=0.66)


def nearest(found: Examination, picture: Image.Image) -> tuple[int, str]:
    """The view that both hashes are nearest by, and how many bits of either it is away at most."""
    own = examine(picture, ExamineOptions(kinds=KINDS)).views[0].hashes
    return min(
        (max(a - b for a, b in zip(view.hashes, own, strict=True)), view.view)
        for view in found.views
    )


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("screenshot", "inner-1"),
        ("messenger-chat", "inner-1"),
        ("caption", "inner-1"),
        ("rotate-5", "askew-5-right"),
        ("crop-20-centre", "grown-20"),
    ],
)
def test_what_was_done_to_a_picture_is_undone(name: str, step: str) -> None:
    """The view that undoes a change is within 8 bits of the picture; no usual view is."""
    picture = photo(71_000)
    changed = TRANSFORMS[name](picture, np.random.default_rng(1))
    found = examine(changed, THOROUGH)
    away, view = nearest(found, picture)
    assert (view, away <= 8) == (step, True)
    usual = examine(changed, ExamineOptions(kinds=KINDS))
    assert nearest(usual, picture)[0] > 8


def test_a_corner_is_continued_where_the_rest_was_cut_off() -> None:
    """A crop at the upper left is found by growing it to the right and down."""
    picture = photo(71_001)
    cut = picture.crop((0, 0, 288, 216))
    away, view = nearest(examine(cut, THOROUGH), picture)
    assert view == "grown-10-top-left"
    assert away <= 8


def test_a_turned_picture_keeps_its_proportions() -> None:
    """Turning back works for tall and wide pictures alike, since it is done in true proportions."""
    for size in ((480, 200), (200, 480)):
        picture = texture(71_002, *size, roughness=0.66)
        turned = picture.rotate(-5, Image.Resampling.BILINEAR)
        away, view = nearest(examine(turned, THOROUGH), picture)
        assert (view, away <= 6) == ("askew-5-left", True)


def test_a_quarter_turn_has_its_rows_and_columns_exchanged() -> None:
    """The quarter view of a transposed picture has about the hashes of the picture itself."""
    picture = photo(71_003)
    options = ExamineOptions(kinds=KINDS, views="default")
    found = examine(picture.transpose(Image.Transpose.TRANSPOSE), options)
    assert [view.view for view in found.views] == ["stored", "quarter"]
    assert nearest(found, picture)[0] <= 4


def story(picture: Image.Image) -> tuple[Image.Image, Box]:
    """A picture across a tall screen, on a blurred copy of itself."""
    screen = picture.resize((720, 1280)).filter(ImageFilter.GaussianBlur(25))
    screen.paste(picture.resize((720, 540)), (0, 370))
    return screen, (0, 370, 720, 910)


def collage(picture: Image.Image) -> tuple[Image.Image, Box]:
    """Four pictures side by side without a gap."""
    whole = Image.new("RGB", (640, 480))
    for number, each in enumerate((picture, photo(1), photo(2), photo(3))):
        whole.paste(each, (number % 2 * 320, number // 2 * 240))
    return whole, (0, 0, 320, 240)


def desktop(picture: Image.Image) -> tuple[Image.Image, Box]:
    """A picture in a window on a plain desktop."""
    screen = Image.new("RGB", (1280, 800), "#204060")
    screen.paste("#f0f0f0", (200, 80, 1100, 720))
    screen.paste(picture.resize((640, 480)), (330, 180))
    return screen, (330, 180, 970, 660)


@pytest.mark.parametrize("place", [story, collage, desktop])
def test_pictures_are_found_inside(place: object) -> None:
    """The box of a picture within a larger one is found, to within a hundredth of a side."""
    assert callable(place)
    screen, box = place(photo(71_004))
    near = 0.01 * max(screen.size)
    assert any(
        all(abs(one - other) <= near for one, other in zip(found, box, strict=True))
        for found in find_inside(screen.convert("L"))
    )


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (48, 48), (50, 2000)])
def test_pictures_of_any_size_have_further_views(size: tuple[int, int]) -> None:
    """Tiny and thin pictures are examined like all others."""
    found = examine(texture(5, *size, roughness=0.66), THOROUGH)
    assert found.reason is None
    assert sum(is_further(view.view) for view in found.views) >= FIXED


def test_blank_pictures_have_nothing_inside() -> None:
    """A blank frame is all surroundings."""
    assert find_inside(Image.new("L", (300, 200), 7)) == []


def test_further_views_need_both_hashes() -> None:
    """Without a phash and a dhash nothing could agree, so there are only the usual views."""
    for kinds in (KINDS[:1], KINDS[1:]):
        found = examine(photo(1), ExamineOptions(kinds=kinds, views="thorough"))
        assert [view.view for view in found.views] == ["stored"]


def test_every_kind_of_hash_is_taken_of_every_view() -> None:
    """PDQ, which takes whole pictures, is taken of small copies where there is nothing else."""
    pytest.importorskip("pdqhash")
    kinds = (*KINDS, HashKind("phash", 256), HashKind("dhash", 256), HashKind("pdq", 256))
    found = examine(photo(1), ExamineOptions(kinds=kinds, views="thorough"))
    assert all(len(view.hashes) == len(kinds) for view in found.views)
    assert len(found.views) >= FIXED + 2
