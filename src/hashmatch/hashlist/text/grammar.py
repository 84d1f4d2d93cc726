"""The grammar of the text list format, version 1, line by line.

This is the readable reference. ``blocks`` parses regular lines many at a time and hands every line
that it does not understand to ``parse_lines``, so all messages come from here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from hashmatch.hashlist.assemble import RawRow, section_of_rows
from hashmatch.hashlist.characters import FORBIDDEN, is_clean
from hashmatch.hashlist.kinds import (
    ASSUMED,
    BINARY,
    unknown_algorithm,
    unnamed,
    widths,
    wrong_length,
)
from hashmatch.hashlist.list_stream import MAX_LINE_BYTES
from hashmatch.hashlist.problems import Problems
from hashmatch.hashlist.section import ListSection
from hashmatch.model import HashKind

HEADER_KEYS = ("algorithm", "name", "version", "created")

NOT_NAMED = ""
"""In place of an algorithm: neither the list nor the operator names one."""

BINARY_DIGITS = 64
"""This many digits are never all 0 or 1 by chance."""

_HEADER_LINE = re.compile(rf"#\s*({'|'.join(HEADER_KEYS)})\s*:\s*(.+)", re.IGNORECASE)
_HEX = re.compile(r"[0-9A-Fa-f]+")
_BLANKS = re.compile(r"[ \t]+")
_TAGGED = re.compile(
    r"(?P<tag>md5|sha1|sha256|sha2-256) ?\((?P<file>.+)\) ?= ?(?P<digits>\S+)", re.IGNORECASE
)
"""A line of ``sha256sum --tag``, BSD's ``sha256`` or ``openssl dgst``."""

_TAGS = {"sha2-256": "sha256"}


class LineError(ValueError):
    """A line is not an entry. The message quotes nothing of the line."""


class Row(NamedTuple):
    """One entry as its line gives it. Its texts are id and label."""

    kind: HashKind
    words: tuple[int, ...]
    texts: tuple[bytes, bytes]
    assumed: bool


@dataclass(slots=True)
class ListHeader:
    """What a list says about itself before its first entry.

    Attributes:
        faulty: something in the header is wrong, so no entry can be trusted.
        ended: the first entry has been seen.
    """

    values: dict[str, str] = field(default_factory=dict)
    faulty: bool = False

    ended: bool = False

    def take(self, block: bytes, line: int, problems: Problems) -> tuple[int, int]:
        """Read the lines of a block, each ended by LF, that still belong to the header.

        Returns:
            Where the rest of the block begins, and the number of its first line.
        """
        start = 0
        while not self.ended and start < len(block):
            end = block.index(b"\n", start)
            self.ended = not self._take_line(block[start:end], line, problems)
            if not self.ended:
                start = end + 1
                line += 1
        return start, line

    def default_algorithm(self, otherwise: str | None) -> str | None:
        """The algorithm of hashes that name none.

        Returns:
            The header's, or else the one passed in, or else ``NOT_NAMED``; None if a faulty header
            leaves it unclear.
        """
        return self.values.get("algorithm") or (None if self.faulty else otherwise or NOT_NAMED)

    def _take_line(self, raw: bytes, line: int, problems: Problems) -> bool:
        """Read one line, and return whether it belongs to the header."""
        try:
            text = decode_line(raw)
        except LineError as error:
            if not raw.lstrip().startswith(b"#"):
                return False
            problems.add(line, str(error))
            self.faulty = True
            return True
        if text and not text.startswith("#"):
            return False
        found = _HEADER_LINE.fullmatch(text)
        if found:
            try:
                self._put(found[1].lower(), found[2])
            except LineError as error:
                problems.add(line, str(error))
                self.faulty = True
        return True

    def _put(self, key: str, value: str) -> None:
        if key in self.values:
            raise LineError(f"the header gives its {key} twice")
        if not is_clean(value):
            raise LineError(f"a control character in the {key}")
        if key == "algorithm":
            value = value.lower()
            if not widths(value):
                raise LineError(unknown_algorithm())
        self.values[key] = value


@dataclass(frozen=True, eq=False, slots=True)
class Context:
    """What a block's lines need to be understood.

    Attributes:
        algorithm: of hashes that name none, as ``ListHeader.default_algorithm`` returns it.
        origin: what comes before the line number in the id of an entry that has none.
    """

    algorithm: str | None
    origin: str
    problems: Problems


@dataclass(frozen=True, eq=False, slots=True)
class Parsed:
    """The result of parsing a block of lines.

    Attributes:
        assumed: how many rows were taken for ``ASSUMED`` because nothing names their algorithm.
    """

    sections: list[ListSection]
    assumed: int


