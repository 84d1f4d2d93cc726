"""What the feeds of others have in common: records in any order, the last word on an id counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

import numpy as np

from hashmatch.hashlist.contents import Contents
from hashmatch.hashlist.formats.collect import CHUNK_RECORDS, Chunk, Collector
from hashmatch.hashlist.source import Options, Tap
from hashmatch.hashlist.text.grammar import LineError

Raw = TypeVar("Raw")

_TEXTS = ("id", "label", "category", "source", "added")
_ALGORITHM = itemgetter(0)
_DEEP = frozenset((list, dict, LineError))


class Record(NamedTuple):
    """One record of a feed; texts are empty where it has none.

    Attributes:
        id: of the record.
        hashes: algorithm, as the feed spells it, and hash, of each that it has.
        label: as in ``Entry``.
        category: as in ``Entry``.
        source: as in ``Entry``.
        added: as in ``Entry``.
        withdrawn: it withdraws its id.
        rank: of several records of one id, the highest counts, and the last of those.
    """

    id: str
    hashes: list[tuple[str, str]]
    label: str = ""
    category: str = ""
    source: str = ""
    added: str = ""
    withdrawn: bool = False
    rank: int = 0


def read_feed(
    raw: Iterable[Raw | LineError], to_record: Callable[[Raw], Record], tap: Tap, options: Options
) -> Contents:
    """Make a list of a feed.

    Args:
        raw: the records as the feed has them, or what is wrong with one that cannot be read.
        to_record: makes a record of one; a ``LineError`` says what is wrong with it.
        tap: the list, whose end has been reached when there are no more records.
        options: how it is read.

    Raises:
        HashListError: something is wrong with it.
    """
    collector = Collector(options, latest=True, foreign=True)
    remaining, first = iter(raw), 1
    while chunk := _chunk(first, islice(remaining, CHUNK_RECORDS), to_record):
        collector.add(chunk)
        first += len(chunk.numbers)
    return collector.finish(Contents({}, name=options.name, digest=tap.digest()))


def _chunk(
    first: int, found: Iterable[Raw | LineError], to_record: Callable[[Raw], Record]
) -> Chunk | None:
    """Make a chunk of records, the first of which has a number; None where there are none."""
    records: list[Record] = []
    faults: list[tuple[int, str]] = []
    for place, each in enumerate(found):
        try:
            if isinstance(each, LineError):
                raise each
            records.append(to_record(each))
        except LineError as error:
            faults.append((place, str(error)))
            records.append(Record("", []))
    if not records:
        return None
    faults += _without_hash(records)
    columns = dict(zip(Record._fields, zip(*records, strict=True), strict=True))
    pairs = list(chain.from_iterable(columns["hashes"]))
    algorithms, values = zip(*pairs, strict=True) if pairs else ((), ())
    return Chunk(
        numbers=range(first, first + len(records)),
        fields={name: columns[name] for name in _TEXTS},
        algorithms=algorithms,
        values=values,
        owners=np.repeat(np.arange(len(records)), list(map(len, columns["hashes"]))),
        withdrawn=columns["withdrawn"],
        ranks=columns["rank"],
        faults=faults,
    )


def _without_hash(records: Sequence[Record]) -> Iterator[tuple[int, str]]:
    """The places of records that have no hash, or one that may be anything."""
    for place, record in enumerate(records):
        if not record.hashes:
            if not record.withdrawn:
                yield place, "the entry has no hash"
        elif not all(map(_ALGORITHM, record.hashes)):
            yield place, "the entry does not say what its hash is"


def text_of(found: dict[str, Any], key: str) -> str:
    """A text, or a number as text; empty where there is none.

    Raises:
        LineError: it is neither.
    """
    value = found.get(key)
    if type(value) is str:
        return value
    if value is None:
        return ""
    if type(value) is int:
        return str(value)
    raise LineError(f"{key} is neither text nor number")


def as_object(found: Any) -> dict[str, Any]:
    """A record that is an object.

    Raises:
        LineError: it is something else.
    """
    if isinstance(found, LineError):
        raise found
    if not isinstance(found, dict):
        raise LineError("the record is no JSON object")
    return found


def objects_within(value: Any, key: str) -> Iterator[dict[str, Any] | LineError]:
    """The objects with a key in a value, at whatever depth, and those that cannot be read."""
    waiting = [value]
    for found in waiting:
        if isinstance(found, LineError):
            yield found
        elif isinstance(found, list):
            waiting += (each for each in found if type(each) in _DEEP)
        elif isinstance(found, dict):
            if key in found:
                yield found
            waiting += (each for each in found.values() if type(each) in _DEEP)
