"""What hashmatch's own CSV and JSONL have in common."""

from __future__ import annotations

from collections.abc import Iterator

from hashmatch.hashlist.assemble import FIELDS
from hashmatch.hashlist.contents import Contents
from hashmatch.hashlist.formats.collect import Collector
from hashmatch.hashlist.source import Options, Tap
from hashmatch.hashlist.text.grammar import ASSUMED_ALGORITHM, Header

COLUMNS = ("hash", "algorithm", *FIELDS, "withdrawn")

WITHDRAWN_WORDS = {
    **dict.fromkeys(("true", "yes", "1"), True),
    **dict.fromkeys(("false", "no", "0", ""), False),
}


def described(
    tap: Tap, options: Options, header: Header, collector: Collector, unused: int
) -> Contents:
    """What is known of a list besides its entries.

    Args:
        tap: the list, read to its end.
        options: how it was read.
        header: its header.
        collector: what took its records.
        unused: how many columns or keys nobody here knows.
    """
    values = header.values
    notices = []
    if collector.unnamed and not options.algorithm and "algorithm" not in values:
        notices.append(f"no algorithm is named: {ASSUMED_ALGORITHM} is assumed")
    notices += told_of_unused(unused)
    return Contents(
        sections={},
        name=values.get("name") or options.name,
        version=values.get("version"),
        created=values.get("created"),
        digest=tap.digest(),
        notices=tuple(notices),
    )


def told_of_unused(count: int) -> list[str]:
    """The notice about fields that nobody here knows, if there are any."""
    return [f"{count} of the fields are not known here, and not used"] if count else []


def rows_of(contents: Contents, at_once: int) -> Iterator[list[dict[str, str]]]:
    """The entries of a list, and then what it withdraws, as texts by column; some at a time."""
    for section in contents.sections.values():
        for first in range(0, len(section), at_once):
            last = min(first + at_once, len(section))
            columns = {
                "hash": section.hex(first, last),
                "algorithm": [section.kind.algorithm] * (last - first),
                "id": section.ids(first, last),
            }
            for name, column in section.columns.items():
                if name != "id":
                    columns[name] = column.texts(first, last)
            yield [
                dict(zip(columns, texts, strict=True))
                for texts in zip(*columns.values(), strict=True)
            ]
    for first in range(0, len(contents.withdrawn), at_once):
        last = min(first + at_once, len(contents.withdrawn))
        gone = contents.withdrawn.texts(first, last)
        yield [{"id": entry_id, "withdrawn": "true"} for entry_id in gone]
