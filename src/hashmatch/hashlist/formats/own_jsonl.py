"""hashmatch's own JSONL: an object a line, with the keys of the CSV's columns.

The first object may instead have the list's ``list`` (its name), ``version``, ``created`` and
``algorithm``. Where it also has what only an entry has, it is one, ``list`` a key like others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hashmatch.hashlist.assemble import FIELDS
from hashmatch.hashlist.contents import Contents
from hashmatch.hashlist.formats.collect import CHUNK_RECORDS, Chunk, Collector
from hashmatch.hashlist.formats.own import COLUMNS, WITHDRAWN_WORDS, described, rows_of
from hashmatch.hashlist.formats.sniffing import first_json_key
from hashmatch.hashlist.formats.strict_json import decoder
from hashmatch.hashlist.problems import Problems
from hashmatch.hashlist.source import MAX_LINE_BYTES, Lines, Options, Tap
from hashmatch.hashlist.text.grammar import HEADER_KEYS, Header, LineError, decode_line

NAME_KEY = "list"
TEXT_FIELDS = ("hash", "algorithm", *FIELDS)

_KEYS = frozenset(COLUMNS)
_OF_ENTRIES = frozenset(("hash", "withdrawn"))
_OF_HEADERS = frozenset((NAME_KEY, *HEADER_KEYS))


def fits(head: bytes) -> bool:
    """Tell whether a list that begins so is one."""
    return first_json_key(head) in ("hash", NAME_KEY)


def read(tap: Tap, options: Options) -> Contents:
    """Read a list.

    Raises:
        HashListError: something is wrong with it.
    """
    collector = Collector(options)
    reader = _Reader(collector.problems)
    lines = Lines(tap.blocks())
    for block, first_line in lines:
        reader.take(block, first_line)
        if len(reader.objects) >= CHUNK_RECORDS:
            collector.default = reader.header.default_algorithm(options.algorithm)
            collector.add(reader.chunk())
    collector.default = reader.header.default_algorithm(options.algorithm)
    collector.add(reader.chunk())
    known = described(tap, options, reader.header, collector, len(reader.unused))
    return collector.finish(known, total=lines.count, skippable=not reader.header.faulty)


def write(contents: Contents) -> Iterator[bytes]:
    """Write a list."""
    header = {"version": contents.version, "created": contents.created}
    yield _encoded({NAME_KEY: contents.name} | {key: text for key, text in header.items() if text})
    for rows in rows_of(contents, CHUNK_RECORDS):
        for row in rows:
            values = {name: text for name, text in row.items() if text}
            yield _encoded(values | ({"withdrawn": True} if "withdrawn" in row else {}))


class _Reader:
    """Reads objects, a line each.

    Attributes:
        header: what the first object said of the list.
        objects: those that have not been made a chunk of, and their lines in ``numbers``.
        unused: keys that nobody here knows.
    """

    def __init__(self, problems: Problems) -> None:
        self.header = Header()
        self.objects: list[dict[str, Any]] = []
        self.numbers: list[int] = []
        self.unused: set[str] = set()
        self._problems = problems

    def take(self, block: bytes, first_line: int) -> None:
        """Read the lines of a block."""
        texts, before = _texts_of(block), 0
        while not self.header.ended and before < len(texts):
            self._take_line(first_line + before, texts[before])
            before += 1
        texts, first_line = texts[before:], first_line + before
        regular = _parse_all(texts)
        if regular is not None:
            self.numbers += range(first_line, first_line + len(texts))
            self.objects += regular
            return
        for number, text in enumerate(texts, first_line):
            self._take_line(number, text)

    def chunk(self) -> Chunk:
        """The objects read so far, column by column; they are forgotten."""
        objects, self.objects = self.objects, []
        numbers, self.numbers = self.numbers, []
        faults: list[tuple[int, str]] = []
        keys = set().union(*objects)
        self.unused |= keys - _KEYS
        nothing = [""] * len(objects)
        texts = {
            name: _texts(objects, name, faults) if name in keys else nothing for name in TEXT_FIELDS
        }
        return Chunk(
            numbers,
            fields={name: texts[name] for name in FIELDS},
            algorithms=texts["algorithm"],
            values=texts["hash"],
            withdrawn=_withdrawn(objects, faults) if "withdrawn" in keys else None,
            faults=faults,
        )

    def _take_line(self, number: int, text: str) -> None:
        try:
            found = _parse(text)
            if found is None:
                return
            if not self.header.ended and NAME_KEY in found and _OF_ENTRIES.isdisjoint(found):
                self._take_header(found)
            else:
                self.numbers.append(number)
                self.objects.append(found)
            self.header.ended = True
        except LineError as error:
            self._problems.add(number, str(error))
            # It may have been the header, without which no entry can be relied on
            if not self.header.ended and f'"{NAME_KEY}"' in text:
                self.header.faulty = True

    def _take_header(self, found: dict[str, Any]) -> None:
        self.unused |= found.keys() - _OF_HEADERS
        for key, value in found.items():
            name = "name" if key == NAME_KEY else key
            if name in HEADER_KEYS and value is not None:
                if not isinstance(value, str):
                    self.header.faulty = True
                    raise LineError(f"the {name} of the list is no text")
                self.header.put(name, value)


def _texts_of(block: bytes) -> list[str]:
    """The lines of a block without the blanks around them; what is not UTF-8 makes surrogates."""
    return [line.strip(" \t\r") for line in block.decode(errors="surrogateescape").split("\n")[:-1]]


def _parse_all(texts: list[str]) -> list[dict[str, Any]] | None:
    """What ``_parse`` makes of each of the texts; None where one is blank, wrong, or very long."""
    try:
        pairs = list(map(decoder.raw_decode, texts))
    except (ValueError, RecursionError):
        return None
    lengths = list(map(len, texts))
    objects = [found for found, _ in pairs]
    regular = (
        [end for _, end in pairs] == lengths
        and max(lengths, default=0) <= MAX_LINE_BYTES // 4
        and set(map(type, objects)) == {dict}
    )
    return objects if regular else None


def _parse(text: str) -> dict[str, Any] | None:
    if not text:
        return None
    if len(text) > MAX_LINE_BYTES // 4:
        decode_line(text.encode(errors="surrogateescape"))
    try:
        found, end = decoder.raw_decode(text)
    except (ValueError, RecursionError):
        raise LineError("the line is not JSON") from None
    if isinstance(found, LineError):
        raise found
    if end != len(text) or not isinstance(found, dict):
        raise LineError("the line is not one JSON object")
    return found


def _texts(objects: list[dict[str, Any]], name: str, faults: list[tuple[int, str]]) -> list[str]:
    values = [found.get(name) for found in objects]
    if not {str, type(None)}.issuperset(map(type, values)):
        for place, value in enumerate(values):
            if name == "id" and type(value) is int:
                values[place] = str(value)
            elif value is not None and not isinstance(value, str):
                values[place] = None
                faults.append((place, f"the {name} is no text"))
    return [value or "" for value in values]


def _withdrawn(objects: list[dict[str, Any]], faults: list[tuple[int, str]]) -> list[bool]:
    withdrawn = [found.get("withdrawn", False) for found in objects]
    for place, value in enumerate(withdrawn):
        if not isinstance(value, bool):
            withdrawn[place] = WITHDRAWN_WORDS.get(str(value or "").strip().lower())
            if withdrawn[place] is None:
                faults.append((place, "withdrawn is neither true nor false"))
    return [bool(value) for value in withdrawn]


def _encoded(found: dict[str, Any]) -> bytes:
    return json.dumps(found, ensure_ascii=False).encode() + b"\n"
