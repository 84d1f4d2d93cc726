"""Hashes, and the entries of a list that hold them. Their bits never show in ``repr``."""

from __future__ import annotations

from dataclasses import dataclass, field
from string import hexdigits
from typing import Any, NamedTuple

from hashmatch.errors import HashError, HashMismatchError

WORD_BITS = 64


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
