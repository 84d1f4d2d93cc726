"""The formats in which lists come, and how they are told apart."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from hashmatch.errors import HashListError, SettingsError
from hashmatch.hashlist.compiled import MAGIC, read_compiled
from hashmatch.hashlist.contents import Contents
from hashmatch.hashlist.formats import (
    ncmec,
    own_csv,
    own_jsonl,
    stopncii,
    tat,
    threatexchange,
    vics,
)
from hashmatch.hashlist.source import BOM, Options, Tap
from hashmatch.hashlist.text.text_reader import read_text
from hashmatch.hashlist.text.writer import text_blocks

HEAD_BYTES = 1 << 16
"""How much of a list is looked at to tell its format."""

NUL_SEARCH_BYTES = 4096

COMPILED = "compiled"
TEXT = "text"


@dataclass(frozen=True, slots=True)
class Format:
    """One format of lists.

    Attributes:
        name: as operators spell it.
        fits: tells from the first bytes of a list, without a byte order mark, whether it is one.
        read: reads a list.
        write: writes a list; None where this is only read.
    """

    name: str
    fits: Callable[[bytes], bool]
    read: Callable[[Tap, Options], Contents]
    write: Callable[[Contents], Iterator[bytes]] | None = None


FORMATS: Mapping[str, Format] = {
    form.name: form
    for form in (
        Format("ncmec", ncmec.fits, ncmec.read),
        Format("stopncii", stopncii.fits, stopncii.read),
        Format("vics", vics.fits, vics.read),
        Format("tat", tat.fits, tat.read),
        Format("threatexchange", threatexchange.fits, threatexchange.read),
        Format("jsonl", own_jsonl.fits, own_jsonl.read, own_jsonl.write),
        Format("csv", own_csv.fits, own_csv.read, own_csv.write),
        Format(TEXT, lambda _: True, read_text, text_blocks),
    )
}
"""By name; the first one that fits is it, and text fits everything."""


def read_list(stream: BinaryIO, options: Options, list_format: str | None) -> Contents:
    """Read a list in a format, or in the one that its first bytes tell.

    Raises:
        HashListError: something is wrong with it.
        SettingsError: there is no such format.
    """
    names = (*FORMATS, COMPILED)
    if list_format is not None and list_format not in names:
        raise SettingsError(f"unknown list format; choose from {', '.join(sorted(names))}")
    head = stream.read(HEAD_BYTES)
    if not head:
        # What a failed download leaves must not pass for a list that matches nothing
        raise HashListError("the hash list is an empty file", path=options.source)
    if head.startswith(MAGIC):
        return read_compiled(stream, head, options.source)
    if list_format == COMPILED:
        raise HashListError("this is no compiled hash list", path=options.source)
    if b"\0" in head[:NUL_SEARCH_BYTES]:
        raise HashListError(
            "this is no text in UTF-8, so no hash list: it has zero bytes", path=options.source
        )
    return FORMATS[list_format or detect(head)].read(Tap(stream, head), options)


def detect(head: bytes) -> str:
    """The name of the format that a list with these first bytes is in."""
    text = head.removeprefix(BOM)
    return next(name for name, form in FORMATS.items() if form.fits(text))


ENDINGS = {".txt": TEXT, ".csv": "csv", ".jsonl": "jsonl", ".hml": COMPILED}
"""What a list is written as, by the end of its file's name."""


def format_of(path: str | os.PathLike[str]) -> str:
    """The format that the name of a file to be written tells.

    Raises:
        SettingsError: it tells none.
    """
    ending = os.path.splitext(path)[1].lower()  # noqa: PTH122 # of a path in any form
    if ending not in ENDINGS:
        endings = ", ".join(ENDINGS)
        raise SettingsError(f"say what to write: the file's name ends in none of {endings}")
    return ENDINGS[ending]


def write_list(contents: Contents, list_format: str) -> Iterator[bytes]:
    """Write a list in a format.

    Raises:
        HashListError: the format cannot hold it.
        SettingsError: there is no such format, or it is only read.
    """
    write = FORMATS[list_format].write if list_format in FORMATS else None
    if write is None:
        names = ", ".join(sorted(name for name, form in FORMATS.items() if form.write))
        raise SettingsError(f"lists are not written in this format; choose from {names}")
    return write(contents)
