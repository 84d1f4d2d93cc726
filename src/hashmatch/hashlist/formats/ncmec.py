"""NCMEC's hash sharing, version 2: XML pages of images and videos, and of deleted ones.

An entry is identified by the member that contributed it and the id it has there. Entries come in
any order; of several with one id, the one with the latest timestamp counts. The elements follow the
NCMEC client in Meta's ``threatexchange`` package; their namespace, if any, is ignored.

Documents with a DTD are refused, so that no entity can read a file or expand without end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TypeAlias
from xml.etree import ElementTree as ET
from xml.parsers import expat

from hashmatch.errors import HashListError
from hashmatch.hashlist.contents import Contents, Paging
from hashmatch.hashlist.formats.feed import FeedRecord, rank_of, read_feed
from hashmatch.hashlist.list_stream import BOM, Options, Tap
from hashmatch.hashlist.text.grammar import LineError

ROOT = "queryResult"
DELETED = frozenset({"deletedImage", "deletedVideo"})
ENTRIES = frozenset({"image", "video"}) | DELETED
CONTAINERS = frozenset({"images", "videos"})
PAGING, NEXT, COUNT = "paging", "next", "count"
FINGERPRINTS = "fingerprints"
SIGNS = DELETED | {FINGERPRINTS}
"""An element of one of these names is an entry or part of one, wherever it is."""

TEXTS = ("member", "timestamp", "id", "classification")

MAX_ENTRY_BYTES = 1 << 24
"""Far more than any entry has, and far fewer than fill the memory."""

BLOCK_BYTES = 1 << 14
"""Small enough that the elements made from a block stay in the cache."""

_END_OF_PAGE = re.compile(rb"</(?:[A-Za-z_][\w.-]*:)?" + ROOT.encode() + rb"\s*>")
BLANKS = " \t\r\n"
BETWEEN_PAGES = BLANKS.encode() + BOM

_HELD_BACK = 256
"""The number of bytes at the end of a block in which the end of a page may begin."""

Raw: TypeAlias = ET.Element | LineError
"""An entry, or the fault of one in a place where it cannot be read."""


def fits(head: bytes) -> bool:
    """Whether a list that begins with these bytes is one."""
    return head.lstrip()[:1] == b"<"


def read(tap: Tap, options: Options) -> Contents:
    """Read pages, one after the other. Raises ``HashListError`` if something is wrong."""
    paging = Paging()
    return read_feed(_entries(tap, options.source, paging), _record, tap, options, paging)


def _entries(tap: Tap, source: str, paging: Paging) -> Iterator[Raw]:
    page = _Page(source, 0, paging)
    data = b""
    for block in tap.blocks(BLOCK_BYTES):
        data += block
        while end := _END_OF_PAGE.search(data):
            yield from page.feed(data[: end.end()])
            yield from page.close()
            page = _Page(source, page.lines, paging)
            data = data[end.end() :]
        yield from page.feed(data[:-_HELD_BACK])
        data = data[-_HELD_BACK:]
    yield from page.feed(data)
    if page.has_begun():
        yield from page.close()


class _Page:
    """One document, parsed as it arrives.

    Attributes:
        lines: how many lines of the file have been read.
    """

    def __init__(self, source: str, lines_before: int, paging: Paging) -> None:
        self._paging = paging
        self.lines = lines_before
        self._lines_before = lines_before
        self._source = source
        self._unfinished = 0
        self._begun = False
        self._in_prologue = True
        self._prologue = expat.ParserCreate()
        self._prologue.StartDoctypeDeclHandler = self._refuse_doctype
        self._prologue.StartElementHandler = self._leave_prologue
        builder = ET.TreeBuilder()
        # The document's root grows as the only child of this element, so it stays reachable
        self._top = builder.start("top", {})
        self._parser = ET.XMLParser(target=builder)  # noqa: S314 # no DTD gets to it

    def feed(self, data: bytes) -> Iterator[Raw]:
        """Parse more of the document, and yield the entries that are complete now.

        Raises:
            HashListError: this is not the expected XML.
        """
        if not self._begun:
            # Blanks between two documents: XML allows none before its declaration
            blanks = len(data) - len(data.lstrip(BETWEEN_PAGES))
            self._lines_before += data.count(b"\n", 0, blanks)
            self.lines = self._lines_before
            data = data[blanks:]
            if data:
                self._begun = True
                self._paging.begin_page()
        try:
            if self._in_prologue:
                self._prologue.Parse(data, False)
            self._parser.feed(data)
        except (expat.ExpatError, ET.ParseError) as error:
            raise self._error("the XML is not well-formed", error.lineno or 1) from None
        except HashListError:
            raise
        except (LookupError, ValueError):
            raise self._error("the XML has an unknown encoding") from None
        self.lines += data.count(b"\n")
        self._unfinished += len(data)
        for entry in self._complete(final=False):
            self._unfinished = 0
            yield entry
        if self._unfinished > MAX_ENTRY_BYTES:
            raise self._error("an entry of the XML is too long")

    def has_begun(self) -> bool:
        return self._begun

    def close(self) -> Iterator[Raw]:
        """Yield the last entries of the document. Raises ``HashListError`` if it is cut short."""
        try:
            self._parser.close()
        except ET.ParseError:
            raise self._error("the XML is cut short") from None
        return self._complete(final=True)

    def _complete(self, *, final: bool) -> Iterator[Raw]:
        """Take the complete entries out of the tree. The last entry may still grow."""
        for root in self._top:
            if _local(root.tag) != ROOT:
                raise self._error(f"not NCMEC's XML: the root element is not {ROOT}")
            count = len(root) if final else len(root) - 1
            complete = root[: max(0, count)]
            del root[: len(complete)]
            for container in complete:
                yield from self._taken_out(container, growing=False)
            for container in root:
                yield from self._taken_out(container, growing=True)

    def _taken_out(self, container: ET.Element, *, growing: bool) -> Iterator[Raw]:
        """Take the complete entries out of a container. If it can still grow, so can its last."""
        entries = container[: max(0, len(container) - growing)]
        del container[: len(entries)]
        tag = _local(container.tag)
        if tag in CONTAINERS:
            self._paging.said[f"{COUNT} of {tag}"] = container.get(COUNT)
            yield from entries
            return
        for entry in entries if tag == PAGING else ():
            if _local(entry.tag) == NEXT and _text(entry):
                self._paging.more_follow, self._paging.said[NEXT] = True, _text(entry)
        # What an entry means elsewhere is unclear, but losing it loses a match or a withdrawal
        elements = [each for entry in entries for each in entry.iter()]
        for each in elements if growing else [container, *elements]:
            if _local(each.tag) in SIGNS:
                yield LineError("the entry is outside images and videos")

    def _refuse_doctype(self, *_: object) -> None:
        raise self._error("the XML has a DTD, which hashmatch refuses")

    def _leave_prologue(self, *_: object) -> None:
        self._in_prologue = False

    def _error(self, message: str, line: int = 1) -> HashListError:
        return HashListError(message, path=self._source, line=self._lines_before + line)


@lru_cache(maxsize=1024)
def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _record(entry: ET.Element) -> FeedRecord:
    kind = _local(entry.tag)
    if kind not in ENTRIES:
        raise LineError("an element here is not an entry")
    texts = dict.fromkeys(TEXTS, "")
    hashes: list[tuple[str, str]] = []
    for child in entry:
        name = _local(child.tag)
        if name == FINGERPRINTS:
            hashes += [(_local(print_.tag).replace("-", "_"), _text(print_)) for print_ in child]
        elif name in texts:
            if texts[name]:
                raise LineError(f"the entry gives its {name} twice")
            texts[name] = _text(child)
            if name == "member" and "id" in child.attrib:
                texts["id of member"] = child.attrib["id"]
        elif name in ENTRIES:
            raise LineError("the entry contains another entry")
    if not texts["id"]:
        raise LineError("the entry has no id")
    member = texts.get("id of member")
    return FeedRecord(
        id=f"{member}-{texts['id']}" if member else texts["id"],
        hashes=hashes,
        category=texts["classification"],
        source=texts["member"],
        added=texts["timestamp"],
        withdrawn=kind in DELETED,
        rank=_rank(texts["timestamp"]),
    )


def _text(element: ET.Element) -> str:
    return (element.text or "").strip(BLANKS)


def _rank(timestamp: str) -> int:
    rank = rank_of(timestamp)
    if not rank:
        raise LineError("the timestamp is not a date")
    return rank
