"""The records of an audit trail, and the chain that holds them together.

A line is a JSON object with five keys: ``seq`` counts the file's records from 1; ``time`` is when
(UTC, ISO 8601); ``event`` is what happened, by its ``type``; ``previous`` is the ``digest`` of the
record before, 64 zeros in the first; ``digest`` is the SHA-256 of the record's canonical JSON
(ASCII, keys sorted, no blanks) without ``digest`` itself. So whoever changes, removes, adds or
moves a record must compute every later one anew. The digest of the last record, the **head**, is
the file's anchor: kept elsewhere, it shows that too, and that nothing was cut off at the end.

The same idea as in certificate transparency logs (RFC 9162), with a chain in place of a tree: a
trail is read whole, and by few.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from hashmatch.journal import canonical

START_OF_CHAIN = "0" * 64
"""What the first record names as the digest before it."""

_SHAPE = {"digest": str, "event": dict, "previous": str, "seq": int, "time": str}

Event = Mapping[str, Any]


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


def digest_of(record: Mapping[str, Any]) -> str:
    """The SHA-256, in hex, of a record that has no ``digest`` yet."""
    return hashlib.sha256(canonical(record)).hexdigest()
