"""Writes a list in the text format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hashmatch.errors import HashListError
from hashmatch.hashlist.contents import NOTHING, Contents
from hashmatch.hashlist.list_stream import MAX_LINE_BYTES
from hashmatch.hashlist.section import SLICE_ROWS, ListSection
from hashmatch.hashlist.updates import ruled_out, without_entry

MAX_CHARACTERS = (MAX_LINE_BYTES - 1024) // 4
"""The most characters of id and label together: they fit in a line at any number of UTF-8 bytes."""

_FLAT = f"phash:{0:016x}"


def text_blocks(contents: Contents, *, check: bool = True) -> Iterator[bytes]:
    """Write a list as UTF-8 text, a block of lines at a time.

    Every entry is written with its id, even one that was made from its line, so that it keeps it.
    An id that was left out gets a flat hash, so that reading leaves it out again. ``check`` refuses
    what would not read back as the same entry.

    Raises:
        HashListError: the format cannot hold an entry.
    """
    if check:
        beyond = {name for section in contents.sections.values() for name in section.columns}
        beyond -= {"id", "label"}
        if beyond or len(contents.withdrawn):
            what = ", ".join(sorted(beyond)) or "withdrawals"
            raise HashListError(f"the text format cannot hold {what}; csv can", path=contents.name)
    default = next((kind.algorithm for kind in contents.sections), None)
    header = {
        "name": contents.name,
        "version": contents.version,
        "created": contents.created,
        "algorithm": default,
    }
    yield "".join(f"# {key}: {value}\n" for key, value in header.items() if value).encode()
    for kind, section in contents.sections.items():
        prefix = "" if kind.algorithm == default else f"{kind.algorithm}:"
        for first in range(0, len(section), SLICE_ROWS):
            yield _lines(section, first, prefix, contents.name if check else None).encode()
    yield _left_out(contents, check=check).encode()


def _lines(section: ListSection, first: int, prefix: str, checked: str | None) -> str:
    """The lines of a slice of a section. ``checked`` is the list's name if they must read back."""
    last = min(first + SLICE_ROWS, len(section))
    lines = []
    fields = zip(
        section.hex(first, last),
        section.ids(first, last),
        section.column("label").texts(first, last),
        strict=True,
    )
    for place, (value, entry_id, label) in enumerate(fields):
        fault = _fault(entry_id, label) if checked is not None else None
        if fault:
            raise HashListError(
                f"the text format cannot hold entry {first + place + 1:,} of {section.kind}: "
                f"{fault}",
                path=checked,
            )
        lines.append(f"{prefix}{value} {entry_id}" + (f" {label}\n" if label else "\n"))
    return "".join(lines)


def _left_out(contents: Contents, *, check: bool) -> str:
    """Lines with flat hashes, which never match, for ids that were left out."""
    dropped = ruled_out(replace(contents, withdrawn=NOTHING))
    names = without_entry(contents, dropped)
    for name in names if check else ():
        if fault := _fault(name, ""):
            raise HashListError(
                f"the text format cannot hold an entry that was left out: {fault}",
                path=contents.name,
            )
    return "".join(f"{_FLAT} {name}\n" for name in names)


def _fault(entry_id: str, label: str) -> str | None:
    if " " in entry_id:
        return "its id has a blank"
    if label != label.strip(" "):
        return "its label begins or ends with a blank"
    if len(entry_id) + len(label) > MAX_CHARACTERS:
        return "its id and label are too long for a line"
    return None
