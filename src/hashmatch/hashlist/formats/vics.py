"""VICS, the data model of Project VIC: JSON with ``Media`` in ``value``, versions 1.3 and 2.0.

Sets of hashes have them there at once (``#Media``), cases inside of each case (``#Cases``). A
medium without a category is not categorised, which category 0 means too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hashmatch.hashlist.contents import Contents
from hashmatch.hashlist.formats.feed import Record, as_object, read_feed, text_of
from hashmatch.hashlist.formats.jsonpull import JsonPull
from hashmatch.hashlist.formats.sniffing import first_json_key
from hashmatch.hashlist.source import Options, Tap

CONTEXT_KEYS = ("odata.metadata", "@odata.context")
VALUE_KEY = "value"
NOT_CATEGORISED = "0"

_FLAT_HASHES = ("MD5", "SHA1", "SHA256", "PhotoDNA", "PDQ")


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
                pull.value()
        if not found:
            raise pull.error(f"the JSON has no {VALUE_KEY}")


def _media_of_case(pull: JsonPull) -> Iterator[Any]:
    for key in pull.members():
        if key == "Media" and pull.peek() == "[":
            yield from pull.values()
        else:
            pull.value()


def _record(raw: Any) -> Record:
    found = as_object(raw)
    hashes = [(name, text_of(found, name).strip(" ")) for name in _FLAT_HASHES if found.get(name)]
    for value in found.values():
        if type(value) is list:
            hashes += _nested(value)
    return Record(
        id=text_of(found, "MediaID"),
        hashes=list(dict.fromkeys(hashes)),
        label=text_of(found, "Series") or text_of(found, "Tags"),
        category=text_of(found, "Category") or NOT_CATEGORISED,
        added=text_of(found, "DateUpdated"),
    )


def _nested(values: list[Any]) -> Iterator[tuple[str, str]]:
    for value in values:
        if isinstance(value, dict) and "HashName" in value:
            yield text_of(value, "HashName"), text_of(value, "HashValue").strip(" ")
