"""Hash one picture in one line, as ``imagehash`` does."""

from __future__ import annotations

import os

from hashmatch.errors import DecodeError
from hashmatch.examine.examination import examine
from hashmatch.examine.inputs import PictureInput
from hashmatch.hashing import check_kind, parse_kind
from hashmatch.model import HashKind, PerceptualHash, Reason
from hashmatch.options import ExamineOptions, Limits
from hashmatch.text import printable

STORED = "stored"


def hash(  # noqa: A001 # hashmatch.hash(picture) is what it reads as
    picture: PictureInput, algorithm: str = "phash", *, bits: int | None = None
) -> PerceptualHash:
    """Hash a picture as it is stored: not turned, not trimmed, and only its first frame.

    ``phash`` and ``dhash`` equal those of ``imagehash``, bit for bit, under the same Pillow. The
    picture is decoded in this process: use ``Matcher`` for pictures that you do not trust.

    Args:
        picture: bytes, a path, a file open for reading in binary, or a ``PIL.Image``.
        algorithm: ``phash``, ``dhash``, ``pdq``, one that a plug-in adds, or one with its width:
            ``phash-256``.
        bits: the width; None for that in the algorithm's name, or its smallest.

    Raises:
        DecodeError: the picture cannot be decoded completely. Its ``reason`` says why.
        SettingsError: ``picture`` is none of these, or there is no such algorithm or width.
        MissingExtraError: the algorithm needs a package that is not installed.
    """
    kind = parse_kind(algorithm)
    if bits is not None:
        kind = check_kind(HashKind(kind.algorithm, bits))
    found = examine(picture, ExamineOptions(kinds=(kind,), limits=Limits(max_frames=1)))
    if found.reason is not None and found.reason is not Reason.FRAME_LIMIT:
        raise DecodeError(
            found.reason,
            found.detail or found.reason,
            format=found.format,
            width=found.width,
            height=found.height,
            path=_path_of(picture),
        )
    for view in found.views:
        if view.view == STORED:
            return view.hashes[0]
    raise DecodeError(Reason.UNDECODABLE, "not a picture", path=_path_of(picture))


def phash(picture: PictureInput, *, bits: int = 64) -> PerceptualHash:
    """Take the pHash of a picture, of 64 or 256 bits; see ``hash``."""
    return hash(picture, "phash", bits=bits)


def dhash(picture: PictureInput, *, bits: int = 64) -> PerceptualHash:
    """Take the dHash of a picture, of 64 or 256 bits; see ``hash``."""
    return hash(picture, "dhash", bits=bits)


def _path_of(picture: PictureInput) -> str | None:
    if not isinstance(picture, str | os.PathLike):
        return None
    return printable(os.fsdecode(picture))
