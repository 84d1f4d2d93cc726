"""What an evaluation is asked to do, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hashmatch._version import __version__
from hashmatch.errors import SettingsError
from hashmatch.examine.extras import PILLOW_VERSION
from hashmatch.examine.transform import REENCODINGS, TRANSFORMS, WORKING_PIXELS
from hashmatch.hashing import check_kind
from hashmatch.model import HashKind
from hashmatch.options import FORMATS, QUALITY_FLOOR, VIEWS, Limits, VideoLimits

DEFAULT_KINDS = (HashKind("phash", 64), HashKind("dhash", 64))

USUAL_LIST_SIZE = 100_000
"""Entries to count false matches for, where neither a size nor a list is given."""

MIN_PICTURES = 20
"""With fewer usable pictures nothing is claimed: each half would have under ten."""


def versions() -> dict[str, str]:
    """The versions that figures depend on."""
    return {"hashmatch": __version__, "pillow": PILLOW_VERSION, "numpy": np.__version__}


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """What an evaluation is asked to do. Together with the pictures, it decides every figure.

    What is not named here is as the matcher's.

    Attributes:
        kinds: the hashes to evaluate.
        transforms: names of the everyday changes to imitate; none where only pairs are compared.
        seed: decides the split in halves and every place and grain that a transform chooses.
        list_size: entries of the hash list to count false matches for; None for those of the
            longest list given, or ``USUAL_LIST_SIZE`` without any.
        files_per_day: files that are looked up in it.
        max_false_per_day: false matches a day that are acceptable; more than 0.
        views: as the matcher's. Further views count where two hashes must agree. Those with rows
            and columns exchanged need mirror images, which are not measured.
        encodings: names of the ways to encode videos again.

    Raises:
        SettingsError: a value is invalid.
    """

    kinds: tuple[HashKind, ...] = DEFAULT_KINDS
    transforms: tuple[str, ...] = tuple(TRANSFORMS)
    seed: int = 1
    list_size: int | None = None
    files_per_day: int = 10_000
    max_false_per_day: float = 10.0
    quality_floor: int = QUALITY_FLOOR
    mirrors: bool = False
    views: str = "default"
    formats: frozenset[str] = FORMATS
    limits: Limits = Limits()
    encodings: tuple[str, ...] = tuple(REENCODINGS)
    video: VideoLimits = VideoLimits()

    def __post_init__(self) -> None:
        if not self.kinds or len(set(self.kinds)) != len(self.kinds):
            raise SettingsError("name each algorithm to evaluate once")
        for kind in self.kinds:
            check_kind(kind)
        if unknown := set(self.transforms) - set(TRANSFORMS):
            raise SettingsError(f"unknown transform {min(unknown)!r}")
        if unknown := set(self.encodings) - set(REENCODINGS):
            raise SettingsError(f"unknown encoding {min(unknown)!r}")
        if self.seed < 0:
            raise SettingsError("the seed cannot be negative")
        if min(self.entries, self.files_per_day) < 1:
            raise SettingsError("the list size and the files per day must be at least 1")
        if not 0 < self.max_false_per_day < float("inf"):
            raise SettingsError("the acceptable false matches a day must be more than 0")
        if self.views not in VIEWS:
            raise SettingsError(f"unknown views {self.views!r}; choose from {', '.join(VIEWS)}")
        if not 0 <= self.quality_floor <= 100:
            raise SettingsError("the quality floor must be from 0 to 100")

    @property
    def entries(self) -> int:
        """How many entries a file is compared with."""
        return USUAL_LIST_SIZE if self.list_size is None else self.list_size

    @property
    def comparisons_per_day(self) -> int:
        """How many times a day a file meets an entry."""
        return self.entries * self.files_per_day

    @property
    def max_false_rate(self) -> float:
        """The share of comparisons that may be false matches."""
        return self.max_false_per_day / self.comparisons_per_day

    def record(self) -> dict[str, Any]:
        """The settings as plain values, for the evaluation's record."""
        return {
            "kinds": [str(kind) for kind in self.kinds],
            "transforms": list(self.transforms),
            "seed": self.seed,
            "list_size": self.entries,
            "files_per_day": self.files_per_day,
            "max_false_per_day": self.max_false_per_day,
            "quality_floor": self.quality_floor,
            "mirrors": self.mirrors,
            "views": self.views,
            "formats": sorted(self.formats),
            "limits": {
                "max_pixels": self.limits.max_pixels,
                "max_bytes": self.limits.max_bytes,
                "max_frames": self.limits.max_frames,
            },
            "working_pixels": WORKING_PIXELS,
        }
