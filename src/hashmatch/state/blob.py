"""Packs the hashes of one picture into bytes, and unpacks those of many into arrays.

The layout, version 1, is little-endian: a header (version, whether uncertain bits follow, views,
64-bit words of a view, digests); the hashes, by view and by kind; the uncertain bits, in the same
order; the quality of each view, one byte; each digest and each view's name, with its length first.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hashmatch.hashing import Codes
from hashmatch.model import Examination, HashKind, PerceptualHash, ViewHashes

VERSION = 1

_HEADER = struct.Struct("<B?HHB")
_NAME = struct.Struct("<H")
_WORD = 8


class BlobError(Exception):
    """The bytes did not come from ``pack_hashes``."""


@dataclass(frozen=True, slots=True)
class Hashes:
    """What a blob holds.

    Attributes:
        views: as in the examination.
        digests: raw, in the order of the examination's.
    """

    views: tuple[ViewHashes, ...]
    digests: tuple[bytes, ...]


def pack_hashes(examination: Examination, digests: Sequence[bytes]) -> bytes:
    """Pack the hashes, qualities and names of all views, and the digests."""
    views = examination.views
    words = sum(len(value.words) for value in views[0].hashes) if views else 0
    uncertain = bool(views) and not examination.exact
    parts = [_HEADER.pack(VERSION, uncertain, len(views), words, len(digests))]
    parts += [_pack_words(view.hashes) for view in views]
    parts += [_pack_words(view.uncertain_bits) for view in views if uncertain]
    parts.append(bytes(view.quality for view in views))
    parts += [bytes([len(digest)]) + digest for digest in digests]
    for view in views:
        name = view.view.encode(errors="surrogatepass")
        parts.append(_NAME.pack(len(name)) + name)
    return b"".join(parts)


def unpack_hashes(blob: bytes, kinds: Sequence[HashKind]) -> Hashes:
    """Read a blob, and trust nothing in it.

    Args:
        blob: what ``pack_hashes`` returned.
        kinds: of the hashes of each view.

    Raises:
        BlobError: it is damaged, has another version, or holds other kinds of hashes.
    """
    try:
        return _unpack(blob, kinds)
    except (struct.error, IndexError, ValueError):
        raise BlobError("the stored hashes are damaged") from None


def _unpack(blob: bytes, kinds: Sequence[HashKind]) -> Hashes:
    uncertain, count, words = _shape(blob)
    if count and words != sum(kind.words for kind in kinds):
        raise BlobError("the stored hashes are of other kinds")
    place = _HEADER.size
    hashes = [_unpack_words(blob, place + _WORD * words * i, kinds) for i in range(count)]
    place += _WORD * words * count
    uncertain_bits: list[tuple[PerceptualHash, ...]] = [()] * count
    if uncertain:
        uncertain_bits = [
            _unpack_words(blob, place + _WORD * words * i, kinds) for i in range(count)
        ]
        place += _WORD * words * count
    qualities = blob[place : place + count]
    place += count
    digests = []
    for _ in range(blob[_HEADER.size - 1]):
        digests.append(blob[place + 1 : place + 1 + blob[place]])
        place += 1 + blob[place]
    names = []
    for _ in range(count):
        (length,) = _NAME.unpack_from(blob, place)
        name = blob[place + _NAME.size : place + _NAME.size + length]
        names.append(name.decode(errors="surrogatepass"))
        place += _NAME.size + length
    if place != len(blob):
        raise BlobError("the stored hashes are damaged")
    views = map(ViewHashes, names, qualities, hashes, uncertain_bits)
    return Hashes(tuple(views), tuple(digests))


def columns(blobs: Sequence[bytes], words: int) -> tuple[list[int], Codes, Codes | None]:
    """Read the hashes of many pictures without an object for each: all exact, or all previews.

    Args:
        blobs: what ``pack_hashes`` returned.
        words: 64-bit words of a view.

    Returns:
        How many views each picture has; the hashes of all views, uint64 of shape (views, words);
        and the uncertain bits of previews, of the same shape.

    Raises:
        BlobError: one is damaged, or has another version.
    """
    counts: list[int] = []
    hashes: list[bytes] = []
    uncertain_bits: list[bytes] = []
    for blob in blobs:
        uncertain, count, width = _shape(blob)
        size = _WORD * width * count
        if (count and width != words) or len(blob) < _HEADER.size + size * (1 + uncertain):
            raise BlobError("the stored hashes are damaged")
        counts.append(count)
        hashes.append(blob[_HEADER.size : _HEADER.size + size])
        if uncertain:
            uncertain_bits.append(blob[_HEADER.size + size : _HEADER.size + 2 * size])
    if not uncertain_bits:
        return counts, _codes(hashes, words), None
    found, unsure = _codes(hashes, words), _codes(uncertain_bits, words)
    if found.shape != unsure.shape:
        raise BlobError("the stored hashes are damaged")
    return counts, found, unsure


def _shape(blob: bytes) -> tuple[bool, int, int]:
    """Return whether uncertain bits follow, the number of views, and the words of each."""
    try:
        version, uncertain, count, words, _ = _HEADER.unpack_from(blob)
    except struct.error:
        raise BlobError("the stored hashes are damaged") from None
    if version != VERSION:
        raise BlobError("the stored hashes have another version")
    return uncertain, count, words


def _codes(parts: Sequence[bytes], words: int) -> Codes:
    joined = np.frombuffer(b"".join(parts), dtype="<u8")
    return joined.astype(np.uint64, copy=False).reshape(-1, max(1, words))


def _pack_words(hashes: Sequence[PerceptualHash]) -> bytes:
    return b"".join(word.to_bytes(_WORD, "little") for value in hashes for word in value.words)


def _unpack_words(blob: bytes, place: int, kinds: Sequence[HashKind]) -> tuple[PerceptualHash, ...]:
    found = []
    for kind in kinds:
        words = struct.unpack_from(f"<{kind.words}Q", blob, place)
        found.append(PerceptualHash(kind.algorithm, kind.bits, words))
        place += _WORD * kind.words
    return tuple(found)
