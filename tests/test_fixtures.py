from __future__ import annotations

import io
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import imagehash
import numpy as np
import pytest
from PIL import ExifTags, Image, ImageChops, ImageOps, ImageSequence

import generate
from pictures import animation, as_mode, hide_colours, letterboxed, padded, photo, with_orientation

ROOT = Path(generate.__file__).parent
IMAGES = ROOT / "benign_images"
COMMITTED = sorted(path.relative_to(IMAGES).as_posix() for path in IMAGES.rglob("[!.]*.*"))
THRESHOLDS = {"phash": 8, "dhash": 4}
ENTRY = re.compile(r"(?:(phash|dhash):)?([0-9a-f]{16}) (\S+) (\S.*)")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the generator makes now, through its command line."""
    output = tmp_path_factory.mktemp("made")
    command = [sys.executable, ROOT / "generate.py", "--output", output]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert str(len(COMMITTED)) in done.stdout
    return output


def entries(folder: Path) -> dict[str, tuple[str, str, imagehash.ImageHash]]:
    """The algorithm, label and hash of every entry, by id. Checks that no line is left over."""
    table = {}
    for line in (folder / "hashes.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            algorithm, code, name, label = ENTRY.fullmatch(line).groups()
            assert name not in table
            table[name] = (algorithm or "phash", label, imagehash.hex_to_hash(code))
    return table


def expectations(folder: Path) -> dict[str, dict[str, str | None]]:
    """The verdict and the entry expected for each file, by path."""
    return json.loads((folder / "expected.json").read_text("utf-8"))


def frames(path: Path) -> list[Image.Image]:
    """Every frame or page of a file."""
    with Image.open(path) as image:
        return [frame.copy() for frame in ImageSequence.Iterator(image)]


def over(image: Image.Image, colour: str) -> Image.Image:
    """How a picture looks over a page of one colour."""
    page = Image.new("RGBA", image.size, colour)
    return Image.alpha_composite(page, image.convert("RGBA")).convert("RGB")


def without_border(image: Image.Image) -> Image.Image:
    """The part of a picture that differs from the colour of its corner."""
    corner = Image.new("RGB", image.size, image.getpixel((0, 0)))
    inside = ImageChops.difference(image, corner).convert("L").point(lambda level: level > 24)
    return image.crop(inside.getbbox())


def readings(path: Path) -> list[Image.Image]:
    """Every view of a file in which a listed pattern may be found."""
    found = []
    for frame in frames(path):
        upright = ImageOps.exif_transpose(frame)
        if upright.mode.startswith("I;16"):
            upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
        white, black = over(upright, "white"), over(upright, "black")
        found += [white, black]
        if "padded" in path.name or "letterboxed" in path.name:
            found.append(without_border(white))
    return found


def test_the_same_files_are_made(made: Path) -> None:
    """The generator makes exactly the committed files."""
    names = (path.relative_to(made) for path in (made / "benign_images").rglob("*.*"))
    assert sorted(name.relative_to("benign_images").as_posix() for name in names) == COMMITTED


def test_the_same_pictures_are_made(made: Path) -> None:
    """A regenerated file has the same pixels, apart from the rounding of lossy codecs."""
    for name in COMMITTED:
        committed, again = frames(IMAGES / name), frames(made / "benign_images" / name)
        lossy = name.endswith((".jpg", ".mpo")) or (name.endswith(".webp") and "loss" not in name)
        tolerance = 2 if lossy and "hidden" not in name else 0
        assert len(committed) == len(again), name
        for ours, theirs in zip(committed, again, strict=True):
            assert (ours.mode, ours.size) == (theirs.mode, theirs.size), name
            pixels = [np.asarray(image.convert("RGBA"), dtype=np.int16) for image in (ours, theirs)]
            assert np.abs(pixels[0] - pixels[1]).mean() <= tolerance, name


def test_the_same_list_is_made(made: Path) -> None:
    """A regenerated list has the same entries; hashes of lossy files may differ by 4 bits."""
    committed, again = entries(ROOT), entries(made)
    assert list(committed) == list(again)
    for name, (algorithm, label, code) in committed.items():
        assert again[name][:2] == (algorithm, label)
        assert code - again[name][2] <= (0 if name.startswith("random") else 4)


def test_the_same_expectations_are_made(made: Path) -> None:
    """The regenerated expectations equal the committed ones, and cover every file."""
    assert expectations(ROOT) == expectations(made)
    assert sorted(expectations(ROOT)) == COMMITTED


def test_one_seed_gives_one_set_of_bytes(made: Path) -> None:
    """The same seed gives the same bytes in another process; another seed gives other pictures."""
    for fixture in generate.fixtures(generate.SEED):
        assert (made / "benign_images" / fixture.path).read_bytes() == fixture.data
    first, other = (next(generate.fixtures(seed)) for seed in (generate.SEED, generate.SEED + 1))
    assert first.path == other.path
    assert first.data != other.data


def test_the_pictures_are_many_and_small() -> None:
    """There are at least 24 pictures, under 4 MB in total."""
    assert len(COMMITTED) >= 24
    assert sum((IMAGES / name).stat().st_size for name in COMMITTED) < 4_000_000


def test_every_format_and_mode_is_there() -> None:
    """Each format, mode and peculiarity that the fixtures cover is in some file."""
    kinds, moving, turned, traits = set(), set(), set(), set()
    for name in COMMITTED:
        with Image.open(IMAGES / name) as image:
            kinds.add((image.format, image.mode))
            if getattr(image, "n_frames", 1) > 1:
                moving.add(image.format)
            turned.add(image.getexif().get(ExifTags.Base.Orientation, 1))
            traits |= {key for key in ("progressive", "transparency") if key in image.info}
    assert kinds >= {
        *(("JPEG", mode) for mode in ("RGB", "L", "CMYK")),
        *(("PNG", mode) for mode in ("RGB", "RGBA", "P", "LA", "1", "I;16")),
        *(("TIFF", mode) for mode in ("RGB", "CMYK", "I;16")),
        *(("WEBP", mode) for mode in ("RGB", "RGBA")),
        *(("BMP", mode) for mode in ("RGB", "1")),
        ("GIF", "P"),
        ("MPO", "RGB"),
    }
    assert moving >= {"GIF", "MPO", "PNG", "TIFF", "WEBP"}
    assert turned >= {1, 3, 5, 6, 8}
    assert traits == {"progressive", "transparency"}


def test_the_list_holds_patterns_and_random_bits() -> None:
    """The list has entries of both algorithms, none of them flat, and a complete header."""
    header = (ROOT / "hashes.txt").read_text("utf-8").partition("\n")[2]
    assert header.startswith("# algorithm: phash\n# name: synthetic\n# version: 1\n# created: ")
    table = entries(ROOT)
    assert sum(name.startswith("random-") for name in table) == 200
    assert {algorithm for algorithm, _, _ in table.values()} == {"phash", "dhash"}
    assert all(8 <= np.count_nonzero(code.hash) <= 56 for _, _, code in table.values())


def test_originals_are_far_apart() -> None:
    """No two listed or unrelated patterns are within 16 bits of each other."""
    plain = {"flat.png", "ramp.png", "chessboard.png"}
    patterns = [
        over(frames(IMAGES / name)[0], "white")
        for name in COMMITTED
        if name.startswith(("originals/", "unrelated/")) and Path(name).name not in plain
    ]
    for algorithm in (imagehash.phash, imagehash.dhash):
        codes = [algorithm(pattern) for pattern in patterns]
        assert min(a - b for a, b in itertools.combinations(codes, 2)) > 16


def test_files_show_what_is_expected_of_them() -> None:
    """By imagehash, a file is near the entry it is expected to match and far from all others."""
    listed = entries(ROOT)
    for name, expected in expectations(ROOT).items():
        codes = {
            algorithm: [hashing(reading) for reading in readings(IMAGES / name)]
            for algorithm, hashing in generate.ALGORITHMS.items()
        }
        for entry, (algorithm, _, code) in listed.items():
            nearest = min(code - own for own in codes[algorithm])
            if entry == expected["entry"]:
                assert nearest <= THRESHOLDS[algorithm], (name, entry)
            else:
                assert nearest > THRESHOLDS[algorithm] + 2, (name, entry)


@pytest.mark.parametrize("size", [(640, 480), (200, 200), (90, 1200), (3000, 170)])
def test_photos_have_ordinary_hashes(size: tuple[int, int]) -> None:
    """Test pictures hash like photographs: 32 bits set, and detail well above the floor."""
    for seed in range(8):
        picture = photo(seed, *size)
        assert (picture.mode, picture.size) == ("RGB", size)
        assert imagehash.phash(picture).hash.sum() == 32
        grey = picture.convert("L").resize((64, 64), Image.Resampling.BOX)
        levels = np.asarray(grey, dtype=np.int64)
        steps = sum((np.abs(np.diff(levels, axis=axis)) * 100 // 255).sum() for axis in (0, 1))
        assert steps / 90 > 65


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 4), (3000, 17), (17, 3000)])
def test_photos_come_in_any_size(size: tuple[int, int]) -> None:
    """A picture has the requested size, and is the same each time."""
    assert photo(1, *size).size == size
    assert photo(1, *size).tobytes() == photo(1, *size).tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations_show_the_same_picture(orientation: int) -> None:
    """In every orientation, turning the picture upright gives the original pixels."""
    picture = photo(2, 60, 40)
    image = Image.open(io.BytesIO(with_orientation(picture, orientation, "PNG")))
    assert image.getexif()[ExifTags.Base.Orientation] == orientation
    assert image.size == ((60, 40) if orientation < 5 else (40, 60))
    assert ImageOps.exif_transpose(image).tobytes() == picture.tobytes()


def test_hidden_colours_are_hidden() -> None:
    """Two pictures with different colours under alpha 0 look the same over any page, yet differ."""
    picture = photo(3, 160, 120)
    first, second = hide_colours(picture, "red"), hide_colours(picture, photo(4, 160, 120))
    assert first.convert("RGB").tobytes() != second.convert("RGB").tobytes()
    for colour in ("white", "black", "green"):
        assert over(first, colour).tobytes() == over(second, colour).tobytes()
    assert {0, 128, 255} <= set(first.getchannel("A").tobytes())


def test_borders_surround_the_whole_picture() -> None:
    """Padding and letterbox bars are added around unchanged pixels."""
    picture = photo(5, 160, 120)
    assert padded(picture, 0.1, "white").crop((16, 12, 176, 132)).tobytes() == picture.tobytes()
    assert padded(picture, 0.1, "white").getpixel((15, 60)) == (255, 255, 255)
    wide = letterboxed(picture, 16 / 9)
    assert wide.size == (214, 120)
    assert wide.crop((27, 0, 187, 120)).tobytes() == picture.tobytes()
    assert letterboxed(picture, 1).size == (160, 160)


@pytest.mark.parametrize("mode", ["L", "LA", "1", "P", "CMYK", "RGBA", "I;16", "I", "F"])
def test_modes_hold_the_same_picture(mode: str) -> None:
    """A picture converted to another mode has that mode, and looks the same."""
    picture = photo(6, 320, 240)
    other = as_mode(picture, mode)
    assert other.mode == mode
    if mode == "I;16":
        levels = np.asarray(other)
        assert np.abs(levels / 257 - np.asarray(picture.convert("L"))).max() <= 1
        assert len(np.unique(levels)) > 256
    else:
        assert imagehash.phash(other) - imagehash.phash(picture) <= 4


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "MPO"])
def test_animations_hold_all_frames(kind: str) -> None:
    """Every frame is in the file, in order."""
    given = [photo(seed, 80, 60) for seed in range(3)]
    with Image.open(io.BytesIO(animation(given, kind))) as image:
        assert image.format == kind
        held = [frame.convert("RGB") for frame in ImageSequence.Iterator(image)]
    assert len(held) == 3
    for ours, theirs in zip(given, held, strict=True):
        assert imagehash.phash(ours) - imagehash.phash(theirs) <= 4
