"""What foreign feeds share: records come in any order, and the latest one of each id counts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

import numpy as np

from hashmatch.hashlist.contents import Contents, Paging
from hashmatch.hashlist.formats.collect import CHUNK_RECORDS, Chunk, Collector
from hashmatch.hashlist.formats.jsonpull import JsonPull
from hashmatch.hashlist.list_stream import Options, Tap
from hashmatch.hashlist.text.grammar import LineError

Raw = TypeVar("Raw")

WITHDRAWN_WORDS = {
    **dict.fromkeys(("true", "yes", "1"), True),
    **dict.fromkeys(("false", "no", "0", ""), False),
}

MORE_FOLLOW = "the last page says that more follow, so this list is incomplete: fetch the rest"

_TEXTS = ("id", "label", "category", "source", "added")
_ALGORITHM = itemgetter(0)
_DEEP = frozenset((list, dict, LineError))

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000
_MOST_SECONDS = 1 << 40


class FeedRecord(NamedTuple):
    """One record of a feed. Texts that it does not have are empty.

    Attributes:
        hashes: pairs of an algorithm, as the feed spells it, and a hash.
        rank: when it was changed; see ``rank_of``. Among several records with one id, the highest
            counts; among equals, the last. A record without a rank outranks all before it.
    """

    id: str
    hashes: list[tuple[str, str]]
    label: str = ""
    category: str = ""
    source: str = ""
    added: str = ""
    withdrawn: bool = False
    rank: int = 0


@dataclass(frozen=True, slots=True)
class JsonFeed:
    """How to read one feed that comes as JSON.

    Attributes:
        keys: the feed is recognised by any of these; no two feeds share one.
        objects: yields the objects of all records, and notes in ``Paging`` what else a page says.
        record: turns an object into a record, or raises ``LineError``.
    """

    title: str
    keys: tuple[str, ...]
    objects: Callable[[JsonPull, Paging], Iterator[Any]]
    record: Callable[[Any], FeedRecord]

    def read(self, tap: Tap, options: Options) -> Contents:
        """Read the feed, one record in memory at a time.

        Raises:
            HashListError: something is wrong with it.
        """
        paging = Paging()
        raw = self.objects(JsonPull(tap, options.source), paging)
        return read_feed(raw, self.record, tap, options, paging)


def read_feed(
    raw: Iterable[Raw | LineError],
    to_record: Callable[[Raw], FeedRecord],
    tap: Tap,
    options: Options,
    paging: Paging,
) -> Contents:
    """Make a list from a feed.

    ``raw`` yields each record as the feed has it, or the fault of one that cannot be read. It notes
    in ``paging`` what else the pages say. ``to_record`` turns it into a record, or raises
    ``LineError``.

    Raises:
        HashListError: something is wrong with it.
    """
    collector = Collector(options, latest=True, foreign=True)
    remaining, digest = iter(raw), hashlib.sha256()
    while chunk := _chunk(paging.records + 1, islice(remaining, CHUNK_RECORDS), to_record):
        collector.add(chunk)
        paging.records += len(chunk.numbers)
        ranks = chunk.ranks or (0,)
        paging.latest = max(paging.latest, *ranks)
        digest.update(repr((chunk.fields["id"], ranks, chunk.withdrawn)).encode(errors="replace"))
    paging.digest = digest.hexdigest()
    warnings = (MORE_FOLLOW,) if paging.more_follow else ()
    known = Contents({}, name=options.name, digest=tap.digest(), warnings=warnings, paging=paging)
    return collector.finish(known)


def _chunk(
    first: int, found: Iterable[Raw | LineError], to_record: Callable[[Raw], FeedRecord]
) -> Chunk | None:
    """Make a chunk of the next records, numbered from ``first``; None if there are none."""
    records: list[FeedRecord] = []
    faults: list[tuple[int, str]] = []
    for place, each in enumerate(found):
        try:
            if isinstance(each, LineError):
                raise each
            records.append(to_record(each))
        except LineError as error:
            faults.append((place, str(error)))
            records.append(FeedRecord("", []))
    if not records:
        return None
    faults += _without_hash(records)
    columns = dict(zip(FeedRecord._fields, zip(*records, strict=True), strict=True))
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


def _without_hash(records: Sequence[FeedRecord]) -> Iterator[tuple[int, str]]:
    """Find records without a hash, or with a hash that names no algorithm."""
    for place, record in enumerate(records):
        if not record.hashes:
            if not record.withdrawn:
                yield place, "the entry has no hash"
        elif not all(map(_ALGORITHM, record.hashes)):
            yield place, "the entry does not name the algorithm of its hash"


def text_of(found: dict[str, Any], key: str) -> str:
    """Get a text, or a whole number as text; empty if there is none.

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
    raise LineError(f"{key} is neither text nor a whole number")


def shown(found: dict[str, Any], key: str) -> str:
    """Get a value that is only shown, as text; empty if there is none, or if it is nested."""
    value = found.get(key)
    return "" if value is None or type(value) in _DEEP else str(value)


def as_object(found: Any) -> dict[str, Any]:
    """Check that a record is an object. Raises ``LineError`` if it is something else."""
    if isinstance(found, LineError):
        raise found
    if not isinstance(found, dict):
        raise LineError("the record is not a JSON object")
    return found


def rank_of(moment: object) -> int:
    """A time in microseconds since 1970, from ISO 8601 or seconds since then; 0 for anything else.

    A time without a zone is in UTC.
    """
    if isinstance(moment, str):
        try:
            parsed = datetime.fromisoformat(moment)
        except ValueError:
            return 0
        elapsed = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)) - _EPOCH
        return (elapsed.days * 86_400 + elapsed.seconds) * _SECOND + elapsed.microseconds
    if isinstance(moment, bool) or not isinstance(moment, int | float):
        return 0
    return int(moment * _SECOND) if 0 < moment < _MOST_SECONDS else 0


def objects_of_pages(
    pull: JsonPull, paging: Paging, records: str, mark: str, says_more: Callable[[str, Any], bool]
) -> Iterator[Any]:
    """Yield the records of a feed in pages, and note what each page says besides.

    Args:
        pull: reads the JSON.
        paging: takes what a page says.
        records: the key of a page's records.
        mark: a key that makes any object elsewhere in a page a record as well.
        says_more: tells from a key and its value whether more pages follow.
    """
    for _ in pull.documents():
        paging.begin_page()
        found = False
        for key in pull.members():
            if key == records:
                found = True
                yield from pull.values()
                continue
            value = paging.said[key] = pull.value()
            paging.more_follow |= says_more(key, value)
            yield from objects_within(value, mark)
        if not found:
            raise pull.error(f"the JSON has no {records}")


def objects_within(value: Any, key: str) -> Iterator[dict[str, Any] | LineError]:
    """All objects with this key, at any depth of a value, and those that cannot be read."""
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
