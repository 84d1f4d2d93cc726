"""The options of an examination: what to compute, what to decode, and what it may cost.

They name no list, so they may cross into the sandbox. Like ``model``, they need no NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hashmatch.errors import SettingsError

if TYPE_CHECKING:
    from hashmatch.model import HashKind


class _AtLeast1:
    __slots__: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} must be at least 1")


MAX_SIDE = 65_535
"""The most pixels a side of a picture may have, which is the most a JPEG can have. Shrinking a row
of this length takes 3 MiB; one of 20,000,000 pixels takes a gigabyte."""


@dataclass(frozen=True, slots=True)
class Limits(_AtLeast1):
    """What a picture may cost, checked after reading its header and before decoding any pixel.

    ``MAX_SIDE`` always limits the sides, too.

    Attributes:
        max_pixels: pixels of one frame, width times height.
        max_bytes: bytes of the file.
        max_frames: frames of an animation, or pages.

    Raises:
        SettingsError: a limit is below 1.
    """

    max_pixels: int = 100_000_000
    max_bytes: int = 256 * 1024 * 1024
    max_frames: int = 64


QUALITY_FLOOR = 50
"""A picture of lower quality has so little detail that being near an entry means little. PDQ's
authors discard hashes of quality 49 and below."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits(_AtLeast1):
    """What an archive may cost, counted while it is unpacked.

    Attributes:
        max_members: total number of entries, including folders and members of nested archives.
        max_total_bytes: total bytes unpacked, including those of nested archives.
        max_ratio: bytes unpacked per byte packed, for each member and for the whole. It applies
            from 64 MiB unpacked, because a blank picture packs to a thousandth of its size.
        max_depth: nesting of archives; the outermost is at depth 1.

    Raises:
        SettingsError: a limit is below 1.
    """

    max_members: int = 10_000
    max_total_bytes: int = 4 * 1024 * 1024 * 1024
    max_ratio: int = 200
    max_depth: int = 3


PROGRESS_SECONDS = 10
"""Seconds of a video after which a worker says that it is still at work."""


@dataclass(frozen=True, slots=True)
class VideoLimits(_AtLeast1):
    """What a video may cost. Stills found before a limit is reached are looked up.

    Attributes:
        max_length: seconds that the video lasts.
        max_stills: stills that look different.
        max_decoding: seconds that decoding may take.

    Raises:
        SettingsError: a limit is below 1.
    """

    max_length: int = 4 * 60 * 60
    max_stills: int = 15_000
    max_decoding: int = 30 * 60


FORMATS = frozenset(
    {
        *("AVIF", "BMP", "GIF", "HEIF", "ICO", "JPEG", "JPEG2000", "JXL", "MPO", "PFM", "PNG"),
        *("PNM", "PSD", "RAW", "TGA", "TIFF", "WEBP"),
    }
)
"""The picture formats that hashmatch decodes: see docs/formats.md."""


@dataclass(frozen=True, slots=True)
class TransformOptions:
    """Which transformed copies of each picture to examine: see ``examine.transform``.

    Attributes:
        names: the transforms, in order.
        seed: determines every random choice of a transform.
        kinds: the hashes to compute for every view of a copy.
        encodings: the ways to encode a video again. With any, the files are videos.
    """

    names: tuple[str, ...]
    seed: int
    kinds: tuple[HashKind, ...]
    encodings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ThumbnailOptions:
    """Which picture of a file to show to a reviewer, and how.

    Attributes:
        view: the view that matched; the nearest one to it that can be had is shown.
        member: the path in an archive or document of the part that matched; None for the file
            itself.
        sha256: the digest, in hex, that the member must have; None for any. ``repr`` hides it.
        blurred: leave no more detail than ``THUMBNAIL_BLUR`` pixels along the long side.
        colour: keep colours; otherwise it is grey.
    """

    view: str = "bytes"
    member: bytes | None = None
    sha256: str | None = field(default=None, repr=False)
    blurred: bool = True
    colour: bool = False


THUMBNAIL_SIDE = 320
"""The most pixels of a side of a thumbnail."""

THUMBNAIL_BLUR = 32

CROPS = (0, 1, 5)

VIEWS = ("plain", "default", "thorough")
"""Which views of a picture to hash. ``plain``: those that a list may hold. ``default``: those with
rows and columns exchanged as well, for quarter turns. ``thorough``: also the pictures inside,
turned a little, and continued beyond their edges."""


@dataclass(frozen=True, slots=True)
class ExamineOptions:
    """How to examine pictures. The same for a whole scan, and independent of any list.

    Attributes:
        kinds: the hashes to compute for every view; with none, pictures are not decoded at all.
        limits: what a picture may cost.
        archives: what an archive may cost.
        video: what a video may cost.
        formats: names of the picture formats to decode, from ``FORMATS``.
        mirrors: also look at the seven flips and quarter turns of every view.
        views: one of ``VIEWS``. All but ``plain`` add views that count only where a phash and a
            dhash agree, and do so only if both are among ``kinds``. With ``thorough``, every
            picture is decoded in full.
        crops: how many crops of 90% of each view to hash too: 0, 1 (the centre) or 5 (the corners
            as well). For lists of one's own pictures.
        samples: how many crops of 40 to 80% of each view to hash too, as other pictures.
        fast: use the hashes of a preview if it will do, and do not decode the picture in full.
        quality_floor: 0 to 100; a picture with a view below it is always examined in full.
        digests: names of the exact digests to take of the file's bytes, such as ``sha256``.
        transforms: also examine transformed copies of each picture, each as a part.

    Raises:
        SettingsError: hashmatch does not decode one of the formats, or makes no such views or
            crops.
    """

    kinds: tuple[HashKind, ...]
    limits: Limits = Limits()
    archives: ArchiveLimits = ArchiveLimits()
    video: VideoLimits = VideoLimits()
    formats: frozenset[str] = FORMATS
    mirrors: bool = False
    views: str = "plain"
    crops: int = 0
    samples: int = 0
    fast: bool = False
    quality_floor: int = QUALITY_FLOOR
    digests: tuple[str, ...] = ()
    transforms: TransformOptions | None = None

    def __post_init__(self) -> None:
        if unknown := self.formats - FORMATS:
            known = ", ".join(sorted(FORMATS))
            raise SettingsError(f"unknown format {min(unknown)}; choose from {known}")
        if self.crops not in CROPS:
            raise SettingsError("the crops of a picture can be 0, 1 or 5")
        if self.views not in VIEWS:
            raise SettingsError(f"unknown views {self.views!r}; choose from {', '.join(VIEWS)}")

    @property
    def has_pair(self) -> bool:
        """Whether a phash and a dhash are wanted, which views that need both can agree by."""
        return {"phash", "dhash"} <= {kind.algorithm for kind in self.kinds}

    @property
    def with_quarters(self) -> bool:
        """Whether to hash views with rows and columns exchanged; mirrors include them."""
        return self.views != "plain" and self.has_pair and not self.mirrors

    def of_part(self, part: bytes | None) -> ExamineOptions:
        """The options for one part of a file. A transformed copy has its own kinds, no digests."""
        if self.transforms is None or part is None:
            return self
        return replace(self, kinds=self.transforms.kinds, digests=(), samples=0, transforms=None)
