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
    for _ in pull.documents():
        paging.begin_page()
        found = False
        for key in pull.members():
            if key == RECORDS_KEY:
                found = True
                yield from pull.values()
                continue
            value = paging.said[key] = pull.value()
            paging.more_follow |= key == MORE_KEY and value not in (None, False, "false")
            yield from feed.objects_within(value, HASH_KEY)
        if not found:
            raise pull.error(f"the JSON has no {RECORDS_KEY}")


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