ParseBlock: TypeAlias = Callable[[bytes, int, Context], Parsed]
"""Parses whole lines, given the number of the first one and the context."""


def parse_block(block: bytes, first_line: int, context: Context) -> Parsed:
    """Parse whole lines one by one: the reference."""
    return parse_lines(enumerate(block.split(b"\n")[:-1], first_line), context)


def parse_lines(lines: Iterable[tuple[int, bytes]], context: Context) -> Parsed:
    """Parse numbered lines one by one."""
    rows: dict[HashKind, list[RawRow]] = {}
    assumed = 0
    for line, raw in lines:
        try:
            row = parse_line(raw, context.algorithm)
        except LineError as error:
            context.problems.add(line, str(error))
            continue
        if row is not None:
            rows.setdefault(row.kind, []).append((line, row.words, row.texts))
            assumed += row.assumed
    sections = [section_of_rows(kind, of_kind, context.origin) for kind, of_kind in rows.items()]
    return Parsed(sections, assumed)


def parse_line(raw: bytes, algorithm: str | None) -> Row | None:
    """Parse one line, which comes without its LF.

    Returns:
        The row; None for a blank line, a comment, or a hash whose algorithm is unclear.

    Raises:
        LineError: it is neither an entry nor a comment.
    """
    text = decode_line(raw)
    if not text:
        return None
    if text.startswith("#"):
        _check_comment(text, algorithm)
        return None
    value, entry_id, label, *_ = [*_BLANKS.split(text, maxsplit=2), "", ""]
    if tagged := _TAGGED.fullmatch(text):
        name = _TAGS.get(tagged["tag"].lower(), tagged["tag"])
        value, entry_id, label = f"{name}:{tagged['digits']}", tagged["file"], ""
    if "\t" in label or "\t" in entry_id:
        raise LineError(f"a tab in the {'id' if tagged else 'label'}")
    prefix, colon, digits = value.rpartition(":")
    named = prefix.lower() if colon else algorithm
    if not _HEX.fullmatch(digits):
        raise LineError("the hash is not hex")
    if named is None:
        return None
    assumed = named == NOT_NAMED and not colon
    if assumed and 4 * len(digits) != ASSUMED.bits:
        raise LineError(unnamed(len(digits)))
    kind, words = parse_hash(digits, ASSUMED.algorithm if assumed else named)
    return Row(kind, words, (entry_id.encode(), label.encode()), assumed)


def _check_comment(text: str, algorithm: str | None) -> None:
    """Refuse what looks like a second header, as in two lists joined into one file.

    Raises:
        LineError: a comment names another algorithm than the one in force.
    """
    found = _HEADER_LINE.fullmatch(text)
    if found and found[1].lower() == "algorithm" and found[2].strip().lower() != algorithm:
        raise LineError("an algorithm is named after the first entry: put it before each hash")


def is_header_of_algorithm(raw: bytes) -> bool:
    """Whether a line, read before the first entry, names the list's algorithm."""
    found = _HEADER_LINE.fullmatch(raw.decode(errors="replace").strip())
    return found is not None and found[1].lower() == "algorithm"


def decode_line(raw: bytes) -> str:
    """Decode a line and strip the blanks around it.

    Raises:
        LineError: it is too long, not UTF-8, or has control characters.
    """
    if len(raw) > MAX_LINE_BYTES:
        raise LineError(f"the line is longer than {MAX_LINE_BYTES:,} bytes")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise LineError("the line is not UTF-8") from None
    text = text.removesuffix("\r")
    if FORBIDDEN.search(text):
        raise LineError("a control character in the line")
    return text.strip(" \t")


def parse_hash(digits: str, algorithm: str) -> tuple[HashKind, tuple[int, ...]]:
    """Make a hash from hex digits.

    Raises:
        LineError: the algorithm is unknown or has no such width, or the digits are binary.
    """
    if not widths(algorithm):
        raise LineError(unknown_algorithm())
    if len(digits) >= BINARY_DIGITS and "1" in digits and not digits.strip("01"):
        raise LineError(BINARY)
    kind = HashKind(algorithm, 4 * len(digits))
    if kind.bits not in widths(algorithm):
        raise LineError(wrong_length(algorithm, len(digits)))
    # A SHA-1 does not fill its last word
    return kind, tuple(
        int(digits[i : i + 16].ljust(16, "0"), 16) for i in range(0, len(digits), 16)
    )
