"""The formats of hash lists.

``read_list`` recognises a list's format by its first bytes and hands the list to the module for
that format. Text (``hashlist.text``) and compiled lists (``hashlist.compiled``) have their own
readers. All other formats, ours or foreign, yield records. ``collect`` checks many of them at a
time, ``supersede`` decides which record of an id counts, and ``assemble`` turns the rest into
sections. A foreign feed in JSON is a ``JsonFeed``: the keys that reveal it, and two functions that
find its records and translate them. Anything wrong with a list becomes a ``HashListError``, which
has every problem by line and quotes none.
"""

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
    stopncii,
    tat,
    threat_updates,
    threatexchange,
    vics,
    vpdq,
)
from hashmatch.hashlist.formats.feed import JsonFeed
from hashmatch.hashlist.formats.sniffing import first_json_key, not_a_list, not_text
from hashmatch.hashlist.list_stream import BOM, Options, Tap
from hashmatch.hashlist.text.text_reader import read_text
from hashmatch.hashlist.text.text_writer import text_blocks

HEAD_BYTES = 1 << 16
"""How many bytes of a list to look at to recognise its format."""

COMPILED = "compiled"
TEXT = "text"


@dataclass(frozen=True, slots=True)
class Format:
    """One format of lists.

    Attributes:
        fits: whether a list that begins with these bytes, without byte order mark, has this format.
        write: writes a list; None if this format is only read.
        feed: the feed, if it comes as JSON.
    """

    name: str
    fits: Callable[[bytes], bool]
    read: Callable[[Tap, Options], Contents]
    write: Callable[[Contents], Iterator[bytes]] | None = None
    feed: JsonFeed | None = None


def _feed(name: str, feed: JsonFeed) -> Format:
    """A feed in JSON, which the first key that any of them is known by reveals."""

    def fits(head: bytes) -> bool:
        return first_json_key(head, [key for each in _feeds() for key in each.keys]) in feed.keys

    return Format(name, fits, feed.read, feed=feed)


def _feeds() -> list[JsonFeed]:
    return [form.feed for form in FORMATS.values() if form.feed is not None]


FORMATS: Mapping[str, Format] = {
    form.name: form
    for form in (
        Format("ncmec", ncmec.fits, ncmec.read),
        _feed("stopncii", stopncii.FEED),
        _feed("vics", vics.FEED),
        _feed("tat", tat.FEED),
        _feed("threat-updates", threat_updates.FEED),
        Format("threatexchange", threatexchange.fits, threatexchange.read),
        Format("vpdq", vpdq.fits, vpdq.read),
        Format("csv", own_csv.fits, own_csv.read, own_csv.write),
        Format(TEXT, lambda _: True, read_text, text_blocks),
    )
}
"""By name. The first one that fits is used; text fits everything."""


def read_list(stream: BinaryIO, options: Options, list_format: str | None) -> Contents:
    """Read a list in this format, or in the one that its first bytes reveal.

    Raises:
        HashListError: something is wrong with it.
        SettingsError: the format is unknown.
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
        raise HashListError("this is not a compiled hash list", path=options.source)
    if what := not_text(head):
        raise HashListError(f"not a hash list, but {what}", path=options.source)
    chosen = list_format or detect(head)
    if chosen == TEXT and list_format is None:
        given = options.algorithm is not None
        titles = [feed.title for feed in _feeds()]
        what = not_a_list(head.removeprefix(BOM), algorithm_is_given=given, feeds=titles)
        if what:
            raise HashListError(
                f"no known list format: this looks like {what}", path=options.source
            )
    return FORMATS[chosen].read(Tap(stream, head), options)


def detect(head: bytes) -> str:
    """The name of the format of a list that begins with these bytes."""
    text = head.removeprefix(BOM)
    return next(name for name, form in FORMATS.items() if form.fits(text))


ENDINGS = {".txt": TEXT, ".csv": "csv", ".hml": COMPILED}
"""The format to write a list in, by the ending of the file's name."""


def format_of(path: str | os.PathLike[str]) -> str:
    """The format that the name of a file asks for.

    Raises:
        SettingsError: the name does not give a format.
    """
    ending = os.path.splitext(path)[1].lower()  # noqa: PTH122 # of a path in any form
    if ending not in ENDINGS:
        endings = ", ".join(ENDINGS)
        raise SettingsError(f"name the format with --to, or end the file's name in {endings}")
    return ENDINGS[ending]


def write_list(contents: Contents, list_format: str) -> Iterator[bytes]:
    """Write a list in a format.

    Raises:
        HashListError: the format cannot hold the list.
        SettingsError: the format is unknown, or can only be read.
    """
    write = FORMATS[list_format].write if list_format in FORMATS else None
    if write is None:
        names = ", ".join(sorted(name for name, form in FORMATS.items() if form.write))
        raise SettingsError(f"lists cannot be written in this format; choose from {names}")
    return write(contents)
