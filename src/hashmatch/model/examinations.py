"""What is known about a part of a file before any list is consulted."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

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


class Kind(StrEnum):
    """What a file is if it is not a still picture. A closed set.

    Attributes:
        VIDEO: moving pictures.
        DOCUMENT: such as a PDF. Its pictures have separate outcomes.
        AUDIO: sound.
        EXECUTABLE: a program or a program library.
        FONT: a typeface.
        DATABASE: such as an SQLite file.
        ARCHIVE: its members have separate outcomes.
        TEXT: in UTF-8, UTF-16 or an older encoding: prose, source code, tables, web pages.
        EMPTY: no bytes.
        OTHER: none of these.
    """

    VIDEO = "video"
    DOCUMENT = "document"
    AUDIO = "audio"
    EXECUTABLE = "executable"
    FONT = "font"
    DATABASE = "database"
    ARCHIVE = "archive"
    TEXT = "text"
    EMPTY = "empty"
    OTHER = "other"


class Reason(StrEnum):
    """Why a file, or a part of it, was not examined. A closed set.

    Attributes:
        UNDECODABLE: the decoder rejects it, or it cannot be read.
        TRUNCATED: it ends too early.
        TOO_LARGE: it has more bytes or pixels than the limits allow, or needs too much memory.
        TIMEOUT: the decoder took too long.
        DECODER_CRASH: the decoder's process died.
        UNSUPPORTED_FORMAT: the format is recognised, but hashmatch does not read it.
        ENCRYPTED: it needs a password.
        ARCHIVE_LIMIT: the archive has more members, bytes or levels than the limits allow.
        FRAME_LIMIT: it has more frames or pages, or lasts longer, than the limits allow.
        PERMISSION: hashmatch has no permission to read it.
        SPECIAL_FILE: it is not a regular file.
        CHANGED: it changed while it was read.
        VANISHED: it is no longer there.
        UNAVAILABLE: the storage that it is in does not hand it over.
    """

    UNDECODABLE = "undecodable"
    TRUNCATED = "truncated"
    TOO_LARGE = "too_large"
    TIMEOUT = "timeout"
    DECODER_CRASH = "decoder_crash"
    UNSUPPORTED_FORMAT = "unsupported_format"
    ENCRYPTED = "encrypted"
    ARCHIVE_LIMIT = "archive_limit"
    FRAME_LIMIT = "frame_limit"
    PERMISSION = "permission"
    SPECIAL_FILE = "special_file"
    CHANGED = "changed"
    VANISHED = "vanished"
    UNAVAILABLE = "unavailable"


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
