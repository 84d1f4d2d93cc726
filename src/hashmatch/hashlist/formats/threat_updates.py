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
    objects_of_pages,
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
    return objects_of_pages(pull, paging, RECORDS_KEY, DELETED_KEY, _says_more)


def _says_more(key: str, value: Any) -> bool:
    return key == PAGING_KEY and isinstance(value, dict) and bool(value.get("next"))


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
