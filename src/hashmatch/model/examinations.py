"""What is known about a part of a file before any list is consulted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hashmatch.model.closed_sets import Kind, Reason
from hashmatch.model.hashes import HashKind, PerceptualHash

if TYPE_CHECKING:
    from hashmatch.errors import DecodeError

MEMBER_MARK = b"!/"
"""Separates the path of an archive from that of its member."""


QUARTER, INNER, ASKEW, GROWN = "quarter", "inner", "askew", "grown"
"""Views that count only where two hashes agree, by the last step of their names; see
``examine.decode.further``."""

_FURTHER = frozenset({QUARTER, INNER, ASKEW, GROWN})


def is_further(view: str) -> bool:
    """Whether a view counts only where two hashes agree, by its name."""
    return view.rpartition("+")[2].partition("-")[0] in _FURTHER


@dataclass(frozen=True, slots=True)
class ViewHashes:
    """The hashes of one view of a picture, one for each requested kind.

    Attributes:
        view: the name of the view: ``stored``, ``upright``, ``trimmed``, ``frame:3``, ...
        quality: 0 to 100, the amount of detail in the view.
        hashes: in the order of ``ExamineOptions.kinds``.
        uncertain_bits: for a preview, a mask for each of ``hashes`` in which the uncertain bits are
            set.
    """

    view: str
    quality: int
    hashes: tuple[PerceptualHash, ...] = field(repr=False)
    uncertain_bits: tuple[PerceptualHash, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Examination:
    """What is known about one part of a file before any list is consulted.

    Attributes:
        format: the picture's or video's format, by content; None if it is neither.
        width: pixels, as stored; 0 if unknown.
        height: pixels, as stored; 0 if unknown.
        views: every view that could be examined.
        reason: why something was not examined; None if all of it was.
        detail: the reason in words, for people; it never holds picture content.
        quality: the best quality of any view, 0 to 100; None without a view.
        exact: the hashes are exact; otherwise they are a preview's, and may be some bits off.
        digests: hex digests of the file's bytes, in the order of ``ExamineOptions.digests``.
        kind: what it is if not a still picture; None for a picture, and for what could not be read.
            A video has a kind and a format.
    """

    format: str | None = None
    width: int = 0
    height: int = 0
    views: tuple[ViewHashes, ...] = ()
    reason: Reason | None = None
    detail: str | None = None
    quality: int | None = None
    exact: bool = True
    digests: tuple[str, ...] = field(default=(), repr=False)
    kind: Kind | None = None

    def lacks(self, kinds: tuple[HashKind, ...], digests: tuple[str, ...]) -> bool:
        """Whether a fully examined picture lacks hashes of these kinds, or digests.

        If so, it was examined without them, and no entry could be found near.
        """
        whole = self.format is not None and self.reason is None
        return whole and bool((kinds and not self.views) or (digests and not self.digests))

    @classmethod
    def failed(cls, error: DecodeError) -> Examination:
        """Make the examination of something that could not be opened or read."""
        return cls(
            format=error.format,
            width=error.width,
            height=error.height,
            reason=error.reason,
            detail=error.message,
        )


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """The pixels of a small picture.

    Attributes:
        view: which view of the file it shows.
        width: in pixels.
        height: in pixels.
        colour: three bytes a pixel, in RGB; otherwise one, its grey value.
        pixels: rows from the top, without gaps; ``repr`` hides them.
    """

    view: str
    width: int
    height: int
    colour: bool
    pixels: bytes = field(repr=False)
