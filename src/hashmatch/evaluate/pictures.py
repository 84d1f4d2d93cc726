"""One picture: its hashes, and how far each of its everyday variants lies from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from hashmatch.evaluate.settings import EvaluationSettings
from hashmatch.examine.decode import SAMPLE
from hashmatch.hashing.distance import hamming_distance
from hashmatch.model import (
    QUARTER,
    Examination,
    HashKind,
    Kind,
    PerceptualHash,
    Reason,
    ViewHashes,
    is_further,
)
from hashmatch.options import ExamineOptions, TransformOptions

Hashes: TypeAlias = tuple[PerceptualHash, ...]

IDENTITY_KINDS = (HashKind("phash", 256), HashKind("dhash", 256))
"""Computed of every picture, to tell its copies from other pictures: see ``identity``."""


SAMPLES = 24
"""Crops of each picture that stand for other pictures: see ``evaluate.samples``."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One view of a variant.

    Attributes:
        view: its name.
        distances: to the original, in bits, by ``EvaluationSettings.kinds``.
    """

    view: str
    distances: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about one file.

    Attributes:
        digest: SHA-256 of its bytes, hex; empty where another attempt might succeed, so that these
            facts are not worth keeping.
        problem: why it is left out, in words; None where it is used.
        views: the hashes of each view that could match, by ``hashed_kinds``; a hash list would hold
            those of the first.
        further: for each view, whether it counts only where two hashes agree.
        variants: for each transform, its views that could match.
        samples: the hashes of crops of the picture, by ``hashed_kinds``.
    """

    digest: str
    problem: str | None = None
    views: tuple[Hashes, ...] = field(default=(), repr=False)
    further: tuple[bool, ...] = ()
    variants: tuple[tuple[Variant, ...], ...] = ()
    samples: tuple[Hashes, ...] = field(default=(), repr=False)


def hashed_kinds(settings: EvaluationSettings) -> tuple[HashKind, ...]:
    """The kinds computed of an original: those evaluated, then those that tell copies."""
    return tuple(dict.fromkeys((*settings.kinds, *IDENTITY_KINDS)))


def examine_options(settings: EvaluationSettings) -> ExamineOptions:
    """What a worker is asked to compute of each file."""
    return ExamineOptions(
        kinds=hashed_kinds(settings),
        limits=settings.limits,
        formats=settings.formats,
        mirrors=settings.mirrors,
        views=settings.views,
        samples=SAMPLES,
        quality_floor=settings.quality_floor,
        digests=("sha256",),
        transforms=TransformOptions(settings.transforms, settings.seed, settings.kinds),
    )


def facts_of(
    found: Examination, variants: Sequence[tuple[str, Examination]], settings: EvaluationSettings
) -> Facts:
    """Weigh what a worker found of a file and its variants."""
    digest = found.digests[0] if found.digests else ""
    if found.reason is not None:
        return Facts(digest, f"{found.reason}: {found.detail}")
    if found.format is None:
        return Facts(digest, "not_image: not an image")
    if found.kind is Kind.VIDEO:
        return Facts(digest, "video: a video, and only pictures are measured")
    crops = [view for view in found.views if _is_sample(view)]
    telling = _telling((view for view in found.views if not _is_sample(view)), settings)
    if not telling:
        return Facts(digest, "low_information: too little detail")
    for name, variant in variants:
        if variant.reason is not None:
            return Facts("", f"{variant.reason}: as {name}: {variant.detail}")
    if tuple(name for name, _ in variants) != settings.transforms:
        return Facts("", f"{Reason.CHANGED}: the file changed while it was read")
    return Facts(
        digest,
        views=tuple(view.hashes for view in telling),
        further=tuple(is_further(view.view) for view in telling),
        variants=tuple(
            tuple(
                Variant(view.view, _distances(view.hashes, telling[0].hashes))
                for view in _telling(variant.views, settings)
            )
            for _, variant in variants
        ),
        samples=tuple(view.hashes for view in _telling(crops, settings)),
    )


def _is_sample(view: ViewHashes) -> bool:
    return view.view.rpartition("+")[2].startswith(SAMPLE)


def _telling(views: Iterable[ViewHashes], settings: EvaluationSettings) -> list[ViewHashes]:
    return [
        view
        for view in views
        if view.quality >= settings.quality_floor and not view.view.endswith(QUARTER)
    ]


def _distances(hashes: Hashes, entry: Hashes) -> tuple[int, ...]:
    # The entry's first kinds are those evaluated, which are all that a variant has
    return tuple(hamming_distance(*pair) for pair in zip(hashes, entry, strict=False))
