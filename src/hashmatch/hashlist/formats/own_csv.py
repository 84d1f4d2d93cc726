"""hashmatch's own CSV: a table with a header row, one hash per row.

Columns may come in any order. Only ``hash`` is required; ``COLUMNS`` has the others.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

from hashmatch.hashlist.assemble import FIELDS
from hashmatch.hashlist.contents import Contents
from hashmatch.hashlist.formats.collect import Chunk, Collector, is_algorithm
from hashmatch.hashlist.formats.csv_table import CsvTable, unused_columns
from hashmatch.hashlist.formats.feed import WITHDRAWN_WORDS
from hashmatch.hashlist.formats.sniffing import column_names
from hashmatch.hashlist.list_stream import Options, Tap

COLUMNS = ("hash", "algorithm", *FIELDS, "withdrawn")

ALGORITHM_COLUMNS = ("type", "hash_type", "hashtype", "algo")
"""Other tools' names for the column ``algorithm``. Unknown values in them are ignored."""

ROWS_AT_ONCE = 1 << 13


def fits(head: bytes) -> bool:
    """Whether a list that begins with these bytes is one."""
    return "hash" in column_names(head)


def read(tap: Tap, options: Options) -> Contents:
    """Read a list. Raises ``HashListError`` if something is wrong with it."""
    collector = Collector(options)
    table = CsvTable(tap, collector.problems)
    table.require("hash")
    collector.default = table.header.default_algorithm(options.algorithm)
    for numbers, columns in table.chunks():
        words = columns.get("withdrawn", [""] * len(numbers))
        meant = {word: WITHDRAWN_WORDS.get(word.strip().lower()) for word in set(words)}
        withdrawn = [meant[word] for word in words]
        collector.add(
            Chunk(
                numbers,
                fields={name: columns[name] for name in FIELDS if name in columns},
                algorithms=_algorithms(columns),
                values=[value.strip(" ") for value in columns["hash"]],
                withdrawn=[bool(word) for word in withdrawn],
                faults=[
                    (place, "withdrawn is neither true nor false")
                    for place, word in enumerate(withdrawn)
                    if word is None
                ],
            )
        )
    values = table.header.values
    known = Contents(
        sections={},
        name=values.get("name") or options.name,
        version=values.get("version"),
        created=values.get("created"),
        digest=tap.digest(),
        notices=unused_columns(table.names, {*COLUMNS, *ALGORITHM_COLUMNS}),
    )
    return collector.finish(known, total=table.lines.count, skippable=not table.header.faulty)


def _algorithms(columns: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """The algorithm that each row names: in our column, or else in another tool's."""
    named = list(columns.get("algorithm", [""] * len(columns["hash"])))
    for other in ALGORITHM_COLUMNS:
        if other in columns:
            words = columns[other]
            known = {word: word if is_algorithm(word) else "" for word in set(words)}
            named = [own or known[word] for own, word in zip(named, words, strict=True)]
    return named


def write(contents: Contents) -> Iterator[bytes]:
    """Write a list: its header, its entries, and the ids that it withdraws."""
    header = {"name": contents.name, "version": contents.version, "created": contents.created}
    yield "".join(f"# {key}: {value}\n" for key, value in header.items() if value).encode()
    yield _encoded([COLUMNS])
    for section in contents.sections.values():
        for first in range(0, len(section), ROWS_AT_ONCE):
            last = min(first + ROWS_AT_ONCE, len(section))
            nothing = [""] * (last - first)
            fields = {
                name: column.texts(first, last)
                for name, column in section.columns.items()
                if name != "id"
            }
            yield _encoded(
                zip(
                    section.hex(first, last),
                    [section.kind.algorithm] * (last - first),
                    section.ids(first, last),
                    *(fields.get(name, nothing) for name in (*FIELDS[1:], "withdrawn")),
                    strict=True,
                )
            )
    gone = contents.withdrawn
    for first in range(0, len(gone), ROWS_AT_ONCE):
        ids = gone.texts(first, min(first + ROWS_AT_ONCE, len(gone)))
        blanks = [""] * (len(FIELDS) - 1)
        yield _encoded(["", "", entry_id, *blanks, "true"] for entry_id in ids)


def _encoded(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
