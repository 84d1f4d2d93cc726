"""VICS, Project VIC's data model: JSON with media in ``value``, versions 1.3 and 2.0.

A hash set (``#Media``) lists its media directly. A case file (``#Cases``) lists them inside each
case, or inside something in the case, such as an exhibit. Media without a category count as
category 0, "not categorised".
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from hashmatch.hashlist.contents import Paging
from hashmatch.hashlist.formats import feed
from hashmatch.hashlist.formats.collect import is_algorithm
from hashmatch.hashlist.formats.jsonpull import JsonPull
from hashmatch.hashlist.text.grammar import LineError

CONTEXT_KEYS = ("odata.metadata", "@odata.context")
NEXT_KEYS = ("odata.nextLink", "@odata.nextLink")
VALUE_KEY = "value"
MEDIA_KEY = "Media"
ID_KEY = "MediaID"
NAME_OF_HASH_KEY = "HashName"
VALUE_OF_HASH_KEY = "HashValue"
NOT_CATEGORISED = "0"


def _objects(pull: JsonPull, paging: Paging) -> Iterator[Any]:
    for _ in pull.documents():
        paging.begin_page()
        cases = found = False
        for key in pull.members():
            if key == VALUE_KEY:
                found = True
                for _ in pull.elements():
                    yield from _media_of_case(pull) if cases else (pull.value(),)
                continue
            value = pull.value()
            if key in CONTEXT_KEYS:
                cases = str(value).endswith("#Cases")
            else:
                paging.more_follow |= key in NEXT_KEYS and bool(value)
                yield from _media_within(key, value)
        if not found:
            raise pull.error(f"the JSON has no {VALUE_KEY}")


def _media_of_case(pull: JsonPull) -> Iterator[Any]:
    for key in pull.members():
        if key == MEDIA_KEY and pull.peek() == "[":
            yield from pull.values()
        else:
            yield from _media_within(key, pull.value())


def _media_within(key: str, value: Any) -> Iterator[dict[str, Any] | LineError]:
    """Find the media at any depth of a value. An object without a hash only refers to a medium."""
    waiting = [(key, value)]
    for name, found in waiting:
        if isinstance(found, list):
            waiting += ((name, each) for each in found)
        elif isinstance(found, LineError):
            yield found
        elif isinstance(found, dict):
            if (name == MEDIA_KEY or ID_KEY in found) and _has_hash(found):
                yield found
            else:
                waiting += found.items()


def _has_hash(found: dict[str, Any]) -> bool:
    return any(map(found.get, _keys_of_hashes(tuple(found)))) or any(_nested(found))


def _record(raw: Any) -> feed.FeedRecord:
    found = feed.as_object(raw)
    flat = _keys_of_hashes(tuple(found))
    hashes = [(name, feed.text_of(found, name).strip(" ")) for name in flat if found.get(name)]
    hashes += (
        (feed.text_of(each, NAME_OF_HASH_KEY), feed.text_of(each, VALUE_OF_HASH_KEY).strip(" "))
        for each in map(feed.as_object, _nested(found))
    )
    return feed.FeedRecord(
        id=feed.text_of(found, ID_KEY),
        hashes=list(dict.fromkeys(hashes)),
        label=feed.shown(found, "Series") or feed.shown(found, "Tags"),
        category=feed.text_of(found, "Category") or NOT_CATEGORISED,
        added=feed.shown(found, "DateUpdated"),
    )


@lru_cache(maxsize=1024)
def _keys_of_hashes(keys: tuple[str, ...]) -> tuple[str, ...]:
    """The keys that name algorithms; cached, because media have few different sets of keys."""
    return tuple(filter(is_algorithm, keys))


def _nested(found: dict[str, Any]) -> Iterator[dict[str, Any] | LineError]:
    """The hashes of a medium that are separate objects."""
    return feed.objects_within(list(found.values()), NAME_OF_HASH_KEY)


FEED = feed.JsonFeed("VICS", CONTEXT_KEYS, _objects, _record)
