"""Measures how far the hashes of previews are from the exact ones, and which bits flip.

    python bench/margins.py [--pictures N] [--first I] [--seed S] [--add RUN] [--scenes]
                            [--largest PIXELS]

Screening by previews misses no match as long as a preview flips no more bits than
``Algorithm.max_bit_flips``, and no bit whose measure exceeds ``Algorithm.uncertainty_of``. This
measures both on JPEGs of many sizes, qualities and subsamplings: textures with more or less detail,
blurred and faded ones included, scenes with skies, walls, vignettes and letterboxes, some of them
framed as well, and regular patterns. It takes the views that a scan would screen by. It then puts
entries around the exact hashes of each picture, at and just beyond the thresholds 4, 8, 12 and 16,
and compares the outcomes of ``fast`` and ``exact``.

It exits with 1 if a constant is exceeded or an outcome differs. A width without constants is only
measured and printed, so that you can set them. Each picture depends on its number and
the options alone, so you can measure in pieces: ``--add`` adds to what an earlier run counted.
With ``--scenes``, all pictures are scenes, half of them framed.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

import record
from hashmatch import Entry, HashKind, HashList, Matcher, PerceptualHash
from hashmatch.examine.decode import open_picture
from hashmatch.examine.examination import examine
from hashmatch.hashing import ALGORITHMS, QUALITY_GRID, quality
from hashmatch.options import FORMATS, QUALITY_FLOOR, ExamineOptions, Limits

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))
from regular import regular
from textures import scene, texture

SMALLEST, LARGEST = 100, 2400  # short sides, in pixels
LONGEST = 3600
REGULAR = 0.25  # the share of regular patterns
SCENES = 0.5  # the share of scenes
TINTS = ("black", "white", "#f4f1ea", "#203050")  # of frames
THRESHOLDS = (4, 8, 12, 16)  # bits of 64
KINDS = tuple(HashKind(name, bits) for name in ("dhash", "phash") for bits in (64, 256))


def picture(
    rng: random.Random, largest: int = LARGEST, *, scenes: bool = False
) -> tuple[Image.Image, bool]:
    """A picture of a random size and kind, and whether it is a regular pattern."""
    short = round(SMALLEST * (largest / SMALLEST) ** rng.random())
    size = [short, min(LONGEST, round(short * rng.uniform(1, 2)))]
    rng.shuffle(size)
    share = REGULAR if scenes else rng.random()
    if share < REGULAR:
        return regular(rng.randrange(2**32), *size), True
    if share < REGULAR + SCENES:
        image = scene(rng.randrange(2**32), *size, roughness=rng.uniform(0.5, 0.9))
        if rng.random() < 0.5:
            image = ImageOps.expand(image, min(size) // rng.randint(6, 120), rng.choice(TINTS))
        return image, False
    image = texture(
        rng.randrange(2**32), *size, roughness=rng.uniform(0.5, 0.9), shapes=rng.randrange(12)
    )
    kind = rng.randrange(6)
    if kind == 0:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, min(size) / 40)))
    elif kind == 1:
        image = ImageEnhance.Contrast(image).enhance(rng.uniform(0.1, 0.6))
    elif kind == 2:
        image = ImageEnhance.Color(image).enhance(rng.uniform(1.5, 6))  # clipped colours
    elif kind == 3:
        image = ImageEnhance.Brightness(image).enhance(rng.choice([0.3, 1.8]))
    return image, False


def encoded(image: Image.Image, rng: random.Random) -> bytes:
    """The picture as a JPEG of random quality, subsampling and scan order."""
    file = io.BytesIO()
    image.save(
        file,
        "JPEG",
        quality=rng.randint(25, 95),
        subsampling=rng.randrange(3),
        progressive=rng.random() < 0.3,
    )
    return file.getvalue()


def flips(data: bytes) -> Iterator[tuple[str, bool, int, float]]:
    """For each kind of hash: how many bits of it a preview flips, and the largest flipped measure.

    The flag says whether the preview is at reduced scale. A preview that a scan would not screen
    by gives nothing.
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
    seen, full = preview[0], exact[0]
    for algorithm in ALGORITHMS.values():
        for bits in algorithm.thresholds if algorithm.grid else algorithm.max_bit_flips or ():
            if algorithm.grid is None:
                pair = [view.whole(colour=algorithm.colour)[None] for view in (seen, full)]
            else:
                pair = [view.grey(*algorithm.grid(bits))[None] for view in (seen, full)]
            measures = [algorithm.measure(grey, bits)[0] for grey in pair]
            uncertain = algorithm.uncertain(measures[0][None], reduced=opened.reduces)
            if uncertain.mean() > algorithm.max_uncertain_share:
                continue
            flipped = (measures[0] > 0) != (measures[1] > 0)
            largest = np.abs(measures[0][flipped]).max(initial=0)
            yield f"{algorithm.name}-{bits}", opened.reduces, int(flipped.sum()), float(largest)


