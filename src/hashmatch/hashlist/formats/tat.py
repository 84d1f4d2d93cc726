"""Tech Against Terrorism's hash list: JSON, an array of records with ``hash_digest``.

The array may be the whole file, or the value of any key of an object. Records nested deeper in an
object are read too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hashmatch.hashlist.contents import Paging
from hashmatch.hashlist.formats import feed
from hashmatch.hashlist.formats.jsonpull import JsonPull
from hashmatch.hashlist.text.grammar import LineError

HASH_KEY = "hash_digest"
NEXT_KEY = "next"


def _objects(pull: JsonPull, paging: Paging) -> Iterator[Any]:
    while character := pull.peek():
        if character == "[":
            yield from pull.values()
            continue
        paging.begin_page()
        found = False
        for key in pull.members():
            if pull.peek() == "[":
                found = True
                yield from pull.values()
                continue
            value = paging.said[key] = pull.value()
            paging.more_follow |= key == NEXT_KEY and bool(value)
            for each in feed.objects_within(value, HASH_KEY):
                found = True
                yield each
        if not found:
            raise pull.error("the JSON has no array")


def _record(raw: Any) -> feed.FeedRecord:
    found = feed.as_object(raw)
    deleted = feed.WITHDRAWN_WORDS.get(str(found.get("deleted") or "").lower())
    if deleted is None:
        raise LineError("deleted is neither true nor false")
    return feed.FeedRecord(
        id=feed.text_of(found, "id"),
        hashes=[(feed.text_of(found, "algorithm"), feed.text_of(found, HASH_KEY).strip(" "))],
        label=feed.shown(found, "file_type"),
        category=feed.text_of(found, "ideology"),
        source="Tech Against Terrorism",
        added=feed.shown(found, "created_on"),
        withdrawn=deleted,
        rank=feed.rank_of(found.get("updated_on")),
    )


FEED = feed.JsonFeed("Tech Against Terrorism", (HASH_KEY,), _objects, _record)
