"""ThreatExchange's ``threat_updates``: JSON pages of the changes to what a privacy group shares.

Fields follow the public reference of the API. An indicator keeps its id; its latest change counts.
What the group's members found not to be harmful has the status ``NON_MALICIOUS``. It gets the
category that ThreatExchange's other format has for that, which never matches unless you name it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hashmatch.hashlist.contents import Paging
from hashmatch.hashlist.formats.feed import (
    WITHDRAWN_WORDS,
    FeedRecord,
    JsonFeed,
    as_object,
    objects_within,
    rank_of,
    shown,
    text_of,
)
from hashmatch.hashlist.formats.jsonpull import JsonPull
from hashmatch.hashlist.formats.threatexchange import algorithm_of
from hashmatch.hashlist.text.grammar import LineError

RECORDS_KEY = "data"
DELETED_KEY = "should_delete"
PAGING_KEY = "paging"

_NOT_HARMFUL = {"NON_MALICIOUS": "NEGATIVE_CLASS"}


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
            if key == PAGING_KEY and isinstance(value, dict):
                paging.more_follow = bool(value.get("next"))
            yield from objects_within(value, DELETED_KEY)
        if not found:
            raise pull.error(f"the JSON has no {RECORDS_KEY}")


def _record(raw: Any) -> FeedRecord:
    found = as_object(raw)
    deleted = WITHDRAWN_WORDS.get(str(found.get(DELETED_KEY) or "").lower())
    if deleted is None:
        raise LineError(f"{DELETED_KEY} is neither true nor false")
    status, tags = text_of(found, "status"), found.get("tags")
    value = text_of(found, "indicator").strip(" ")
    return FeedRecord(
        id=text_of(found, "id"),
        hashes=[] if deleted else [(algorithm_of(text_of(found, "type")), value)],
        label=", ".join(map(str, tags)) if isinstance(tags, list) else "",
        category=_NOT_HARMFUL.get(status, status),
        source="ThreatExchange",
        added=shown(found, "creation_time"),
        withdrawn=deleted,
        rank=rank_of(found.get("last_updated")),
    )


FEED = JsonFeed("ThreatExchange's threat_updates", (DELETED_KEY,), _objects, _record)
