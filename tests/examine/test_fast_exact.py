"""Fast scans give the records of exact ones, and what that rests on is measured again."""

from __future__ import annotations

import io
import json
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from counts import LONG
from hashmatch import Entry, HashKind, HashList, PerceptualHash
from hashmatch.examine.decode import open_picture
from hashmatch.examine.examination import examine
from hashmatch.hashing import ALGORITHMS, QUALITY_GRID, quality
from hashmatch.options import FORMATS, QUALITY_FLOOR, ExamineOptions, Limits
from hashmatch.report import file_record
from hashmatch.scan import make_pool, scan
from matchers import in_process
from pictures import animation, as_mode, encode, letterboxed, padded, photo, scene, with_orientation
from regular import regular

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "benign_images"
HASHES = {"phash": imagehash.phash, "dhash": imagehash.dhash}


def near(image: Image.Image, name: str, rng: random.Random) -> Entry:
    """An entry 0 to 14 bits in 64 from what imagehash makes of a picture, by some algorithm."""
    algorithm, size = rng.choice([*HASHES]), rng.choice([8, 16])
    bits = size * size
    value = int(str(HASHES[algorithm](image, hash_size=size)), 16)
    for place in rng.sample(range(bits), rng.randint(0, 14 * bits // 64)):
        value ^= 1 << place
    text = f"{value:0{bits // 4}x}"
    return Entry(f"{name}-{algorithm}-{bits}", PerceptualHash.from_hex(text, algorithm))


def small_photo(rng: random.Random, short: int) -> Image.Image:
    """A picture out of a seed, its shorter side so many pixels; half of them with a background."""
    sides = [short, round(short * rng.uniform(1, 1.8))]
    rng.shuffle(sides)
    draw = rng.choice([photo, scene])
    return draw(rng.randrange(2**32), *sides, roughness=rng.uniform(0.6, 0.9))


def variant(image: Image.Image, rng: random.Random) -> bytes:
    """The picture as some file: mostly JPEGs, since only those have previews."""
    changes = (
        lambda i: i.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 3))),
        lambda i: ImageEnhance.Contrast(i).enhance(rng.uniform(0.2, 1.5)),
        lambda i: ImageEnhance.Color(i).enhance(rng.uniform(0, 4)),
        lambda i: letterboxed(i, rng.uniform(1.4, 2.4)),
        lambda i: padded(i, rng.uniform(0.01, 0.2), rng.choice(["white", "black", "red"])),
        lambda i: i.convert(rng.choice(["L", "CMYK"])),
    )
    if rng.random() < 0.5:
        image = rng.choice(changes)(image)
    kind = rng.randrange(10)
    if kind == 0 and image.mode == "RGB":
        return with_orientation(image, rng.randint(2, 8), quality=85)
    if kind == 1 and image.mode == "RGB":
        return encode(as_mode(image, rng.choice(["P", "L", "RGBA", "I;16"])), "PNG")
    if kind == 2 and image.mode == "RGB":
        return animation([image, image.transpose(Image.Transpose.ROTATE_180)], "MPO")
    return encode(
        image,
        "JPEG",
        quality=rng.randint(20, 95),
        subsampling=rng.randrange(3),
        progressive=rng.random() < 0.2,
    )


def records(paths: Sequence[Path], entries: HashList, mode: str, jobs: int) -> list[str]:
    """What a scan writes of each file."""
    matcher = in_process(entries, decode=mode)
    pool = make_pool(jobs)
    try:
        results = scan([os.fsencode(path) for path in paths], matcher, pool)
        return [json.dumps(file_record(result)) for result in results]
    finally:
        pool.close()


