"""Makes lists from ``Entry`` objects."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from hashmatch.errors import HashListError
from hashmatch.hashlist.assemble import FIELDS, RawRow, assemble, section_of_rows
from hashmatch.hashlist.characters import flaw, is_clean, printable, without_blanks
from hashmatch.hashlist.contents import Contents
from hashmatch.hashlist.kinds import is_known
from hashmatch.hashlist.policy import NO_DATE, end_of_life
from hashmatch.hashlist.problems import Problems
from hashmatch.hashlist.section import ListSection
from hashmatch.hashlist.text.text_writer import text_blocks
from hashmatch.model import Entry, HashKind

BATCH_ROWS = 1 << 16
"""Rows take about 500 bytes each as Python objects, so only some exist at once."""


def contents_of_entries(
    entries: Iterable[Entry], *, name: str, version: str | None, created: str | None
) -> Contents:
    """Make a list from entries. In a problem, the line is the entry's number, from 1.

    Raises:
        HashListError: something is wrong with some of them.
    """
    problems = Problems(name)
    numbered = _Numbered(entries)
    parts = list(_parts(numbered, without_blanks(printable(name)), problems))
    sections, dropped = assemble(parts, problems)
    if problems.count:
        raise problems.error(numbered.count, unit="entry", units="entries", skippable=False)
    contents = Contents(
        sections=sections,
        name=_header_value("name", name, name) or printable(""),
        version=_header_value("version", version, name),
        created=_header_value("created", created, name),
        flat=len(dropped),
        dropped=dropped,
    )
    digest = hashlib.sha256()
    for block in text_blocks(contents, check=False):
        digest.update(block)
    return replace(contents, digest=digest.hexdigest())


class _Numbered:
    """Numbers entries from 1, and counts them."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.count = 0
        self._entries = entries

    def __iter__(self) -> Iterator[tuple[int, Entry]]:
        for entry in self._entries:
            self.count += 1
            yield self.count, entry


def _parts(
    entries: Iterable[tuple[int, Entry]], origin: str, problems: Problems
) -> Iterator[ListSection]:
    remaining = iter(entries)
    while chunk := list(islice(remaining, BATCH_ROWS)):
        rows: dict[HashKind, list[RawRow]] = {}
        for number, entry in chunk:
            fault = _fault(entry)
            if fault is not None:
                problems.add(number, fault)
                continue
            texts = [(getattr(entry, name) or "").encode() for name in FIELDS]
            rows.setdefault(entry.hash.kind, []).append((number, entry.hash.words, texts))
        for kind, of_kind in rows.items():
            yield section_of_rows(kind, of_kind, origin)


def _fault(entry: Entry) -> str | None:
    if not is_known(entry.hash.kind):
        return f"a hash list cannot hold {entry.hash.kind}"
    if not entry.id:
        return "the entry has no id"
    for name in FIELDS:
        if not is_clean(getattr(entry, name) or ""):
            return flaw(name, getattr(entry, name) or "")
    if entry.expires and end_of_life(entry.expires) is None:
        return NO_DATE
    return None


def _header_value(key: str, value: str | None, source: str) -> str | None:
    if value is None:
        return None
    if not is_clean(value):
        raise HashListError(f"a control character in the {key}", path=printable(source))
    return value.strip(" ") or None
