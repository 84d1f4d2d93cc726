"""Measures how far the hashes of previews are from the exact ones, and which bits flip.

    python bench/margins.py [--pictures N] [--seed S]

Screening by previews misses no match as long as a preview flips no more bits than
``Algorithm.max_bit_flips``, and no bit whose measure exceeds ``Algorithm.uncertainty_of``. This
measures both on photograph-like JPEGs of many sizes, qualities, subsamplings and degrees of
detail, blurred and faded ones included, and on regular patterns, for the views that a scan
would screen by. It exits with 1 if a constant is exceeded. A width without constants is measured
and printed all the same, so that you can set them.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

import record
from hashmatch.examine.decode import open_picture
from hashmatch.hashing import ALGORITHMS, QUALITY_GRID, quality
from hashmatch.options import FORMATS, QUALITY_FLOOR, Limits

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))
from regular import regular
from textures import texture

SMALLEST, LARGEST = 100, 2400  # short sides, in pixels
LONGEST = 3600
REGULAR = 0.5  # the share of regular patterns


def picture(rng: random.Random) -> Image.Image:
    """A photograph-like picture of a random size and kind."""
    short = round(SMALLEST * (LARGEST / SMALLEST) ** rng.random())
    size = [short, min(LONGEST, round(short * rng.uniform(1, 2)))]
    rng.shuffle(size)
    if rng.random() < REGULAR:
        return regular(rng.randrange(2**32), *size)
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
    return image


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
            uncertain = np.abs(measures[0]) <= algorithm.uncertainty_of(reduced=opened.reduces)
            if uncertain.mean() > algorithm.max_uncertain_share:
                continue
            flipped = (measures[0] > 0) != (measures[1] > 0)
            largest = np.abs(measures[0][flipped]).max(initial=0)
            yield f"{algorithm.name}-{bits}", opened.reduces, int(flipped.sum()), float(largest)


def main() -> int:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    counts: dict[tuple[str, bool], Counter[int]] = {}
    largest: Counter[tuple[str, bool]] = Counter()
    for _ in range(options.pictures):
        for name, reduced, count, measure in flips(encoded(picture(rng), rng)):
            counts.setdefault((name, reduced), Counter())[count] += 1
            largest[name, reduced] = max(largest[name, reduced], measure)
    results: dict[str, Any] = {"pictures": options.pictures}
    held = True
    for (name, reduced), counted in sorted(counts.items()):
        algorithm = ALGORITHMS[name.split("-")[0]]
        allowed = (algorithm.max_bit_flips or {}).get(int(name.split("-")[1]))
        doubt = algorithm.uncertainty_of(reduced=reduced)
        found = largest[name, reduced]
        what = f"{name}, {'reduced' if reduced else 'luma'}"
        results[what] = {
            "screened": counted.total(),
            "most_flips": max(counted),
            "allowed_flips": allowed,
            "largest_flipped_measure": round(found, 4),
            "doubt": doubt,
            "pictures_by_flips": dict(sorted(counted.items())),
        }
        if allowed is not None:
            held &= max(counted) <= allowed and found <= doubt
        flipped = max(counted) if allowed is None else f"{max(counted)} of {allowed}"
        print(
            f"{what}: {counted.total()} screened, at most {flipped} flips,"
            f" largest flipped measure {found:.3f} of {doubt}"
        )
    print(f"saved as {record.save('margins', options.seed, results)}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