def assert_same_records(folder: Path, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Fast with two jobs and exact with one must agree; what they agree on."""
    hash_list = HashList.from_entries(entries, name="near")
    first = records([folder], hash_list, "exact", 1)
    assert records([folder], hash_list, "fast", 2) == first
    return [json.loads(record) for record in first]


@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
def test_fast_equals_exact_on_the_fixtures() -> None:
    """Every fixture gets byte-identical records, with entries at 0 to 14 bits from each."""
    rng = random.Random(1)
    entries: list[Entry] = []
    for path in sorted(FIXTURES.rglob("*.*")):
        with Image.open(path) as image:
            entries += [near(image, path.stem, rng) for _ in range(3)]
    unique = list({entry.id: entry for entry in entries}.values())
    found = assert_same_records(FIXTURES, unique)
    assert sum(record["verdict"] == "match" for record in found) > 30


def test_fast_equals_exact_on_generated_variants(tmp_path: Path) -> None:
    """Variants of pictures, with entries near each, get byte-identical records in both modes."""
    rng = random.Random(20)
    entries: list[Entry] = []
    number = 0
    while number < (5_000 if LONG else 60):
        image = small_photo(rng, rng.choice([40, 120, 250, 300, 520, 600]))
        for _ in range(4):
            data = variant(image, rng)
            (tmp_path / f"{number:05}").write_bytes(data)
            if rng.random() < 0.4:
                with Image.open(io.BytesIO(data)) as stored:
                    entries.append(near(stored, str(number), rng))
            number += 1
    found = assert_same_records(tmp_path, entries)
    assert len(found) == number
    verdicts = [record["verdict"] for record in found]
    assert verdicts.count("match") > number / 10
    assert verdicts.count("clear") > number / 10


@pytest.mark.parametrize("seed", range(3))
def test_marks_in_a_letterbox_change_no_verdict(seed: int) -> None:
    """A mark that full decoding overlooks in a bar hides the bar from no fast scan."""
    inner = photo(seed, 960, 540)
    page = letterboxed(inner, 4 / 3)
    for top in (0, page.height - 9):
        page.paste("white", (851, top, 851 + 9, top + 9))
    data = encode(page, "JPEG", quality=92)
    entry = Entry("inner", PerceptualHash.from_imagehash(imagehash.phash(inner)))
    entries = HashList.from_entries([entry], name="one")
    fast, exact = (in_process(entries, decode=mode).match(data) for mode in ("fast", "exact"))
    assert [match.view for match in exact.matches] == ["trimmed"]
    assert fast == exact


def flips(data: bytes) -> Iterator[tuple[str, int, int, float]]:
    """For each kind of hash: what a preview flips, what it may, and the largest flipped measure.

    Nothing where a scan would not screen by the preview.
    """
    opened = open_picture(data, FORMATS, Limits())
    assert opened is not None
    preview = opened.preview()
    if preview is None:
        return
    detail = quality(np.stack([view.detail(QUALITY_GRID) for view in preview]))
    if detail.min() < QUALITY_FLOOR:
        return
    (exact,) = opened.views()
    for algorithm in ALGORITHMS.values():
        for bits, allowed in (algorithm.max_bit_flips or {}).items():
            if algorithm.grid is None:
                pair = [v.whole(colour=algorithm.colour)[None] for v in (preview[0], exact[0])]
            else:
                pair = [v.grey(*algorithm.grid(bits))[None] for v in (preview[0], exact[0])]
            seen, full = (algorithm.measure(grey, bits)[0] for grey in pair)
            uncertain = algorithm.uncertain(seen[None], reduced=opened.reduces)
            if uncertain.mean() > algorithm.max_uncertain_share:
                continue
            flipped = (seen > 0) != (full > 0)
            largest = float(np.abs(seen[flipped]).max(initial=0))
            name = f"{algorithm.name}-{bits}"
            doubt = algorithm.uncertainty_of(reduced=opened.reduces)
            yield name, int(flipped.sum()), allowed, largest / doubt


def test_previews_flip_only_what_the_constants_allow() -> None:
    """No flipped bit lies outside the uncertain ones, and none are more than the table says."""
    rng = random.Random(300)
    screened = 0
    for _ in range(3_000 if LONG else 20):
        side = round(128 * 6 ** rng.random())
        image = small_photo(rng, side)
        kind = rng.random()
        if kind < 0.4:
            image = regular(rng.randrange(2**32), round(side * 1.3), side)
        elif kind < 0.7:
            image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 3)))
        data = encode(image, "JPEG", quality=rng.randint(25, 95), subsampling=rng.randrange(3))
        for name, count, allowed, share in flips(data):
            screened += 1
            assert count <= allowed, name
            assert share <= 1, name
    assert screened > (2_000 if LONG else 14)


@pytest.mark.parametrize("size", [(640, 480), (1000, 600), (1600, 1200)])
def test_soft_chessboards_are_found_either_way(size: tuple[int, int]) -> None:
    """A preview of which most bits are uncertain is not used, so fast finds what exact finds."""
    board = np.kron(np.indices((4, 4)).sum(axis=0) % 2, np.ones((50, 50))) * 255
    soft = Image.fromarray(board.astype(np.uint8)).resize((202, 202), Image.Resampling.BILINEAR)
    listed = soft.resize((900, 700), Image.Resampling.LANCZOS)
    entry = Entry("board", PerceptualHash.from_imagehash(imagehash.phash(listed)))
    entries = HashList.from_entries([entry], name="one")
    data = encode(soft.resize(size, Image.Resampling.LANCZOS), "JPEG", quality=60)
    for threshold in (4, 8, 12, 16):
        fast, exact = (
            in_process(entries, threshold=threshold, decode=mode).match(data)
            for mode in ("fast", "exact")
        )
        assert fast == exact


@pytest.mark.parametrize("algorithm", ["phash", "dhash"])
def test_screening_does_screen(tmp_path: Path, algorithm: str) -> None:
    """A picture whose preview is far from every entry is not decoded in full, a near one is."""
    path = tmp_path / "a.jpg"
    photo(5, 640, 480).save(path, quality=85)
    with Image.open(path) as image:
        value = str(HASHES[algorithm](image))
    far = f"{int(value, 16) ^ 0xFFFF_FFFF:016x}"
    from hashmatch.examine.examination import examine  # noqa: PLC0415 # only here

    for text, decided in ((value, False), (far, True)):
        entry = Entry("a", PerceptualHash.from_hex(text, algorithm))
        matcher = in_process(HashList.from_entries([entry], name="one"))
        (outcome,) = matcher.screen([examine(path, matcher.options)])
        assert (outcome is not None) is decided


def test_fast_equals_exact_on_regular_patterns_and_photographs() -> None:
    """At thresholds 4, 8, 12 and 16, regular patterns and photographs have the same outcomes."""
    rng = random.Random(415)
    for _ in range(5_000 if LONG else 10):
        side = rng.choice([140, 300, 520])
        if rng.random() < 0.7:
            image = regular(rng.randrange(2**32), round(side * rng.uniform(1, 1.6)), side)
        else:
            image = small_photo(rng, side)
        data = encode(image, "JPEG", quality=rng.randint(25, 95), subsampling=rng.randrange(3))
        unique = {entry.id: entry for entry in (near(image, "a", rng) for _ in range(3))}
        entries = HashList.from_entries(unique.values(), name="near")
        for threshold in (4, 8, 12, 16):
            fast, exact = (
                in_process(entries, threshold=threshold, decode=mode).match(data)
                for mode in ("fast", "exact")
            )
            assert fast == exact


@pytest.mark.parametrize("kinds", [("phash",), ("dhash",), ("phash", "dhash")])
def test_quality_is_that_of_the_preview_either_way(kinds: tuple[str, ...]) -> None:
    """From much detail to little, both scans record the same quality, turned or not."""
    wanted = ExamineOptions(kinds=tuple(HashKind(name, 64) for name in kinds))
    found: set[int | None] = set()
    for number, blur in enumerate((0, 1, 1.5, 2, 2.5, 3, 3.5, 4, 5, 8)):
        for size in ((300, 240), (620, 500)):
            picture = photo(number, *size).filter(ImageFilter.GaussianBlur(blur * size[0] / 300))
            for data in (encode(picture, "JPEG", quality=85), with_orientation(picture, 6)):
                exact, fast = examine(data, wanted), examine(data, replace(wanted, fast=True))
                assert fast.quality == exact.quality
                qualities = {view.view: view.quality for view in exact.views}
                assert all(qualities[view.view] == view.quality for view in fast.views)
                found.add(exact.quality)
    assert 100 in found
    assert min(each for each in found if each is not None) < 90


def test_quality_is_that_of_the_preview_where_colours_alone_make_detail() -> None:
    """White and pink of the same luma are a blank preview, though pixels in full differ in grey."""
    side = 256
    chroma = np.where((np.indices((side, side)) // 8).sum(axis=0) % 2, 255, 128).astype(np.uint8)
    luma = Image.new("L", (side, side), 255)
    picture = Image.merge("YCbCr", [luma, *[Image.fromarray(chroma)] * 2])
    data = encode(picture, "JPEG", quality=95, subsampling=0)
    wanted = ExamineOptions(kinds=(HashKind("dhash", 64), HashKind("phash", 64)))
    exact, fast = examine(data, wanted), examine(data, replace(wanted, fast=True))
    assert exact.quality == fast.quality == 0
