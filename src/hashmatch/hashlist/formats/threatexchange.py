"""Files of the ``threatexchange`` package: a CSV of signals, or lines of ``type hash``.

The columns are those of ``threatexchange dataset --csv``. Signals have no ids, so each gets its id
from its line.
"""

from __future__ import annotations

from hashmatch.hashlist.contents import Contents
from hashmatch.hashlist.formats.collect import Chunk, Collector
from hashmatch.hashlist.formats.csv_table import CsvTable, unused_columns
from hashmatch.hashlist.formats.sniffing import column_names, first_line
from hashmatch.hashlist.list_stream import Lines, Options, Tap
from hashmatch.hashlist.text.grammar import NOT_NAMED, LineError, decode_line

COLUMNS = {
    "signal_type": "algorithm",
    "signal_str": "hash",
    "collab": "source",
    "category": "category",
    "tags": "label",
}
REQUIRED = ("signal_type", "signal_str")

SIGNALS = {
    **{name: name for name in ("pdq", "md5", "sha1", "sha256")},
    **{f"hash_{name}": name for name in ("pdq", "md5", "sha1", "sha256")},
    **dict.fromkeys(("video_md5", "hash_video_md5"), "md5"),
}
"""Signal types that are hashes of files, with the algorithm of each."""

OTHER_SIGNALS = frozenset(
    {"raw_text", "trend_query", "url", "url_md5", "pdq_ocr", "vpdq", "photodna", "tlsh_text"}
)


def fits(head: bytes) -> bool:
    """Whether a list that begins with these bytes is one."""
    kind = first_line(head).split(maxsplit=1)[:1]
    return _is_table(head) or (bool(kind) and kind[0] in SIGNALS.keys() | OTHER_SIGNALS)


def read(tap: Tap, options: Options) -> Contents:
    """Read signals. Raises ``HashListError`` if something is wrong."""
    collector = Collector(options, default=options.algorithm or NOT_NAMED, foreign=True)
    notices: tuple[str, ...] = ()
    if _is_table(tap.head):
        table = _read_table(tap, collector)
        lines = table.lines
        notices = unused_columns(table.names, COLUMNS)
    else:
        lines = _read_lines(tap, collector)
    known = Contents({}, name=options.name, digest=tap.digest(), notices=notices)
    return collector.finish(known, total=lines.count)


def _is_table(head: bytes) -> bool:
    return column_names(head).issuperset(REQUIRED)


def _read_table(tap: Tap, collector: Collector) -> CsvTable:
    table = CsvTable(tap, collector.problems)
    table.require(*REQUIRED)
    for numbers, columns in table.chunks():
        known = {COLUMNS[name]: texts for name, texts in columns.items() if name in COLUMNS}
        types, values = known.pop("algorithm"), known.pop("hash")
        algorithms = [algorithm_of(name) for name in types]
        collector.add(Chunk(numbers, known, algorithms, [value.strip(" ") for value in values]))
    return table


def _read_lines(tap: Tap, collector: Collector) -> Lines:
    lines = Lines(tap.blocks())
    for block, first in lines:
        numbers: list[int] = []
        algorithms: list[str] = []
        values: list[str] = []
        for number, raw in enumerate(block.split(b"\n")[:-1], first):
            try:
                text = decode_line(raw)
            except LineError as error:
                collector.problems.add(number, str(error))
                continue
            if text and not text.startswith("#"):
                *kind, value = text.split(maxsplit=1)
                numbers.append(number)
                algorithms.append(algorithm_of(kind[0]) if kind else "")
                values.append(value)
        collector.add(Chunk(numbers, {}, algorithms, values))
    return lines


def algorithm_of(signal: str) -> str:
    """The algorithm of a signal type; other types as they are, in lower case."""
    name = signal.strip(" ").lower()
    return SIGNALS.get(name, name)
