"""What an evaluation is asked to do, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hashmatch.errors import SettingsError
from hashmatch.evaluate.transforms import TRANSFORMS
from hashmatch.hashing import check_kind
from hashmatch.model import DEFAULT_FORMATS, QUALITY_FLOOR, HashKind, Limits

DEFAULT_KINDS = (HashKind("phash", 64), HashKind("dhash", 64))

MIN_PICTURES = 20
"""With fewer usable pictures nothing is claimed: each half would have under ten."""

WORKING_PIXELS = 2_000_000
"""Larger pictures are made this small before they are changed, as platforms do on upload."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an evaluation is asked to do. With the pictures, it decides every figure.

    Attributes:
        kinds: the hashes to evaluate.
        transforms: names of the everyday changes to imitate; none where pairs alone are looked at.
        seed: of the split, and of every place and grain that a transform chooses.
        list_size: entries of the hash list that false matches are counted for.
        files_per_day: files that are looked up in it.
        max_false_per_day: false matches a day that are acceptable; more than 0.
        quality_floor: as the matcher's: views below it do not match.
        mirrors: as the matcher's: also look up flips and quarter turns.
        formats: names of the picture formats to decode.
        limits: what a picture may cost.

    Raises:
        SettingsError: a value makes no sense.
    """

    kinds: tuple[HashKind, ...] = DEFAULT_KINDS
    transforms: tuple[str, ...] = tuple(TRANSFORMS)
    seed: int = 1
    list_size: int = 100_000
    files_per_day: int = 10_000
    max_false_per_day: float = 10.0
    quality_floor: int = QUALITY_FLOOR
    mirrors: bool = False
    formats: frozenset[str] = DEFAULT_FORMATS
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not self.kinds or len(set(self.kinds)) != len(self.kinds):
            raise SettingsError("give each kind of hash to evaluate once")
        for kind in self.kinds:
            check_kind(kind)
        if unknown := set(self.transforms) - set(TRANSFORMS):
            raise SettingsError(f"unknown transform {min(unknown)!r}")
        if self.seed < 0:
            raise SettingsError("the seed cannot be negative")
        if min(self.list_size, self.files_per_day) < 1:
            raise SettingsError("list size and files per day must be at least 1")
        if not 0 < self.max_false_per_day < float("inf"):
            raise SettingsError("the false matches a day that are acceptable must be more than 0")
        if not 0 <= self.quality_floor <= 100:
            raise SettingsError("the quality floor is a number from 0 to 100")

    @property
    def comparisons_per_day(self) -> int:
        """How many times a day a file meets an entry."""
        return self.list_size * self.files_per_day

    @property
    def max_false_rate(self) -> float:
        """The share of comparisons that may be false matches."""
        return self.max_false_per_day / self.comparisons_per_day

    def record(self) -> dict[str, Any]:
        """As the evaluation's record tells it."""
        return {
            "kinds": [str(kind) for kind in self.kinds],
            "transforms": list(self.transforms),
            "seed": self.seed,
            "list_size": self.list_size,
            "files_per_day": self.files_per_day,
            "max_false_per_day": self.max_false_per_day,
            "quality_floor": self.quality_floor,
            "mirrors": self.mirrors,
            "formats": sorted(self.formats),
            "limits": {
                "max_pixels": self.limits.max_pixels,
                "max_bytes": self.limits.max_bytes,
                "max_frames": self.limits.max_frames,
            },
            "working_pixels": WORKING_PIXELS,
        }
