"""What the feeds of others have in common: records in any order, the last word on an id counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

from hashmatch.hashlist.contents import Contents
from hashmatch.hashlist.formats.collect import CHUNK_RECORDS, Chunk, Collector
from hashmatch.hashlist.source import Options, Tap
from hashmatch.hashlist.text.grammar import LineError

Raw = TypeVar("Raw")

_TEXTS = ("id", "label", "category", "source", "added")


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
    raw: Iterable[Raw], to_record: Callable[[Raw], Record], tap: Tap, options: Options
) -> Contents:
    """Make a list of a feed.

    Args:
        raw: the records as the feed has them.
        to_record: makes a record of one; a ``LineError`` says what is wrong with it.
        tap: the list, whose end has been reached when there are no more records.
        options: how it is read.

    Raises:
        HashListError: something is wrong with it.
    """
    collector = Collector(options, latest=True, foreign=True)
    building = _Building()
    for number, found in enumerate(raw, 1):
        building.take(number, found, to_record)
        if len(building.numbers) == CHUNK_RECORDS:
            collector.add(building.chunk())
            building = _Building()
    collector.add(building.chunk())
    return collector.finish(Contents({}, name=options.name, digest=tap.digest()))


class _Building:
    """A chunk that grows record by record, so that no more than one is kept as an object."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self._fields: dict[str, list[str]] = {name: [] for name in _TEXTS}
        self._algorithms: list[str] = []
        self._values: list[str] = []
        self._owners: list[int] = []
        self._withdrawn: list[bool] = []
        self._ranks: list[int] = []
        self._faults: list[tuple[int, str]] = []

    def take(self, number: int, raw: Raw, to_record: Callable[[Raw], Record]) -> None:
        """Make a record, and take it or note what is wrong with it."""
        place = len(self.numbers)
        try:
            record = to_record(raw)
        except LineError as error:
            self._faults.append((place, str(error)))
            record = Record("", [])
        if not record.hashes and not record.withdrawn:
            self._faults.append((place, "the entry has no hash"))
        elif not all(algorithm for algorithm, _ in record.hashes):
            self._faults.append((place, "the entry does not say what its hash is"))
        self.numbers.append(number)
        for name, texts in self._fields.items():
            texts.append(getattr(record, name))
        for algorithm, value in record.hashes:
            self._algorithms.append(algorithm)
            self._values.append(value)
            self._owners.append(place)
        self._withdrawn.append(record.withdrawn)
        self._ranks.append(record.rank)

    def chunk(self) -> Chunk:
        """What has been taken."""
        return Chunk(
            self.numbers,
            self._fields,
            self._algorithms,
            self._values,
            self._owners,
            self._withdrawn,
            self._ranks,
            self._faults,
        )


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
    if not isinstance(found, dict):
        raise LineError("the record is no JSON object")
    return found
