"""Turn one file into its variants: the picture as a viewer shows it, changed in each chosen way."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageOps

from hashmatch.errors import DecodeError
from hashmatch.examine.decode import load_decoders, sniff
from hashmatch.examine.decode.wide import WIDE_MODES
from hashmatch.examine.examination import examine
from hashmatch.examine.inputs import read_content
from hashmatch.examine.reading import steady
from hashmatch.examine.transform.encodings import examine_reencodings
from hashmatch.examine.transform.register import TRANSFORMS
from hashmatch.model import Examination
from hashmatch.options import ExamineOptions

WORKING_PIXELS = 2_000_000
"""Larger pictures are scaled down to this before they are changed, as platforms do on upload."""


def preload(names: Sequence[str]) -> None:
    """Apply each transform once, so that whatever Pillow imports lazily is imported.

    Pillow loads its encoders on the first save, and NumPy its generators on first use. By then, a
    worker has no right to open their files.
    """
    file = io.BytesIO()
    Image.new("RGB", (48, 32), "teal").save(file, "JPEG")
    for _ in variants(file.getvalue(), names, seed=0):
        pass


def examine_variants(
    descriptor: int, options: ExamineOptions, *, skip: int = 0
) -> Iterator[tuple[bytes | None, Examination | None]]:
    """Examine an open file and, if it is a picture with enough detail, each of its variants.

    Yields:
        Each transform's name with None as its variant begins, then with the examination; at the
        end, None with the examination of the file itself.
    """
    asked = options.transforms
    assert asked is not None  # noqa: S101 # the caller has looked
    if asked.encodings:
        yield from examine_reencodings(descriptor, options, asked.encodings[skip:])
        return
    try:
        with steady(descriptor) as (file, size):
            data = read_content(file, options, size)
        found = data if isinstance(data, Examination) else examine(data, options)
    except DecodeError as error:
        yield None, Examination.failed(error)
        return
    if isinstance(data, bytes) and _is_worth_changing(found, options):
        names = [name.encode() for name in asked.names[skip:]]
        changed = variants(data, asked.names[skip:], asked.seed)
        for name in names:
            yield name, None
            yield name, examine(next(changed), options.of_part(name))
    yield None, found


def _is_worth_changing(found: Examination, options: ExamineOptions) -> bool:
    """Whether this is a picture, wholly examined, and any of its views could match.

    A video has views too, but no one picture to change.
    """
    return (
        found.reason is None
        and found.kind is None
        and any(view.quality >= options.quality_floor for view in found.views)
    )


def variants(data: bytes, names: Sequence[str], seed: int) -> Iterator[Image.Image]:
    """Change a picture in each chosen way.

    The seed decides every place and grain, together with the file and the transform's name, so that
    the order of work changes nothing.
    """
    # Decoded at once: if that kills the worker, the file is to blame and not a variant of it
    picture = _visible(data)
    digest = hashlib.sha256(data).hexdigest()
    return (TRANSFORMS[name](picture, _generator(f"{seed}:{digest}:{name}")) for name in names)


def _generator(text: str) -> np.random.Generator:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
    return np.random.Generator(np.random.PCG64(seed))


def _visible(data: bytes) -> Image.Image:
    """The first frame as a viewer shows it: upright, over white, in mode ``RGB``, not too large.

    Only for bytes that ``examine`` accepted: they are within the limits, and they decode.
    """
    name = sniff(data)
    load_decoders(frozenset({name} if name else ()))
    picture: Image.Image = Image.open(io.BytesIO(data), formats=(name,) if name else ())
    # A JPEG may decode at half of its size or less; other formats ignore this
    picture.draft("RGB", _working_size(picture))
    picture = ImageOps.exif_transpose(picture)
    if picture.mode in WIDE_MODES:
        picture = _narrowed(picture)
    if picture.has_transparency_data:
        ground = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(ground, picture.convert("RGBA"))
    return picture.convert("RGB").resize(
        _working_size(picture), Image.Resampling.BICUBIC, reducing_gap=2.0
    )


def _working_size(picture: Image.Image) -> tuple[int, int]:
    factor = min(1.0, (WORKING_PIXELS / (picture.width * picture.height)) ** 0.5)
    return max(1, round(factor * picture.width)), max(1, round(factor * picture.height))


def _narrowed(picture: Image.Image) -> Image.Image:
    """Scale greys of more than 8 bits down to 8."""
    values = np.nan_to_num(np.asarray(picture).astype(np.float64), posinf=0.0, neginf=0.0)
    values -= values.min()
    return Image.fromarray((values * (255 / max(values.max(), 1))).astype(np.uint8))
