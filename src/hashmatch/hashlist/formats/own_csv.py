"""hashmatch's own CSV: a table with a header, a hash a row.

The columns are those of ``COLUMNS``, in any order; all but ``hash`` may be left out.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from hashmatch.hashlist.assemble import FIELDS
from hashmatch.hashlist.contents import Contents
from hashmatch.hashlist.formats.collect import Chunk, Collector
from hashmatch.hashlist.formats.own import COLUMNS, WITHDRAWN_WORDS, described, rows_of
from hashmatch.hashlist.formats.sniffing import column_names
from hashmatch.hashlist.formats.table import Table
from hashmatch.hashlist.source import Options, Tap

ROWS_AT_ONCE = 1 << 13


def fits(head: bytes) -> bool:
    """Tell whether a list that begins so is one."""
    return "hash" in column_names(head)


def read(tap: Tap, options: Options) -> Contents:
    """Read a list.

    Raises:
        HashListError: something is wrong with it.
    """
    collector = Collector(options)
    table = Table(tap, collector.problems)
    table.require("hash")
    collector.default = table.header.default_algorithm(options.algorithm)
    for numbers, columns in table.chunks():
        nothing = [""] * len(numbers)
        words = columns.get("withdrawn", nothing)
        meant = {word: WITHDRAWN_WORDS.get(word.strip().lower()) for word in set(words)}
        withdrawn = [meant[word] for word in words]
        collector.add(
            Chunk(
                numbers,
                fields={name: columns[name] for name in FIELDS if name in columns},
                algorithms=columns.get("algorithm", nothing),
                values=[value.strip(" ") for value in columns["hash"]],
                withdrawn=[bool(word) for word in withdrawn],
                faults=[
                    (place, "withdrawn is neither true nor false")
                    for place, word in enumerate(withdrawn)
                    if word is None
                ],
            )
        )
    unused = len(set(table.names) - set(COLUMNS))
    known = described(tap, options, table.header, collector, unused)
    return collector.finish(known, total=table.lines.count, skippable=not table.header.faulty)


def write(contents: Contents) -> Iterator[bytes]:
    """Write a list."""
    header = {"name": contents.name, "version": contents.version, "created": contents.created}
    yield "".join(f"# {key}: {value}\n" for key, value in header.items() if value).encode()
    yield _encoded([COLUMNS])
    for rows in rows_of(contents, ROWS_AT_ONCE):
        yield _encoded([[row.get(name, "") for name in COLUMNS] for row in rows])


def _encoded(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
