"""Tech Against Terrorism's hash list: JSON, an array of records with ``hash_digest``.

The array may be the whole file, or the value of some key of an object; records that stand deeper in
an object are read too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hashmatch.hashlist.contents import Contents
from hashmatch.hashlist.formats.feed import Record, as_object, objects_within, read_feed, text_of
from hashmatch.hashlist.formats.jsonpull import JsonPull
from hashmatch.hashlist.formats.own import WITHDRAWN_WORDS
from hashmatch.hashlist.formats.sniffing import first_json_key
from hashmatch.hashlist.source import Options, Tap
from hashmatch.hashlist.text.grammar import LineError

HASH_KEY = "hash_digest"


def fits(head: bytes) -> bool:
    """Tell whether a list that begins so is one."""
    return first_json_key(head) == HASH_KEY


def read(tap: Tap, options: Options) -> Contents:
    """Read a list.

    Raises:
        HashListError: something is wrong with it.
    """
    return read_feed(_objects(JsonPull(tap, options.source)), _record, tap, options)


def _objects(pull: JsonPull) -> Iterator[Any]:
    while character := pull.peek():
        if character == "[":
            yield from pull.values()
            continue
        found = False
        for _ in pull.members():
            if pull.peek() == "[":
                found = True
                yield from pull.values()
            else:
                for each in objects_within(pull.value(), HASH_KEY):
                    found = True
                    yield each
        if not found:
            raise pull.error("the JSON has no array")


def _record(raw: Any) -> Record:
    found = as_object(raw)
    deleted = WITHDRAWN_WORDS.get(str(found.get("deleted") or "").lower())
    if deleted is None:
        raise LineError("deleted is neither true nor false")
    return Record(
        id=text_of(found, "id"),
        hashes=[(text_of(found, "algorithm"), text_of(found, HASH_KEY).strip(" "))],
        label=text_of(found, "file_type"),
        category=text_of(found, "ideology"),
        source="Tech Against Terrorism",
        added=text_of(found, "created_on"),
        withdrawn=deleted,
    )
