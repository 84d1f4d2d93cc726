from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from counts import LONG
from hashmatch.errors import SettingsError
from hashmatch.examine.examination import examine
from hashmatch.hashing import (
    ALGORITHMS,
    check_kind,
    default_threshold,
    from_code,
    from_codes,
    has_full_quality,
    quality,
    to_codes,
)
from hashmatch.model import HashKind, PerceptualHash, Reason
from hashmatch.options import ExamineOptions
from pictures import as_mode, checkered, flat, gradient, photo

IMAGES = Path(__file__).resolve().parents[2] / "fixtures" / "benign_images"
FIXTURES = sorted(path for path in IMAGES.rglob("[!.]*.*"))
KINDS = tuple(HashKind(name, bits) for name in ("phash", "dhash") for bits in (64, 256))
OPTIONS = ExamineOptions(kinds=KINDS)
THEIRS: dict[str, Callable[..., imagehash.ImageHash]] = {
    "phash": imagehash.phash,
    "dhash": imagehash.dhash,
}
MODES = [
    *("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"),
    *("HSV", "LAB", "I", "I;16", "I;16B", "F"),
]


def by_imagehash(picture: Image.Image) -> list[str]:
    """The hashes that imagehash computes for a picture, in the order of ``KINDS``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it converts palettes in a way Pillow warns about
        return [str(THEIRS[kind.algorithm](picture, int(kind.bits**0.5))) for kind in KINDS]


def stored(found: object) -> list[str]:
    """The hashes that hashmatch computes for a picture's first view."""
    view = found.views[0]
    assert view.view == "stored"
    assert [value.kind for value in view.hashes] == list(KINDS)
    return [str(value) for value in view.hashes]


def test_fixtures_equal_imagehash() -> None:
    """Every example picture gets the hashes of imagehash, in both algorithms and both widths."""
    assert len(FIXTURES) > 50
    for path in FIXTURES:
        with Image.open(path) as picture:
            assert stored(examine(path, OPTIONS)) == by_imagehash(picture), path.name


sides = st.integers(1, 60)
sizes = st.one_of(
    st.tuples(sides, sides),
    st.tuples(sides, sides),
    st.sampled_from([(1, 1), (2, 1), (1, 2), (3000, 17), (17, 3000), (640, 480), (8, 9), (33, 32)]),
)


@st.composite
def pictures(draw: st.DrawFn) -> Image.Image:
    """Pictures in every mode and many sizes: noise, textures, and pictures without any detail."""
    mode, (width, height) = draw(st.sampled_from(MODES)), draw(sizes)
    seed = draw(st.integers(0, 2**20))
    pattern = draw(st.sampled_from(["noise", "texture", "flat", "checkered", "gradient", "dots"]))
    if pattern == "noise":
        return noise(mode, width, height, seed)
    rgb = {
        "texture": lambda: photo(seed, width, height),
        "flat": lambda: flat(width, height, (seed & 255, seed >> 6 & 255, seed >> 12)),
        "checkered": lambda: checkered(width, height, 1 + seed % 40),
        "gradient": lambda: gradient(width, height, down=bool(seed % 2)),
        "dots": lambda: dots(width, height, seed),
    }[pattern]()
    return in_mode(rgb, mode)


def noise(mode: str, width: int, height: int, seed: int) -> Image.Image:
    """Random bytes in that mode; deep greys are partly outside what 8 bits can hold."""
    random = np.random.default_rng(seed)
    if mode in {"F", "I"}:
        values = random.normal(100, 10.0 ** random.integers(0, 5), (height, width))
        return Image.fromarray(values.astype(np.float32 if mode == "F" else np.int32))
    picture = Image.new(mode, (width, height))
    octets = random.bytes(len(picture.tobytes()))
    picture.frombytes(octets)
    if mode in {"P", "PA"}:
        picture.putpalette(random.bytes(768))
        if mode == "P" and seed % 2:
            picture.info["transparency"] = random.bytes(256) if seed % 4 == 1 else seed % 256
    return picture


