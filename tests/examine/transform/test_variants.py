"""Variants of real files, examined here and in real workers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from films import FORMATS, film, scene
from hashmatch.examine.sandbox import AnyPool, Job, Pool, Reply, ThreadPool
from hashmatch.examine.transform import examine_variants, variants
from hashmatch.examine.transform import variants as module
from hashmatch.model import Examination, HashKind, Reason
from hashmatch.options import ExamineOptions, Limits, TransformOptions
from pictures import as_mode, encode, flat, hide_colours, photo, with_orientation

NAMES = ("jpeg-50", "crop-5-aside", "noise", "watermark")
KINDS = (HashKind("phash", 64), HashKind("phash", 256))
OPTIONS = ExamineOptions(
    kinds=KINDS, digests=("sha256",), transforms=TransformOptions(NAMES, 3, KINDS[:1])
)


def seen(data: bytes) -> Image.Image:
    """What a picture looks like, but for JPEG's noise at quality 95."""
    return next(variants(data, ("jpeg-95",), 1))


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
    monkeypatch.setattr(sys.modules[module.__module__], "WORKING_PIXELS", 5_000)
    picture = photo(8, 400, 300)
    shown = seen(encode(picture, encoder))
    assert shown.size == (82, 61)
    assert apart(shown, picture.resize(shown.size, Image.Resampling.BOX)) < 8


def file_of(folder: Path, data: bytes) -> Path:
    """A file with these bytes."""
    path = folder / "file"
    path.write_bytes(data)
    return path


def parts(
    path: Path, options: ExamineOptions = OPTIONS, skip: int = 0
) -> list[tuple[bytes | None, Examination | None]]:
    """What comes of a file in this process."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return list(examine_variants(descriptor, options, skip=skip))
    finally:
        os.close(descriptor)


def replies(pool: AnyPool, path: Path) -> list[Reply]:
    """What a pool says of a file."""
    said: list[Reply] = []
    with pool, path.open("rb") as file:
        pool.configure(OPTIONS).submit(Job(file.fileno()))
        while pool.busy:
            said += pool.poll(5)
    return said


def test_each_variant_is_a_part_and_the_file_comes_last(tmp_path: Path) -> None:
    """Every variant is announced and then examined by its own kinds, in the order asked for."""
    found = parts(file_of(tmp_path, encode(photo(1, 96, 72), "PNG")))
    names = [name.encode() for name in NAMES for _ in range(2)]
    assert [name for name, _ in found] == [*names, None]
    assert [one for _, one in found[:-1:2]] == [None] * len(NAMES)
    for _, variant in found[1::2]:
        assert variant is not None
        assert {one.kind for view in variant.views for one in view.hashes} == {KINDS[0]}
    whole = found[-1][1]
    assert whole is not None
    assert {one.kind for view in whole.views for one in view.hashes} == set(KINDS)
    assert len(whole.digests) == 1


def test_skipped_variants_change_nothing_about_the_others(tmp_path: Path) -> None:
    """A worker that takes over after a variant finds the same in the remaining ones."""
    path = file_of(tmp_path, encode(photo(1, 96, 72), "PNG"))
    assert parts(path, skip=2) == parts(path)[4:]


@pytest.mark.parametrize("make", [lambda: Pool(1), lambda: ThreadPool(1)])
def test_workers_find_what_is_found_here(make: type[AnyPool], tmp_path: Path) -> None:
    """Over the protocol come the same parts, with the same hashes."""
    path = file_of(tmp_path, encode(photo(1, 96, 72), "PNG"))
    here = [(name, found) for name, found in parts(path) if found is not None]
    assert [(reply.member, reply.examination) for reply in replies(make(), path)] == here


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (encode(flat(64, 64), "PNG"), None),
        (b"no picture", None),
        (encode(photo(1, 96, 72), "PNG")[:900], Reason.TRUNCATED),
        (b"PK\x03\x04" + bytes(40), Reason.UNSUPPORTED_FORMAT),
        (film([scene(1)], FORMATS["MP4"], 1.0), None),
    ],
    ids=["flat", "text", "cut", "archive", "video"],
)
def test_what_is_no_picture_or_cannot_match_has_no_variants(
    data: bytes, reason: Reason | None, tmp_path: Path
) -> None:
    """A video, and a file without a view that could match, has no variants; a reason is given."""
    ((name, found),) = parts(file_of(tmp_path, data))
    assert name is None
    assert found is not None
    assert found.reason is reason


def test_files_that_are_no_files_or_too_large_say_so(tmp_path: Path) -> None:
    """A folder is a special file; a picture over the limit on bytes is too large."""
    ((_, found),) = parts(tmp_path)
    assert found is not None
    assert found.reason is Reason.SPECIAL_FILE
    small = ExamineOptions(kinds=KINDS, limits=Limits(max_bytes=700), transforms=OPTIONS.transforms)
    ((_, found),) = parts(file_of(tmp_path, encode(photo(1, 96, 72), "PNG")), small)
    assert found is not None
    assert found.reason is Reason.TOO_LARGE


def test_nothing_is_imported_or_opened_after_the_preload() -> None:
    """Once preloaded, every transform of a file of every format needs no other file."""
    formats = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
    files = [encode(photo(1, 60, 40), name) for name in formats]
    code = f"""
import os, sys
from hashmatch.examine.decode import load_decoders
from hashmatch.examine.transform import TRANSFORMS, preload, variants
load_decoders()
preload(tuple(TRANSFORMS))
sys.addaudithook(lambda event, _: event in ("import", "open") and os._exit(9))
for data in {files!r}:
    for _ in variants(data, tuple(TRANSFORMS), 1):
        pass
"""
    command = [sys.executable, "-"]
    assert subprocess.run(command, input=code.encode(), check=False).returncode == 0
