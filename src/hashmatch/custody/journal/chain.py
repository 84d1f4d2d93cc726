"""The records of a journal, and the chain that holds them together.

A line is a JSON object with five keys: ``seq`` counts the file's records from 1; ``time`` is when
(UTC, ISO 8601); ``event`` is what happened, by its ``type``; ``previous`` is the ``digest`` of the
record before, 64 zeros in the first; ``digest`` is the SHA-256 of the record's canonical JSON
(ASCII, keys sorted, no blanks) without ``digest`` itself. So whoever changes, removes, adds or
moves a record must compute every later one anew. The digest of the last record, the **head**, is
the file's anchor: kept elsewhere, it shows that too, and that nothing was cut off at the end.

The same idea as in certificate transparency logs (RFC 9162), with a chain in place of a tree: a
journal is read whole, and by few.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

START_OF_CHAIN = "0" * 64
"""What the first record names as the digest before it."""

BEGINNING = b'{"digest":"'
"""What every record, and so every journal, begins with."""

_SHAPE = {"digest": str, "event": dict, "previous": str, "seq": int, "time": str}

Event = Mapping[str, Any]


def canonical(record: Event) -> bytes:
    """The one way to write a record: JSON in ASCII, keys sorted, no blanks, no newline."""
    text = json.dumps(
        record, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )
    return text.encode("ascii")


def digest_of(record: Event) -> str:
    """The SHA-256, in hex, of a record that has no ``digest`` yet."""
    return hashlib.sha256(canonical(record)).hexdigest()


def torn_event(length: int, digest: str) -> dict[str, Any]:
    """What a writer says of a torn line that it found: its bytes, and their SHA-256 in hex."""
    return {"type": "torn", "bytes": length, "sha256": digest}


def parse(line: bytes) -> dict[str, Any] | None:
    """The record in a line, or None if it is not exactly as it was written."""
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
