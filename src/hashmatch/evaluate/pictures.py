"""One picture: its hashes, its everyday variants, and how far each lies from it.

This is what runs in a process of its own, beside bytes that nobody vouches for. It holds no list,
and of the variants it gives back distances alone.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageOps

from hashmatch.errors import DecodeError
from hashmatch.evaluate.settings import WORKING_PIXELS, Settings
from hashmatch.evaluate.transforms import TRANSFORMS
from hashmatch.examine.decode import load_decoders, sniff
from hashmatch.examine.examination import examine
from hashmatch.examine.reading import open_file, steady
from hashmatch.hashing.distance import hamming_distance
from hashmatch.model import ExamineOptions, HashKind, PerceptualHash, Reason, ViewHashes

Distances: TypeAlias = tuple[int, ...]

IDENTITY_KINDS = (HashKind("phash", 256), HashKind("dhash", 256))
"""Computed of every picture, to tell copies of it from others: see ``identity``."""

_WIDE_MODES = frozenset({"I", "F", "I;16", "I;16B", "I;16L", "I;16N"})


@dataclass(frozen=True, slots=True)
class Variant:
    """One view of a variant.

    Attributes:
        view: its name.
        distances: to the original, in bits, by ``Settings.kinds``.
    """

    view: str
    distances: Distances


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one file.

    Attributes:
        digest: SHA-256 of its bytes, hex; empty where they could not be read.
        problem: why it is no use, in words; None where it is of use.
        low_information: it could be hashed, and shows next to nothing.
        entry: what a hash list would hold of it, by ``hashed_kinds``.
        queries: the same of each view that could match.
        variants: for each transform, its views that could match.
    """

    digest: str
    problem: str | None = None
    low_information: bool = False
    entry: tuple[PerceptualHash, ...] = field(default=(), repr=False)
    queries: tuple[tuple[PerceptualHash, ...], ...] = field(default=(), repr=False)
    variants: tuple[tuple[Variant, ...], ...] = ()


def hashed_kinds(settings: Settings) -> tuple[HashKind, ...]:
    """The kinds computed of an original: those evaluated, then those that tell copies."""
    return tuple(dict.fromkeys((*settings.kinds, *IDENTITY_KINDS)))


def read_picture(path: bytes, settings: Settings) -> tuple[bytes, Facts | None]:
    """Read a file, and say at once where that fails.

    Returns:
        Its bytes, and None; or what is known of it without them.
    """
    try:
        descriptor = open_file(path)
        try:
            with steady(descriptor) as (file, size):
                if size > settings.limits.max_bytes:
                    raise DecodeError(
                        Reason.TOO_LARGE, f"more than {settings.limits.max_bytes} bytes"
                    )
                return file.read(size), None
        finally:
            os.close(descriptor)
    except DecodeError as error:
        return b"", Facts(digest="", problem=f"{error.reason}: {error.message}")


def measure_picture(data: bytes, settings: Settings) -> Facts:
    """Hash a picture and all its variants."""
    digest = hashlib.sha256(data).hexdigest()
    options = _options(settings, hashed_kinds(settings))
    examination = examine(data, options)
    if examination.reason is not None:
        return Facts(digest, f"{examination.reason}: {examination.detail}")
    if examination.format is None:
        return Facts(digest, "not_image: it is no picture")
    telling = _telling(examination.views, settings)
    if not telling:
        return Facts(digest, low_information=True)
    # What a list would hold of it: the first view that shows something
    entry = telling[0].hashes
    return Facts(
        digest,
        entry=entry,
        queries=tuple(view.hashes for view in telling),
        variants=tuple(_measure_variants(data, entry, settings)),
    )


def _options(settings: Settings, kinds: tuple[HashKind, ...]) -> ExamineOptions:
    return ExamineOptions(
        kinds=kinds, limits=settings.limits, formats=settings.formats, mirrors=settings.mirrors
    )


def _telling(views: tuple[ViewHashes, ...], settings: Settings) -> list[ViewHashes]:
    return [view for view in views if view.quality >= settings.quality_floor]


def variants(data: bytes, settings: Settings) -> Iterator[Image.Image]:
    """Change a picture in each way that was asked for.

    Args:
        data: the file; only one that ``examine`` has taken.
        settings: which transforms, in which order, and the seed.
    """
    picture = _visible(data)
    digest = hashlib.sha256(data).hexdigest()
    for name in settings.transforms:
        # Of the picture and the transform alone, so that no order of work can change it
        seed = hashlib.sha256(f"{settings.seed}:{digest}:{name}".encode()).digest()
        generator = np.random.Generator(np.random.PCG64(int.from_bytes(seed, "big")))
        yield TRANSFORMS[name](picture, generator)


def _measure_variants(
    data: bytes, entry: tuple[PerceptualHash, ...], settings: Settings
) -> Iterator[tuple[Variant, ...]]:
    options = _options(settings, settings.kinds)
    for changed in variants(data, settings):
        views = _telling(examine(changed, options).views, settings)
        yield tuple(Variant(view.view, _distances(view, entry)) for view in views)


def _distances(view: ViewHashes, entry: tuple[PerceptualHash, ...]) -> Distances:
    return tuple(
        hamming_distance(ours, theirs) for ours, theirs in zip(view.hashes, entry, strict=False)
    )


def _visible(data: bytes) -> Image.Image:
    """The first frame as a viewer shows it: upright, over white, in mode ``RGB``, not too large.

    Only for bytes that ``examine`` has taken: they are within the limits then, and decode.
    """
    name = sniff(data)
    load_decoders(frozenset({name} if name else ()))
    picture: Image.Image = Image.open(io.BytesIO(data), formats=(name,) if name else ())
    # Lets a JPEG decode at a half or less of its size; other formats take no notice
    picture.draft("RGB", _working_size(picture))
    picture = ImageOps.exif_transpose(picture)
    if picture.mode in _WIDE_MODES:
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
    """Greys of more than 8 bits, brought to 8."""
    values = np.nan_to_num(np.asarray(picture).astype(np.float64), posinf=0.0, neginf=0.0)
    values -= values.min()
    return Image.fromarray((values * (255 / max(values.max(), 1))).astype(np.uint8))
