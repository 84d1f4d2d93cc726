"""StopNCII's hash feed: pages of JSON, each with ``hashRecords``.

Field names and states as in the StopNCII client of Meta's ``threatexchange`` package. A record has
no id: what it says replaces what an earlier one said of the same signal type and hash. So the id is
made of these two, through a digest, since the hash itself must not be seen.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

from hashmatch.hashlist.contents import Contents
from hashmatch.hashlist.formats.feed import Record, as_object, objects_within, read_feed, text_of
from hashmatch.hashlist.formats.jsonpull import JsonPull
from hashmatch.hashlist.formats.sniffing import first_json_key
from hashmatch.hashlist.source import Options, Tap
from hashmatch.hashlist.text.grammar import LineError

RECORDS_KEY = "hashRecords"
HASH_KEY = "hashValue"

WITHDRAWN_STATES = frozenset({"withdrawn", "deleted"})
"""Clients are to delete these; every other state may match."""

_ID_DIGITS = 16
_MEDIUM = re.compile("^(image|video)", re.IGNORECASE)


def fits(head: bytes) -> bool:
    """Tell whether a list that begins so is one."""
    return first_json_key(head) == RECORDS_KEY


def read(tap: Tap, options: Options) -> Contents:
    """Read pages, one after the other or in one array.

    Raises:
        HashListError: something is wrong with it.
    """
    return read_feed(_objects(JsonPull(tap, options.source)), _record, tap, options)


def _objects(pull: JsonPull) -> Iterator[Any]:
    for _ in pull.documents():
        found = False
        for key in pull.members():
            if key == RECORDS_KEY:
                found = True
                yield from pull.values()
            else:
                yield from objects_within(pull.value(), HASH_KEY)
        if not found:
            raise pull.error(f"the JSON has no {RECORDS_KEY}")


def _record(raw: Any) -> Record:
    found = as_object(raw)
    signal, value = text_of(found, "signalType"), text_of(found, HASH_KEY).strip(" ")
    cases = found.get("caseNumbers")
    if isinstance(cases, LineError):
        raise cases
    return Record(
        id=_id(signal, value),
        hashes=[(_MEDIUM.sub("", signal), value)],
        label=", ".join(map(str, cases)) if isinstance(cases, (dict, list)) else "",
        source="StopNCII",
        added=text_of(found, "lastModtimestamp"),
        withdrawn=text_of(found, "hashStatus").strip().lower() in WITHDRAWN_STATES,
    )


def _id(signal: str, value: str) -> str:
    named = f"{signal}:{value}".lower().encode(errors="replace")
    return f"stopncii-{hashlib.sha256(named).hexdigest()[:_ID_DIGITS]}"
