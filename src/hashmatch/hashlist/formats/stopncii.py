"""StopNCII's hash feed: JSON pages, each with ``hashRecords``.

Field names and states follow the StopNCII client in Meta's ``threatexchange`` package. A record has
no id; it replaces an older record of the same signal type and hash. We use a digest of these two as
the id, because the hash itself must not show.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

from hashmatch.hashlist.contents import Paging
from hashmatch.hashlist.formats import feed
from hashmatch.hashlist.formats.jsonpull import JsonPull
from hashmatch.hashlist.text.grammar import LineError

RECORDS_KEY = "hashRecords"
HASH_KEY = "hashValue"
MORE_KEY = "hasMoreRecords"

WITHDRAWN_STATES = frozenset({"withdrawn", "deleted"})
"""Clients must delete records in these states; records in any other state may match."""

_ID_DIGITS = 16
_MEDIUM = re.compile("^(image|video)", re.IGNORECASE)


def _objects(pull: JsonPull, paging: Paging) -> Iterator[Any]:
    return feed.objects_of_pages(pull, paging, RECORDS_KEY, HASH_KEY, _says_more)


def _says_more(key: str, value: Any) -> bool:
    return key == MORE_KEY and value not in (None, False, "false")


def _record(raw: Any) -> feed.FeedRecord:
    found = feed.as_object(raw)
    signal, value = feed.text_of(found, "signalType"), feed.text_of(found, HASH_KEY).strip(" ")
    cases = found.get("caseNumbers")
    if isinstance(cases, LineError):
        raise cases
    return feed.FeedRecord(
        id=_id(signal, value),
        hashes=[(_MEDIUM.sub("", signal), value)],
        label=", ".join(map(str, cases)) if isinstance(cases, (dict, list)) else "",
        source="StopNCII",
        added=feed.shown(found, "lastModtimestamp"),
        withdrawn=feed.text_of(found, "hashStatus").strip().lower() in WITHDRAWN_STATES,
        rank=feed.rank_of(found.get("lastModtimestamp")),
    )


def _id(signal: str, value: str) -> str:
    named = f"{signal}:{value}".lower().encode(errors="replace")
    return f"stopncii-{hashlib.sha256(named).hexdigest()[:_ID_DIGITS]}"


FEED = feed.JsonFeed("StopNCII", (RECORDS_KEY,), _objects, _record)
"""Reads pages, whether one after another or in one array."""