def entries_around(exact: PerceptualHash, rng: random.Random) -> HashList:
    """A list with entries at each threshold and one bit further from a picture's exact hash."""
    entries = []
    for threshold in THRESHOLDS:
        for away in (0, 1):
            words = list(exact.words)
            for place in rng.sample(range(exact.bits), threshold * exact.bits // 64 + away):
                words[place // 64] ^= 1 << place % 64
            entry = PerceptualHash(exact.algorithm, exact.bits, tuple(words))
            entries.append(Entry(f"{threshold}+{away}", entry))
    return HashList.from_entries(entries, name="around")


def disagreements(data: bytes, rng: random.Random) -> Iterator[tuple[str, list[int]]]:
    """For each kind of hash with a preview: the thresholds at which that changes the outcome."""
    whole = examine(data, ExamineOptions(kinds=KINDS))
    for column, kind in enumerate(KINDS):
        preview = examine(data, ExamineOptions(kinds=(kind,), fast=True))
        if preview.exact:
            continue
        views = [replace(view, hashes=(view.hashes[column],)) for view in whole.views]
        exact = replace(whole, views=tuple(views))
        around = entries_around(exact.views[0].hashes[0], rng)
        differing = []
        for threshold in THRESHOLDS:
            bits = threshold * kind.bits // 64
            matcher = Matcher(around, threshold=bits, isolate=False)
            screened = matcher.screen([preview])[0]
            if screened is not None and screened != matcher.judge([exact])[0]:
                differing.append(threshold)
        yield str(kind), differing


def main() -> int:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=3000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--add", type=Path)
    parser.add_argument("--scenes", action="store_true")
    parser.add_argument("--largest", type=int, default=LARGEST)
    options = parser.parse_args()
    results: dict[str, Any] = {
        "pictures": 0,
        "regular": 0,
        "compared": {},
        "differing": [],
        "exceeding": [],
    }
    if options.add is not None:
        results = json.loads(options.add.read_text("utf-8"))["results"]
    for number in range(options.first, options.first + options.pictures):
        rng = random.Random(f"{options.seed}:{number}")
        image, is_regular = picture(rng, options.largest, scenes=options.scenes)
        data = encoded(image, rng)
        results["pictures"] += 1
        results["regular"] += is_regular
        for name, reduced, count, measure in flips(data):
            what = f"{name}, {'reduced' if reduced else 'luma'}"
            _note(results.setdefault(what, {}), count, measure)
            if not _is_allowed(what, count, measure):
                results["exceeding"].append([number, what, count, round(measure, 4)])
        for kind, thresholds in disagreements(data, rng):
            results["compared"][kind] = results["compared"].get(kind, 0) + 1
            results["differing"] += [[number, kind, threshold] for threshold in thresholds]
    compared = ", ".join(f"{kind} {count}" for kind, count in sorted(results["compared"].items()))
    print(f"{results['pictures']} pictures; previews compared with exact: {compared}")
    for number, kind, threshold in results["differing"]:
        print(f"picture {number}: fast and exact differ in {kind} at threshold {threshold}")
    for number, what, count, measure in results["exceeding"]:
        print(f"picture {number}: {what} flips {count} bits, the largest at {measure}")
    for what in sorted(key for key in results if ", " in key):
        _report(what, results[what])
    name = "margins-scenes" if options.scenes else "margins"
    print(f"saved as {record.save(name, options.seed, results)}")
    return 1 if results["differing"] or results["exceeding"] else 0


def _note(counted: dict[str, Any], count: int, measure: float) -> None:
    by_flips = counted.setdefault("pictures_by_flips", {})
    by_flips[str(count)] = by_flips.get(str(count), 0) + 1
    counted["largest_flipped_measure"] = max(
        counted.get("largest_flipped_measure", 0), round(measure, 4)
    )


def _limits(what: str) -> tuple[int | None, float]:
    """How many bits a kind of preview may flip, and up to which measure; None if not known yet."""
    name, _, reduced = what.partition(", ")
    algorithm_name, _, bits = name.partition("-")
    algorithm = ALGORITHMS[algorithm_name]
    allowed = (algorithm.max_bit_flips or {}).get(int(bits))
    return allowed, algorithm.uncertainty_of(reduced=reduced == "reduced")


def _is_allowed(what: str, count: int, measure: float) -> bool:
    allowed, doubt = _limits(what)
    return allowed is None or (count <= allowed and measure <= doubt)


def _report(what: str, counted: dict[str, Any]) -> None:
    """Sum up and print what was found of one hash and kind of preview."""
    allowed, doubt = _limits(what)
    by_flips = {int(count): pictures for count, pictures in counted["pictures_by_flips"].items()}
    found = counted["largest_flipped_measure"]
    counted["pictures_by_flips"] = {str(count): by_flips[count] for count in sorted(by_flips)}
    counted |= {"screened": sum(by_flips.values()), "most_flips": max(by_flips)}
    counted |= {"allowed_flips": allowed, "doubt": doubt}
    flipped = max(by_flips) if allowed is None else f"{max(by_flips)} of {allowed}"
    print(
        f"{what}: {counted['screened']} screened, at most {flipped} flips,"
        f" largest flipped measure {found:.3f} of {doubt}"
    )


if __name__ == "__main__":
    sys.exit(main())
