"""The values that pass between packages: hashes, entries, examinations, matches, outcomes.

They are frozen, never show the bits of a hash in ``repr``, and do without NumPy, so that
``import hashmatch`` is quick.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from string import hexdigits
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from hashmatch.errors import HashError, HashMismatchError, OutcomeTruthError

if TYPE_CHECKING:
    from hashmatch.errors import DecodeError

WORD_BITS = 64

MEMBER_MARK = b"!/"
"""Separates the path of an archive from that of its member."""


QUARTER, INNER, ASKEW, GROWN = "quarter", "inner", "askew", "grown"
"""Views that count only where two hashes agree, by the last step of their names; see
``examine.decode.further``."""

_FURTHER = frozenset({QUARTER, INNER, ASKEW, GROWN})


def is_further(view: str) -> bool:
    """Whether a view counts only where two hashes agree, by its name."""
    return view.rpartition("+")[2].partition("-")[0] in _FURTHER


class HashKind(NamedTuple):
    """Algorithm and width in bits: what two hashes must share to be compared."""

    algorithm: str
    bits: int

    @property
    def words(self) -> int:
        """How many 64-bit words hold a hash of this kind."""
        return -(-self.bits // WORD_BITS)

    def __str__(self) -> str:
        """Such as ``phash-64``; a digest has one width, so it is just ``sha256``."""
        return self.algorithm if self.algorithm in DIGEST_BITS else f"{self.algorithm}-{self.bits}"


DIGEST_BITS = {"md5": 128, "sha1": 160, "sha256": 256}
"""Exact digests of a file's bytes, and their widths in bits. Two are near only if equal."""


