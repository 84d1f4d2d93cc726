"""The grammar of the text list format, version 1, line by line.

This is the readable reference. ``blocks`` parses regular lines many at a time, and hands every line
that it does not understand to ``parse_lines``, so that all messages come from here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from hashmatch.hashlist.assemble import RawRow, section_of_rows
from hashmatch.hashlist.characters import FORBIDDEN, is_clean
from hashmatch.hashlist.kinds import unknown_algorithm, widths
from hashmatch.hashlist.problems import Problems
from hashmatch.hashlist.section import Section
from hashmatch.hashlist.source import MAX_LINE_BYTES
from hashmatch.model import HashKind

ASSUMED_ALGORITHM = "phash"
"""What a hash is where neither list nor operator says."""

HEADER_KEYS = ("algorithm", "name", "version", "created")

_HEADER_LINE = re.compile(rf"#\s*({'|'.join(HEADER_KEYS)})\s*:\s*(.+)", re.IGNORECASE)
_HEX = re.compile(r"[0-9A-Fa-f]+")
_BLANKS = re.compile(r"[ \t]+")


class LineError(ValueError):
    """A line is no entry. Its message quotes nothing of the line."""


class Row(NamedTuple):
    """One entry as its line gives it; its texts are id and label."""

    kind: HashKind
    words: tuple[int, ...]
    texts: tuple[bytes, bytes]
    names_algorithm: bool


@dataclass(slots=True)
class Header:
    """What a list says of itself before its first entry.

    Attributes:
        values: by key.
        faulty: something in it is wrong, so that no entry can be relied on.
        ended: the first entry has been seen.
    """

    values: dict[str, str] = field(default_factory=dict)
    faulty: bool = False

    ended: bool = False

    def take(self, block: bytes, line: int, problems: Problems) -> tuple[int, int]:
        """Read the lines of a block that still belong to the header.

        Args:
            block: whole lines, each ended by LF.
            line: the number of the first one.
            problems: where lines that are wrong are noted.

        Returns:
            Where in the block the rest begins, and the number of its first line.
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
        """What a hash is that names no algorithm; None where the header leaves that unclear."""
        named = self.values.get("algorithm")
        return named or (None if self.faulty else otherwise or ASSUMED_ALGORITHM)

    def _take_line(self, raw: bytes, line: int, problems: Problems) -> bool:
        """Read one line, and tell whether it belongs to the header."""
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
                self.put(found[1].lower(), found[2])
            except LineError as error:
                problems.add(line, str(error))
        return True

    def put(self, key: str, value: str) -> None:
        """Take one of the ``HEADER_KEYS``.

        Raises:
            LineError: its value makes no sense; the header is faulty from then on.
        """
        faulty, self.faulty = self.faulty, True
        if key in self.values:
            raise LineError(f"the header gives its {key} twice")
        if not is_clean(value):
            raise LineError(f"a control character in the {key}")
        if key == "algorithm":
            value = value.lower()
            if not widths(value):
                raise LineError(unknown_algorithm())
        self.faulty = faulty
        self.values[key] = value


@dataclass(frozen=True, eq=False, slots=True)
class Context:
    """What lines mean beyond what they say.

    Attributes:
        algorithm: what a hash is that names no algorithm; None where that cannot be known.
        origin: what comes before the line in the id of an entry without one.
        problems: where lines that are wrong are noted.
    """

    algorithm: str | None
    origin: str
    problems: Problems


@dataclass(frozen=True, eq=False, slots=True)
class Parsed:
    """What was read of a block of lines.

    Attributes:
        sections: one for each kind, with lines.
        unnamed: how many of the rows name no algorithm themselves.
    """

    sections: list[Section]
    unnamed: int


ParseBlock: TypeAlias = Callable[[bytes, int, Context], Parsed]
"""From whole lines, the number of the first, and the context."""


def parse_block(block: bytes, first_line: int, context: Context) -> Parsed:
    """Parse lines one by one: the reference.

    Args:
        block: whole lines, each ended by LF.
        first_line: the number of the first one.
        context: what the lines mean beyond what they say.
    """
    lines = enumerate(block.split(b"\n")[:-1], first_line)
    return parse_lines(lines, context)


def parse_lines(lines: Iterable[tuple[int, bytes]], context: Context) -> Parsed:
    """Parse numbered lines one by one."""
    rows: dict[HashKind, list[RawRow]] = {}
    unnamed = 0
    for line, raw in lines:
        try:
            row = parse_line(raw, context.algorithm)
        except LineError as error:
            context.problems.add(line, str(error))
            continue
        if row is not None:
            rows.setdefault(row.kind, []).append((line, row.words, row.texts))
            unnamed += not row.names_algorithm
    sections = [section_of_rows(kind, of_kind, context.origin) for kind, of_kind in rows.items()]
    return Parsed(sections, unnamed)


def parse_line(raw: bytes, algorithm: str | None) -> Row | None:
    """Parse one line.

    Args:
        raw: the line without its LF.
        algorithm: what the hash is if the line does not say; None where that cannot be known.

    Returns:
        The row; None for a blank line, a comment, or a hash that may be anything.

    Raises:
        LineError: it is not an entry, nor a comment.
    """
    text = decode_line(raw)
    if not text:
        return None
    if text.startswith("#"):
        _check_comment(text, algorithm)
        return None
    value, entry_id, label, *_ = [*_BLANKS.split(text, maxsplit=2), "", ""]
    if "\t" in label:
        raise LineError("a control character in the label")
    prefix, colon, digits = value.rpartition(":")
    named = prefix.lower() if colon else algorithm
    if not _HEX.fullmatch(digits):
        raise LineError("the hash is not hex")
    if named is None:
        return None
    kind, words = parse_hash(digits, named)
    return Row(kind, words, (entry_id.encode(), label.encode()), names_algorithm=bool(colon))


def _check_comment(text: str, algorithm: str | None) -> None:
    """Refuse what looks like a header and would change nothing: two lists put into one file.

    Raises:
        LineError: a comment names another algorithm than the one in force.
    """
    found = _HEADER_LINE.fullmatch(text)
    if found and found[1].lower() == "algorithm" and found[2].strip().lower() != algorithm:
        raise LineError("an algorithm is named behind the first entry: put it before each hash")


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
    """Make a hash of hex digits.

    Raises:
        LineError: the algorithm is unknown, or has no such width.
    """
    known = widths(algorithm)
    if not known:
        raise LineError(unknown_algorithm())
    kind = HashKind(algorithm, 4 * len(digits))
    if kind.bits not in known:
        lengths = " or ".join(f"{bits // 4}" for bits in known)
        raise LineError(f"{algorithm} has {lengths} digits, not {len(digits):,}")
    # A SHA-1 does not fill its last word
    return kind, tuple(
        int(digits[i : i + 16].ljust(16, "0"), 16) for i in range(0, len(digits), 16)
    )
