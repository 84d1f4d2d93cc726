"""What the state keeps of a file, or of a member of an archive."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from hashmatch.errors import DecodeError
from hashmatch.model import Examination, Reason
from hashmatch.state.blob import pack_hashes

SHA256 = "sha256"

_SIGNED = 1 << 63


class Identity(NamedTuple):
    """What tells whether a file is still the one that was examined.

    Attributes:
        device: number of the file system.
        inode: number of the file on it.
        size: in bytes.
        mtime_ns: when it was last changed, nanoseconds since 1970; anybody can set it.
        ctime_ns: when that or anything else of it was last changed, which nobody can set; so a file
            that was put in the place of another is seen. On Windows, when it was made.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Identity:
        """From what the system tells."""
        device, inode = status.st_dev, status.st_ino
        if device >= _SIGNED or inode >= _SIGNED:
            device, inode = _signed(device), _signed(inode)
        return cls(device, inode, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _signed(number: int) -> int:
    """SQLite's integers are signed, and some systems' numbers are long."""
    return (number + _SIGNED) % (2 * _SIGNED) - _SIGNED


class Stored(NamedTuple):
    """A row: all that an examination found, and what the last scan said of it.

    That verdict is for whoever reads the state; lists change, so every scan judges anew.

    The attributes are the columns of the table ``files``.
    """

    key: bytes
    member: int
    name: bytes | None
    device: int | None
    inode: int | None
    size: int | None
    mtime_ns: int | None
    ctime_ns: int | None
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
    hashes: bytes
    examined: int
    gone: int | None
    verdict: str | None
    since: int | None

    @property
    def identity(self) -> tuple[int | None, ...]:
        """Of the file; comparable with an ``Identity``."""
        return self[3:8]

    @property
    def told(self) -> tuple[Any, ...]:
        """What a record tells of it: format, width, height, quality, reason and detail."""
        return self[12:18]


COLUMNS = ", ".join(Stored._fields)


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A preview that may be near to an entry, of a file that cannot be read to make sure.

    Attributes:
        stored: what was known of it.
        error: why it cannot be read.
    """

    stored: Stored
    error: DecodeError


Evidence = Examination | Stored | Unconfirmed
"""What a verdict can be given on."""


def sha256_of(examination: Examination, digests: Sequence[str]) -> bytes | None:
    """The SHA-256 of the file's bytes; None where they were not all read."""
    if not examination.digests:
        return None
    return bytes.fromhex(examination.digests[digests.index(SHA256)])


def columns_of(examination: Examination, digests: Sequence[str]) -> dict[str, Any]:
    """An examination as columns of its row.

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
        "hashes": pack_hashes(examination, raw),
    }


def bare(
    form: str | None,
    width: int,
    height: int,
    quality: int | None,
    reason: str | None,
    detail: str | None,
) -> Examination:
    """What a row tells, without its hashes: enough where none of them is near to any entry."""
    return Examination(
        format=form,
        width=width,
        height=height,
        reason=None if reason is None else Reason(reason),
        detail=detail,
        quality=quality,
    )