def dots(width: int, height: int, seed: int) -> Image.Image:
    """A few pixels on a blank page: many exact ties between frequencies."""
    picture = flat(width, height, "white")
    for number in range(1 + seed % 3):
        picture.putpixel(((seed + 7 * number) % width, (seed // 3 + number) % height), (0, 0, 0))
    return picture


def in_mode(rgb: Image.Image, mode: str) -> Image.Image:
    """A picture in a mode, converted through another if Pillow has no direct way."""
    if mode == "LAB":
        return Image.merge("LAB", rgb.split())
    via = {"La": "LA", "RGBa": "RGBA", "PA": "P"}.get(mode)
    if via:
        rgb = rgb.convert(via)
    return rgb.convert(mode) if mode in {"La", "RGBa", "PA", "I;16B"} else as_mode(rgb, mode)


@settings(max_examples=20_000 if LONG else 300)
@given(pictures())
def test_pictures_equal_imagehash(picture: Image.Image) -> None:
    """Any picture that imagehash can hash has the same bits here; any other is undecodable."""
    found = examine(picture, OPTIONS)
    try:
        expected = by_imagehash(picture)
    except ValueError:
        assert (found.reason, found.views) == (Reason.UNDECODABLE, ())
        return
    assert stored(found) == expected


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_batches_equal_one_by_one(kind: HashKind) -> None:
    """A picture's hash does not depend on what else is in the batch."""
    algorithm = ALGORITHMS[kind.algorithm]
    width, height = algorithm.grid(kind.bits)
    random = np.random.default_rng(1)
    batch = random.integers(0, 256, (40, height, width), dtype=np.uint8)
    batch[::4] = batch[::4, :1, :1]  # some of them blank
    codes = algorithm.hash(batch, kind.bits)
    assert codes.shape == (40, kind.words)
    for one, code in zip(batch, codes, strict=True):
        assert algorithm.hash(one[None], kind.bits).tolist() == [code.tolist()]
        assert str(from_code(kind, code)) == by_imagehash(Image.fromarray(one))[KINDS.index(kind)]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_blank_pictures_give_flat_codes(kind: HashKind) -> None:
    """A blank picture of any grey has a flat code; a picture with detail does not."""
    algorithm = ALGORITHMS[kind.algorithm]
    blank = [
        examine(flat(30, 20, (level,) * 3), OPTIONS).views[0].hashes[KINDS.index(kind)]
        for level in range(0, 256, 5)
    ]
    assert algorithm.is_flat(to_codes(blank)).all()
    lively = examine(photo(1, 90, 60), OPTIONS).views[0].hashes[KINDS.index(kind)]
    assert not algorithm.is_flat(to_codes([lively])).any()
    almost = PerceptualHash(*kind, (*(0 for _ in range(kind.words - 1)), 1))
    assert not algorithm.is_flat(to_codes([almost])).any()


@pytest.mark.parametrize("reduced", [False, True])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_previews_tell_their_doubtful_bits(kind: HashKind, reduced: bool) -> None:
    """A preview is hashed as usual, and bits whose measure is near zero are uncertain."""
    algorithm = ALGORITHMS[kind.algorithm]
    width, height = algorithm.grid(kind.bits)
    batch = np.random.default_rng(2).integers(0, 256, (30, height, width), dtype=np.uint8)
    codes, uncertain_bits = algorithm.hash_preview(batch, kind.bits, reduced=reduced)
    assert codes.tolist() == algorithm.hash(batch, kind.bits).tolist()
    doubt = algorithm.uncertainty if reduced else algorithm.uncertainty_in_luma
    near_zero = np.abs(algorithm.measure(batch, kind.bits)) <= doubt
    assert np.bitwise_count(uncertain_bits).sum(axis=1).tolist() == near_zero.sum(axis=1).tolist()
    assert 0 < near_zero.sum() < near_zero.size / 2


def quality_by_hand(grey: np.ndarray) -> int:
    """PDQ's gradient measure as its paper describes it, pixel by pixel."""
    total = 0
    for row in range(64):
        for column in range(64):
            for down, across in ((1, 0), (0, 1)):
                if row + down < 64 and column + across < 64:
                    step = int(grey[row, column]) - int(grey[row + down, column + across])
                    total += abs(step) * 100 // 255
    return min(100, total // 90)


@pytest.mark.parametrize("contrast", [1, 3, 10, 20, 30, 60, 120, 255])
def test_quality_equals_the_published_measure(contrast: int) -> None:
    """Quality is the sum of a picture's gradients in whole percent, divided by 90, at most 100."""
    random = np.random.default_rng(contrast)
    batch = random.integers(0, 1 + contrast, (3, 64, 64), dtype=np.uint8)
    batch[1] = np.sort(batch[1], axis=None).reshape(64, 64)
    found = quality(batch)
    assert found.tolist() == [quality_by_hand(grey) for grey in batch]
    assert found.dtype == np.uint8


@pytest.mark.parametrize("strength", [20, 30, 40, 50])
def test_quality_equals_the_published_measure_on_textures(strength: int) -> None:
    """The same holds for random pictures."""
    small = photo(strength, 64, 64).convert("L")
    grey = np.asarray(small.point([level * strength // 200 for level in range(256)]))
    assert quality(grey[None]).tolist() == [quality_by_hand(grey)]
    assert 0 < quality_by_hand(grey) < 100


def test_quality_tells_detail_from_none() -> None:
    """Quality is 0 for a blank picture, low for a faint one, and 50 or more with detail."""
    options = ExamineOptions(kinds=KINDS[:1])
    faint = photo(2, 320, 240).point([176 + level // 8 for level in range(256)] * 3)
    grades = [examine(one, options).quality for one in (flat(), faint, photo(2, 320, 240))]
    assert grades[0] == 0
    assert 0 < grades[1] < 50 <= grades[2] <= 100


def test_default_thresholds_are_those_of_the_documentation() -> None:
    """The default thresholds are 8 for phash and 4 for dhash at 64 bits, 32 and 16 at 256."""
    assert [default_threshold(kind) for kind in KINDS] == [8, 32, 4, 16]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (HashKind("whash", 64), "unknown algorithm 'whash'; choose from phash, dhash"),
        (HashKind("phash", 128), "phash has 64 or 256 bits, not 128"),
        (HashKind("sha256", 256), "unknown algorithm 'sha256'"),
    ],
)
def test_unknown_kinds_are_refused(kind: HashKind, message: str) -> None:
    """An unknown kind of hash is refused, and the message names the known ones."""
    with pytest.raises(SettingsError, match=message):
        check_kind(kind)


def test_a_preview_of_flat_areas_is_wholly_uncertain() -> None:
    """Where rounding alone decides many bits of a dHash, its preview is not used."""
    algorithm = ALGORITHMS["dhash"]
    steps = np.tile(np.arange(9, dtype=np.uint8) * 25, (8, 1))
    for flat_rows, whole in ((1, False), (2, True)):
        grey = steps.copy()
        grey[:flat_rows] = 100
        _, uncertain_bits = algorithm.hash_preview(grey[None], 64, reduced=False)
        (bits,) = from_codes(HashKind("dhash", 64), uncertain_bits)
        assert algorithm.is_too_uncertain(bits) == whole


@pytest.mark.parametrize("seed", range(40))
def test_pictures_of_full_quality_are_told_by_the_grid_of_their_phash(seed: int) -> None:
    """A grid that shows full quality is that of a picture whose measured quality is 100."""
    rng = np.random.default_rng(seed)
    side = int(rng.integers(2, 200))
    noise = rng.integers(0, 256, (side, side)).astype(np.uint8)
    picture = Image.fromarray(noise).resize((400, 300), Image.Resampling.BICUBIC)
    picture = ImageEnhance.Contrast(picture).enhance(float(rng.uniform(0.1, 1.5)))
    grid, detail = (np.asarray(picture.resize((n, n), Image.Resampling.LANCZOS)) for n in (32, 64))
    if has_full_quality(grid[None])[0]:
        assert quality(detail[None])[0] == 100


def test_some_grids_show_full_quality_and_some_do_not() -> None:
    """Coarse noise has full quality; a ramp, fine stripes of one level and a blank do not."""
    noise = np.random.default_rng(1).integers(0, 256, (32, 32)).astype(np.uint8)
    ramp = np.broadcast_to(np.arange(0, 256, 8, dtype=np.uint8), (32, 32))
    faint = (np.indices((32, 32)).sum(axis=0) % 2 * 6 + 100).astype(np.uint8)
    blank = np.zeros((32, 32), dtype=np.uint8)
    found = has_full_quality(np.stack([noise, ramp, faint, blank]))
    assert found.tolist() == [True, False, False, False]
