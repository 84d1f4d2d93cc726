"""What the state stores of a file or of a member of an archive."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from hashmatch.errors import DecodeError
from hashmatch.files import is_object
from hashmatch.model import Examination, Kind, Reason
from hashmatch.state.blob import pack_hashes

SHA256 = "sha256"

_SEPARATOR = os.fsencode(os.sep)

StoredIdentity: TypeAlias = tuple[int, str, int | None]
"""Shows whether an item changed: a source makes it, and the state stores and compares it.

Its size in bytes; everything else that identifies it; and when it last changed, in nanoseconds
since 1970, or None if a change always shows in the rest.
"""


def key_of(path: bytes) -> bytes:
    """The key of a path. Keys sort in the order of a walk, or of a listing.

    The path of a file is made absolute. That of an object is its key.
    """
    if is_object(path):
        return path
    return os.path.abspath(path).rstrip(_SEPARATOR).replace(_SEPARATOR, b"\0")


def path_of_key(key: bytes) -> bytes:
    """The absolute path of a key."""
    if is_object(key):
        return key
    return key.replace(b"\0", _SEPARATOR) or _SEPARATOR


def keys_below(root: bytes) -> tuple[bytes, bytes]:
    """The first key at or below a path, and a key that is greater than all of them."""
    first = key_of(root)
    if not is_object(root):
        return first, first + b"\x01"
    # Any key may follow a prefix, up to the prefix with its last byte raised
    cut = first.rstrip(b"\xff")
    return first, cut[:-1] + bytes([cut[-1] + 1])


class Stored(NamedTuple):
    """A row: all that an examination found, and the verdict of the last scan.

    The verdict is for people who read the state. Lists change, so every scan decides again.

    The attributes are the columns of the table ``files``.
    """

    key: bytes
    member: int
    name: bytes | None
    size: int | None
    mark: str | None
    changed: int | None
    members: int | None
    sha256: bytes | None
    settings: int
    exact: int
    format: str | None
    width: int
    height: int
    quality: int | None
    reason: str | None
    detail: str | None
    kind: str | None
    hashes: bytes
    examined: int
    gone: int | None
    verdict: str | None
    since: int | None

    @property
    def identity(self) -> StoredIdentity | None:
        """Of the file; None if it could not be opened."""
        if self.size is None or self.mark is None:
            return None
        return self.size, self.mark, self.changed

    @property
    def shown(self) -> tuple[Any, ...]:
        """What a record shows of it: format, width, height, quality, reason, detail and kind."""
        return self[10:17]


COLUMNS = ", ".join(Stored._fields)


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A preview that may be near an entry, of a file that cannot be read to confirm it.

    Attributes:
        stored: what is known about it.
        error: why it cannot be read.
    """

    stored: Stored
    error: DecodeError


Evidence: TypeAlias = Examination | Stored | Unconfirmed
"""What a verdict can be based on."""


def sha256_of(evidence: Evidence, digests: Sequence[str]) -> bytes | None:
    """The SHA-256 of the file's bytes; None unless it was taken of all of them.

    Args:
        evidence: what is known about the file.
        digests: the names of an examination's digests.
    """
    if isinstance(evidence, Unconfirmed):
        return evidence.stored.sha256
    if isinstance(evidence, Stored):
        return evidence.sha256
    if not evidence.digests or SHA256 not in digests:
        return None
    return bytes.fromhex(evidence.digests[digests.index(SHA256)])


def columns_of(examination: Examination, digests: Sequence[str]) -> dict[str, Any]:
    """An examination as the columns of its row.

    Args:
        examination: what was found.
        digests: the names of its digests.
    """
    raw = [bytes.fromhex(text) for text in examination.digests]
    return {
        "sha256": sha256_of(examination, digests),
        "exact": int(examination.exact),
        "format": examination.format,
        "width": examination.width,
        "height": examination.height,
        "quality": examination.quality,
        "reason": examination.reason,
        "detail": examination.detail,
        "kind": examination.kind,
        "hashes": pack_hashes(examination, raw),
    }


def bare(
    form: str | None,
    width: int,
    height: int,
    quality: int | None,
    reason: str | None,
    detail: str | None,
    kind: str | None,
) -> Examination:
    """An examination without hashes, which is enough if none of them is near an entry."""
    return Examination(
        format=form,
        width=width,
        height=height,
        reason=None if reason is None else Reason(reason),
        detail=detail,
        quality=quality,
        kind=None if kind is None else Kind(kind),
    )
