"""Read a document whole, decode base64, and make entries: what readers of documents share."""

from __future__ import annotations

import binascii
import re
from io import BytesIO
from typing import BinaryIO

from hashmatch.errors import OUT_OF_MEMORY, DecodeError
from hashmatch.examine.archive.budget import Budget
from hashmatch.examine.archive.entries import ArchiveEntry
from hashmatch.examine.archive.streams import Metered, Section
from hashmatch.model import Reason

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]+")
_PADDING = re.compile(rb"=+")
_MAX_NAME = 200


def read_whole(file: BinaryIO, size: int, budget: Budget) -> bytes:
    """Read a document in one piece.

    Raises:
        DecodeError: ``too_large``: it is over the limit on members, or memory ran out.
    """
    if size > budget.max_member_bytes:
        raise DecodeError(Reason.TOO_LARGE, f"more than {budget.max_member_bytes} bytes")
    try:
        return Section(file, 0, size).read(size)
    except MemoryError:
        raise DecodeError(Reason.TOO_LARGE, OUT_OF_MEMORY) from None


def read_base64(text: bytes) -> tuple[bytes, DecodeError | None]:
    """Decode base64 as mail programs and browsers do, and say whether it breaks off.

    They skip characters outside its alphabet, and padding ends a run.
    """
    problem = None
    decoded: list[bytes] = []
    for run in _PADDING.split(_NOT_BASE64.sub(b"", text)):
        left = len(run) % 4
        if left == 1:
            problem = DecodeError(Reason.TRUNCATED, "the base64 text ends early")
            run = run[:-1]  # noqa: PLW2901 # the rest cannot be decoded
        decoded.append(binascii.a2b_base64(run + b"=" * (-len(run) % 4)))
    return b"".join(decoded), problem


def content_entry(
    name: bytes, data: bytes, budget: Budget, problem: DecodeError | None = None
) -> ArchiveEntry:
    """Make an entry from content in memory."""
    return ArchiveEntry(
        name,
        open=lambda: Metered(Section(BytesIO(data), 0, len(data)), budget),
        problem=problem,
    )


def label(name: str) -> bytes:
    """Turn a name from a document into the last part of a path."""
    last = re.split(r"[/\\]", name)[-1]
    return last.encode("utf-8", "replace")[:_MAX_NAME]
