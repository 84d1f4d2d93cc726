"""The layout of a compiled list, shared by reader and writer."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hashmatch.model import HashKind

MAGIC = b"\x89HML\r\n\x1a\n"
"""As in PNG: a byte beyond ASCII and both line endings, which a transfer as text would damage."""

FORMAT_VERSION = 1
ALIGNMENT = 64
PIECE_BYTES = 16 << 20

PREFIX = struct.Struct("<8sII32s")
"""Magic, format version, header length, and the SHA-256 of those three and the header."""

ELEMENT_TYPES = frozenset(
    ("bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))
)


Arrays: TypeAlias = dict[str, npt.NDArray[Any]]


class LayoutError(ValueError):
    """This version of hashmatch would not write such a file."""


@dataclass(frozen=True, slots=True)
class ArrayRecord:
    """One array, as the header describes it.

    Attributes:
        type: of its elements, one of ``ELEMENT_TYPES``; little-endian in the file.
        shape: of the array, in C order.
        sha256: hex, of each piece of its bytes, padding included.
    """

    type: str
    shape: tuple[int, ...]
    sha256: tuple[str, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its elements in the file."""
        return np.dtype(self.type).newbyteorder("<")

    @property
    def elements(self) -> int:
        """The number of elements."""
        return prod(self.shape)

    @property
    def stored_bytes(self) -> int:
        """Its size in the file in bytes, padding included."""
        return padded(self.elements * self.dtype.itemsize)


@dataclass(frozen=True, slots=True)
class SectionRecord:
    """One section, as the header describes it.

    Attributes:
        origin: as in ``ListSection``.
        index: the kind of index stored with it; None if there is none.
    """

    algorithm: str
    bits: int
    origin: str
    index: str | None
    arrays: Mapping[str, ArrayRecord]

    @property
    def kind(self) -> HashKind:
        """Algorithm and width."""
        return HashKind(self.algorithm, self.bits)


@dataclass(frozen=True, slots=True)
class CompiledHeader:
    """The header of a compiled list; its fields are those of ``Contents``."""

    name: str
    version: str | None
    created: str | None
    digest: str
    flat: int
    skipped: int
    unsupported: Mapping[str, int]
    left_out: Mapping[str, int]
    warnings: tuple[str, ...]
    sections: tuple[SectionRecord, ...]

    def encode(self) -> bytes:
        """The file up to the first array."""
        text = json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":")).encode()
        length = padded(PREFIX.size + len(text)) - PREFIX.size
        text = text.ljust(length, b" ")
        digest = header_digest(FORMAT_VERSION, text, length)
        return PREFIX.pack(MAGIC, FORMAT_VERSION, length, digest) + text

    @classmethod
    def decode(cls, text: bytes) -> CompiledHeader:
        """Read a header whose checksum has been verified.

        Raises:
            LayoutError: this version would not write it.
        """
        try:
            return _header(json.loads(text))
        except (ValueError, RecursionError):
            raise LayoutError("the header makes no sense") from None


_MUCH = 1 << 23
"""Bytes that take some ten milliseconds to digest."""

OF_CONTENTS = [field.name for field in fields(CompiledHeader) if field.name != "sections"]
"""The fields that a header takes from ``Contents``, and gives back."""


def header_digest(version: int, text: bytes, length: int) -> bytes:
    """SHA-256 of everything before the arrays, except the digest itself."""
    return hashlib.sha256(PREFIX.pack(MAGIC, version, length, b"")[:-32] + text).digest()


def padded(size: int) -> int:
    """The next multiple of the alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def piece_digests(pieces: Sequence[memoryview | bytes]) -> Iterator[str]:
    """SHA-256, hex, of each piece, computed on all processors at once if there is much of it."""
    if sum(map(len, pieces)) < _MUCH:
        yield from map(_hex_digest, pieces)
        return
    # hashlib releases the interpreter lock
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 # takes longer than a digest

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(_hex_digest, pieces)


def _hex_digest(piece: memoryview | bytes) -> str:
    return hashlib.sha256(piece).hexdigest()


def _header(plain: Any) -> CompiledHeader:
    return CompiledHeader(
        name=_take(plain, "name", str),
        version=_take(plain, "version", str, type(None)),
        created=_take(plain, "created", str, type(None)),
        digest=_take(plain, "digest", str),
        flat=_take(plain, "flat", int),
        skipped=_take(plain, "skipped", int),
        unsupported=_counts(plain, "unsupported"),
        left_out=_counts(plain, "left_out"),
        warnings=tuple(map(str, _take(plain, "warnings", list))),
        sections=tuple(_section(section) for section in _take(plain, "sections", list)),
    )


def _counts(plain: Any, key: str) -> dict[str, int]:
    counts = _take(plain, key, dict)
    return {name: _take(counts, name, int) for name in counts}


def _section(plain: Any) -> SectionRecord:
    return SectionRecord(
        algorithm=_take(plain, "algorithm", str),
        bits=_take(plain, "bits", int),
        origin=_take(plain, "origin", str),
        index=_take(plain, "index", str, type(None)),
        arrays={name: _array(record) for name, record in _take(plain, "arrays", dict).items()},
    )


def _array(plain: Any) -> ArrayRecord:
    record = ArrayRecord(
        type=_take(plain, "type", str),
        shape=tuple(_take(plain, "shape", list)),
        sha256=tuple(_take(plain, "sha256", list)),
    )
    if record.type not in ELEMENT_TYPES:
        raise LayoutError("an array has elements of an unknown type")
    if not all(type(length) is int and length >= 0 for length in record.shape):
        raise LayoutError("an array has no shape")
    return record


def _take(plain: Any, key: str, *types: type) -> Any:
    value = plain.get(key) if isinstance(plain, dict) else plain
    # Not isinstance: true is an int in Python, but not in JSON
    if type(value) not in types:
        raise LayoutError("a value in the header is missing or of another type")
    return value
