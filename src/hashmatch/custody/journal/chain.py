"""The records of a journal and the chain of their digests.

A line is a JSON object with five keys. ``seq`` counts the records of the file from 1. ``time`` is
the time (UTC, ISO 8601). ``event`` is what happened, by its ``type``. ``previous`` is the
``digest`` of the record before, or 64 zeros in the first. ``digest`` is the SHA-256 of the record
without ``digest`` itself, as canonical JSON (ASCII, keys sorted, no spaces). Whoever changes,
removes, adds or moves a record must therefore recompute all later ones. The digest of the last
record is the **head**. Kept elsewhere as an anchor, it reveals even that, and a cut end.

Certificate transparency logs (RFC 9162) use the same idea with a tree; a chain is enough here,
since a journal is always read as a whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

START_OF_CHAIN = "0" * 64
"""What the first record has as ``previous``."""

BEGINNING = b'{"digest":"'
"""How every record begins, and so every journal."""

_SHAPE = {"digest": str, "event": dict, "previous": str, "seq": int, "time": str}

Event = Mapping[str, Any]


def canonical(record: Event) -> bytes:
    """Encode a record in its one form: JSON in ASCII, keys sorted, no spaces, no newline."""
    text = json.dumps(
        record, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )
    return text.encode("ascii")


def digest_of(record: Event) -> str:
    """Return the SHA-256, in hex, of a record without ``digest``."""
    return hashlib.sha256(canonical(record)).hexdigest()


def torn_event(length: int, digest: str) -> dict[str, Any]:
    """Make the event that reports a torn line, by its length in bytes and SHA-256 in hex."""
    return {"type": "torn", "bytes": length, "sha256": digest}


def parse(line: bytes) -> dict[str, Any] | None:
    """Return the record in a line, or None unless it is exactly as it was written."""
    try:
        record = json.loads(line)
        if not isinstance(record, dict) or canonical(record) != line:
            return None
    except (ValueError, RecursionError):
        return None
    if {key: type(value) for key, value in record.items()} != _SHAPE:
        return None
    rest = {key: value for key, value in record.items() if key != "digest"}
    if digest_of(rest) != record["digest"] or not isinstance(record["event"].get("type"), str):
        return None
    return record
