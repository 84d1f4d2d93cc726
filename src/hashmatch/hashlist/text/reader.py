"""Reads the text format as a stream: header, blocks of lines, all problems in one error."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from hashmatch.errors import HashListError
from hashmatch.hashlist.assemble import assemble
from hashmatch.hashlist.characters import printable, without_blanks
from hashmatch.hashlist.contents import Contents
from hashmatch.hashlist.problems import Problems
from hashmatch.hashlist.section import Section
from hashmatch.hashlist.text import blocks
from hashmatch.hashlist.text.grammar import (
    ASSUMED_ALGORITHM,
    MAX_LINE_BYTES,
    Context,
    Header,
    ParseBlock,
)

BLOCK_BYTES = 1 << 18
"""Small enough to stay in the cache, large enough that NumPy's cost per call does not show."""

BOM = b"\xef\xbb\xbf"

NUL_SEARCH_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Options:
    """How a list is read.

    Attributes:
        source: the file as the operator named it, for messages.
        file_name: its name without the folder.
        algorithm: what hashes are where neither header nor prefix says.
        skip_bad_entries: load the rest where lines are wrong.
    """

    source: str
    file_name: str
    algorithm: str | None = None
    skip_bad_entries: bool = False


def read_text(
    stream: BinaryIO,
    options: Options,
    head: bytes = b"",
    *,
    parse_block: ParseBlock = blocks.parse_block,
) -> Contents:
    """Read a list in the text format.

    Args:
        stream: what follows the head.
        options: how.
        head: what has been read of the list so far.
        parse_block: ``blocks.parse_block``, or the slow reference to compare it with.

    Raises:
        HashListError: something is wrong; with all problems by line.
    """
    problems = Problems(options.source)
    header = Header()
    parts: list[Section] = []
    unnamed = 0
    origin = without_blanks(printable(options.file_name))
    reading = _Lines(stream, head, options.source)
    for block, first_line in reading:
        start, line = header.take(block, first_line, problems)
        if start < len(block):
            context = Context(header.default_algorithm(options.algorithm), origin, problems)
            parsed = parse_block(block[start:] if start else block, line, context)
            parts += parsed.sections
            unnamed += parsed.unnamed
    sections, flat_ids = assemble(parts, problems)
    if header.faulty or (problems.count and not options.skip_bad_entries):
        it = "it" if problems.count == 1 else "them"
        rest = "" if header.faulty else ", or use --skip-bad-entries to load the rest"
        raise problems.error(reading.count, advice=f"fix {it}{rest}")
    values = header.values
    assumed = unnamed and not options.algorithm and "algorithm" not in values
    return Contents(
        sections=sections,
        name=values.get("name") or printable(options.file_name),
        version=values.get("version"),
        created=values.get("created"),
        digest=reading.digest(),
        flat=len(flat_ids),
        dropped=tuple(flat_ids),
        skipped=problems.count,
        notices=(f"no algorithm is named: {ASSUMED_ALGORITHM} is assumed",) if assumed else (),
    )


class _Lines:
    """Whole lines of a stream, many at a time, with the number of the first; digested on the way.

    Every block ends with LF, also where the stream does not. Of a line that is too long only so
    much comes as shows that it is.
    """

    def __init__(self, stream: BinaryIO, head: bytes, source: str) -> None:
        self.count = 0
        self._head = head
        self._stream = stream
        self._source = source
        self._hash = hashlib.sha256()

    def digest(self) -> str:
        """SHA-256, hex, of what has been read."""
        return self._hash.hexdigest()

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        rest = b""
        for chunk in self._chunks():
            whole, lf, tail = chunk.rpartition(b"\n")
            if not lf:
                rest = (rest + tail)[: MAX_LINE_BYTES + 1]
                continue
            yield self._numbered(rest + whole + lf)
            rest = tail[: MAX_LINE_BYTES + 1]
        if rest:
            yield self._numbered(rest + b"\n")

    def _numbered(self, block: bytes) -> tuple[bytes, int]:
        first = self.count + 1
        self.count += block.count(b"\n")
        return block, first

    def _chunks(self) -> Iterator[bytes]:
        chunk = self._head + self._stream.read(BLOCK_BYTES)
        if b"\0" in chunk[:NUL_SEARCH_BYTES]:
            raise HashListError(
                "this is no text in UTF-8, so no hash list: it has zero bytes", path=self._source
            )
        self._hash.update(chunk)
        chunk = chunk.removeprefix(BOM)
        while chunk:
            yield chunk
            chunk = self._stream.read(BLOCK_BYTES)
            self._hash.update(chunk)
