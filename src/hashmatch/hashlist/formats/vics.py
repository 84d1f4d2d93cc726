"""VICS, the data model of Project VIC: JSON with ``Media`` in ``value``, versions 1.3 and 2.0.

Sets of hashes have them there at once (``#Media``), cases inside of each case (``#Cases``), or of
something in it, such as an exhibit. A medium without a category is not categorised, which category
0 means too.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from hashmatch.hashlist.contents import Contents
from hashmatch.hashlist.formats.collect import is_algorithm
from hashmatch.hashlist.formats.feed import Record, as_object, objects_within, read_feed, text_of
from hashmatch.hashlist.formats.jsonpull import JsonPull
from hashmatch.hashlist.formats.sniffing import first_json_key
from hashmatch.hashlist.source import Options, Tap
from hashmatch.hashlist.text.grammar import LineError

CONTEXT_KEYS = ("odata.metadata", "@odata.context")
VALUE_KEY = "value"
MEDIA_KEY = "Media"
ID_KEY = "MediaID"
NAME_OF_HASH_KEY = "HashName"
VALUE_OF_HASH_KEY = "HashValue"
NOT_CATEGORISED = "0"


def fits(head: bytes) -> bool:
    """Tell whether a list that begins so is one."""
    return first_json_key(head) in CONTEXT_KEYS


def read(tap: Tap, options: Options) -> Contents:
    """Read a set of hashes or cases, without loading it whole.

    Raises:
        HashListError: something is wrong with it.
    """
    return read_feed(_objects(JsonPull(tap, options.source)), _record, tap, options)


def _objects(pull: JsonPull) -> Iterator[Any]:
    for _ in pull.documents():
        cases = found = False
        for key in pull.members():
            if key in CONTEXT_KEYS:
                cases = str(pull.value()).endswith("#Cases")
            elif key == VALUE_KEY:
                found = True
                for _ in pull.elements():
                    yield from _media_of_case(pull) if cases else (pull.value(),)
            else:
                yield from _media_within(key, pull.value())
        if not found:
            raise pull.error(f"the JSON has no {VALUE_KEY}")


def _media_of_case(pull: JsonPull) -> Iterator[Any]:
    for key in pull.members():
        if key == MEDIA_KEY and pull.peek() == "[":
            yield from pull.values()
        else:
            yield from _media_within(key, pull.value())


def _media_within(key: str, value: Any) -> Iterator[dict[str, Any] | LineError]:
    """The media in a value, at whatever depth; what only refers to a medium has no hash."""
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


def _record(raw: Any) -> Record:
    found = as_object(raw)
    flat = _keys_of_hashes(tuple(found))
    hashes = [(name, text_of(found, name).strip(" ")) for name in flat if found.get(name)]
    hashes += (
        (text_of(each, NAME_OF_HASH_KEY), text_of(each, VALUE_OF_HASH_KEY).strip(" "))
        for each in map(as_object, _nested(found))
    )
    return Record(
        id=text_of(found, ID_KEY),
        hashes=list(dict.fromkeys(hashes)),
        label=text_of(found, "Series") or text_of(found, "Tags"),
        category=text_of(found, "Category") or NOT_CATEGORISED,
        added=text_of(found, "DateUpdated"),
    )


@lru_cache(maxsize=1024)
def _keys_of_hashes(keys: tuple[str, ...]) -> tuple[str, ...]:
    """Those keys of a medium that are names of algorithms; media have few sets of keys."""
    return tuple(filter(is_algorithm, keys))


def _nested(found: dict[str, Any]) -> Iterator[dict[str, Any] | LineError]:
    """Hashes of a medium that have an object each."""
    return objects_within(list(found.values()), NAME_OF_HASH_KEY)