@dataclass(frozen=True, slots=True)
class PerceptualHash:
    """A hash with its algorithm and its width; or an exact digest.

    ``a - b`` is the distance of two hashes in bits, and raises if they cannot be compared. ``==``
    compares values. ``str()`` gives the bits as ``imagehash`` prints them: hex, most significant
    bit first. ``repr()`` hides them, since it ends up in logs and tracebacks.

    Attributes:
        algorithm: ``phash`` or ``dhash``; or ``md5``, ``sha1`` or ``sha256``.
        bits: the width: a multiple of 64, or 160 for a SHA-1.
        words: the bits as unsigned 64-bit integers, the most significant first; the 32 bits of the
            last word that a SHA-1 does not use are zero.

    Raises:
        HashError: ``words`` does not hold exactly ``bits`` bits.
    """

    algorithm: str
    bits: int
    words: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.bits != DIGEST_BITS.get(self.algorithm, self.bits // WORD_BITS * WORD_BITS):
            raise HashError(f"a {self.algorithm} does not have {self.bits} bits")
        if self.bits <= 0 or len(self.words) != -(-self.bits // WORD_BITS):
            raise HashError(f"a hash of {self.bits} bits does not fit {len(self.words)} words")
        if min(self.words) < 0 or max(self.words) >> WORD_BITS:
            raise HashError("a word of a hash is an unsigned 64-bit integer")
        if self.words[-1] & ((1 << len(self.words) * WORD_BITS - self.bits) - 1):
            raise HashError(f"a hash of {self.bits} bits has more bits set than that")

    @property
    def kind(self) -> HashKind:
        """Algorithm and width."""
        return HashKind(self.algorithm, self.bits)

    @classmethod
    def from_hex(cls, text: str, algorithm: str = "phash") -> PerceptualHash:
        """Read a hash as ``imagehash`` prints it: hex in either case, most significant bit first.

        Raises:
            HashError: ``text`` is not hex, or does not have the length of such a hash.
        """
        # int() alone would also accept "0x", underscores, signs, blanks and digits of any script
        if not text or not set(text) <= set(hexdigits):
            raise HashError("a hash must be hex digits")
        words = tuple(int(text[i : i + 16].ljust(16, "0"), 16) for i in range(0, len(text), 16))
        return cls(algorithm, 4 * len(text), words)

    @classmethod
    def from_imagehash(cls, value: Any, algorithm: str = "phash") -> PerceptualHash:
        """Convert an ``imagehash.ImageHash``, which does not know its own algorithm.

        Raises:
            HashError: its width is not a multiple of 64 bits.
        """
        return cls.from_hex(str(value), algorithm)

    def to_imagehash(self) -> Any:
        """The same bits as an ``imagehash.ImageHash`` of shape (size, size)."""
        import imagehash  # noqa: PLC0415 # slow to import

        return imagehash.hex_to_hash(str(self))

    def __sub__(self, other: object) -> int:
        """The number of bits in which two hashes differ; never negative, as in ``imagehash``.

        Raises:
            HashMismatchError: they differ in algorithm or width.
        """
        if not isinstance(other, PerceptualHash):
            return NotImplemented
        if self.kind != other.kind:
            raise HashMismatchError(f"cannot compare {self.kind} with {other.kind}")
        return sum((a ^ b).bit_count() for a, b in zip(self.words, other.words, strict=True))

    def __str__(self) -> str:
        return "".join(f"{word:016x}" for word in self.words)[: self.bits // 4]

    def __repr__(self) -> str:
        return f"<PerceptualHash {self.kind}>"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a hash list.

    Attributes:
        id: the list's own id, or ``file:line`` if the list gives none.
        hash: the hash; ``repr`` hides it.
        label: free text from the list's owner.
        category: the list's own grade for it.
        source: who contributed it.
        added: when it was added, as the list says.
        expires: the ISO 8601 date or time after which it must not match.
    """

    id: str
    hash: PerceptualHash = field(repr=False)
    label: str | None = None
    category: str | None = None
    source: str | None = None
    added: str | None = None
    expires: str | None = None


class Verdict(StrEnum):
    """The result for a file. Every file gets exactly one.

    Attributes:
        MATCH: an entry is near enough to a view with enough detail.
        CLEAR: all of the file was examined, and no entry is near.
        CANDIDATE: an entry is near, but too weakly for a match: see ``Cause``. A human should look.
        NOT_IMAGE: the file is not a picture.
        UNSCANNED: something was not examined, and nothing else matches: see ``Reason``.
    """

    MATCH = "match"
    CLEAR = "clear"
    CANDIDATE = "candidate"
    NOT_IMAGE = "not_image"
    UNSCANNED = "unscanned"


class Cause(StrEnum):
    """Why a near entry is only a candidate: often chance, a frame by itself, too little detail."""

    CHANCE = "chance"
    LONE_FRAME = "lone_frame"
    LOW_INFORMATION = "low_information"


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


@dataclass(frozen=True, slots=True)
class Match:
    """One entry of a list that is within the threshold of one view of the file.

    Attributes:
        list: the name of the list.
        entry: the entry.
        algorithm: of both hashes.
        bits: their width.
        distance: Hamming, in bits, exact.
        threshold: the largest distance that counts as near, in bits.
        view: the view of the file at this distance.
        quality: 0 to 100, of that view.
        cause: why this is only a candidate for a human; None for a match.
        confirmed: the distance is exact; otherwise it is a preview's and may be some bits off,
            because the file could not be read again to make sure.
        expected_false: how many entries of this list are this near (by both hashes, if two agree)
            to a picture on no list, by chance. None if that is not known.
        by: who decided that it is a false positive; None unless someone did.
        at: when, ISO 8601 in UTC.
    """

    list: str
    entry: Entry
    algorithm: str
    bits: int
    distance: int
    threshold: int
    view: str
    quality: int
    cause: Cause | None = None
    confirmed: bool = True
    expected_false: float | None = None
    by: str | None = None
    at: str | None = None

    def record(self) -> dict[str, Any]:
        """The match as records have it: all of it but the entry's hash."""
        of_entry = {name: getattr(self.entry, name) for name in ("label", "category", "source")}
        *rest, by, at = ((each.name, getattr(self, each.name)) for each in fields(self)[2:])
        decided = () if self.by is None else (by, at)
        return {"list": self.list, "entry": self.entry.id, **of_entry, **dict([*rest, *decided])}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome for one file: a verdict, and everything that led to it.

    ``bool(outcome)`` raises; compare ``outcome.verdict``.

    Attributes:
        verdict: exactly one.
        reason: why something was not examined. Always set with ``unscanned``; with another verdict
            it says that the rest was not examined.
        detail: the reason in words.
        matches: the nearest entries of all parts, best first. Candidates have a ``cause``.
        match_count: how many entries are near, over all parts; ``matches`` has the nearest.
        quality: 0 to 100, the best of any view of the file itself; None without a view.
        width: pixels, as stored; 0 if unknown.
        height: pixels, as stored; 0 if unknown.
        format: the picture's or video's format, by content; None if the file itself is neither.
        suppressed: near entries that a human found to be false positives on this very file.
        parts: the members of an archive in its order, then the file itself; empty for a file
            without members.
        kind: what the file itself is, such as ``video``; None for a picture or if it is not known.
        near: with reviews, every near entry that people are to decide about, 1,000 at most.
        content: with reviews, what identifies the content, if anything is near; see ``Reviews``.
    """

    verdict: Verdict
    reason: Reason | None = None
    detail: str | None = None
    matches: tuple[Match, ...] = ()
    match_count: int = 0
    quality: int | None = None
    width: int = 0
    height: int = 0
    format: str | None = None
    suppressed: tuple[Match, ...] = ()
    parts: tuple[Part, ...] = ()
    kind: Kind | None = None
    near: tuple[Match, ...] = field(default=(), repr=False)
    content: str | None = field(default=None, repr=False)

    def __bool__(self) -> NoReturn:
        raise OutcomeTruthError(
            "an outcome is neither true nor false; compare outcome.verdict with a Verdict"
        )


@dataclass(frozen=True, slots=True)
class Part:
    """One thing inside a file that is examined by itself.

    Attributes:
        path: the member's path in the archive, as ``scan`` writes it after the archive's path:
            ``b"b.jpg"``, or ``b"a.zip!/b.jpg"`` in a nested archive; empty for the file itself.
        outcome: its outcome, which has no parts.
    """

    path: bytes
    outcome: Outcome
