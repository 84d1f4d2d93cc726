"""Parses regular lines of the text format with NumPy, many at a time.

This is the fast counterpart of ``grammar.parse_block``. It parses the lines that it fully
understands and hands all others to ``grammar.parse_lines``, so every result and message is the
same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from hashmatch.hashing import Codes
from hashmatch.hashlist.assemble import join_by_kind
from hashmatch.hashlist.characters import FORBIDDEN_BEYOND_ASCII
from hashmatch.hashlist.columns import Bytes, Rows, TextColumn
from hashmatch.hashlist.kinds import ASSUMED, algorithms, is_binary, kinds
from hashmatch.hashlist.list_stream import MAX_LINE_BYTES
from hashmatch.hashlist.section import ListSection
from hashmatch.hashlist.text.grammar import NOT_NAMED, Context, Parsed, parse_lines
from hashmatch.model import HashKind

Mask: TypeAlias = npt.NDArray[np.bool_]

TAB, LF, CR, SPACE, HASH_SIGN, COLON, DELETE, ASCII_END = b"\t\n\r #:\x7f\x80"
LOWER_CASE = 0x20
NOT_HEX = 0xFF
ASK_REFERENCE = -1

_NIBBLES = np.full(256, NOT_HEX, dtype=np.uint8)
for _alphabet in (b"0123456789abcdef", b"0123456789ABCDEF"):
    _NIBBLES[np.frombuffer(_alphabet, np.uint8)] = np.arange(16)


@dataclass(frozen=True, eq=False, slots=True)
class _Fields:
    """Where the fields of entry lines begin and end in the buffer.

    All int64, shape (entries,). An absent field begins where it ends.

    Attributes:
        line: the index of the line in the block.
        value: where the hash begins and ends, with its prefix.
        digits: where the digits of the hash begin, after any prefix.
        id: where the id begins and ends.
        label: where the label begins and ends.
    """

    buffer: Bytes
    line: Rows
    value: tuple[Rows, Rows]
    digits: Rows
    id: tuple[Rows, Rows]
    label: tuple[Rows, Rows]

    def column(self, field: tuple[Rows, Rows], rows: Rows) -> TextColumn:
        begin, end = field
        return TextColumn.gather(self.buffer, begin[rows], end[rows])


def parse_block(block: bytes, first_line: int, context: Context) -> Parsed:
    """Do what ``grammar.parse_block`` does, but faster."""
    buffer = np.frombuffer(block, dtype=np.uint8)
    line_ends = np.flatnonzero(buffer == LF)
    line_starts = np.concatenate(([0], line_ends[:-1] + 1))
    odd = _odd_lines(block, buffer, line_starts, line_ends)
    fields = _split(buffer, line_starts, line_ends, odd)
    sections, left_over, assumed = _sections(fields, first_line, context)
    odd[left_over] = True
    others = parse_lines(
        (
            (first_line + line, block[line_starts[line] : line_ends[line]])
            for line in np.flatnonzero(odd).tolist()
        ),
        context,
    )
    return Parsed(join_by_kind(sections + others.sections), assumed + others.assumed)


def _sections(
    fields: _Fields, first_line: int, context: Context
) -> tuple[list[ListSection], Rows, int]:
    """Make a section of each kind.

    Returns:
        The sections, the lines that fit none of them, and how many rows are assumed to fit.
    """
    names = _algorithms(fields, context.algorithm)
    taken = np.zeros(len(names), dtype=np.bool_)
    sections = []
    for kind in kinds():
        of_kind = names == algorithms().index(kind.algorithm)
        of_kind &= fields.value[1] - fields.digits == kind.bits // 4
        rows, codes = _codes(fields, np.flatnonzero(of_kind), kind)
        if rows.size:
            columns = {
                "id": fields.column(fields.id, rows),
                "label": fields.column(fields.label, rows),
            }
            lines = (fields.line[rows] + first_line).astype(np.uint32)
            sections.append(ListSection(kind, codes, columns, lines, context.origin))
            taken[rows] = True
    unnamed = taken & (fields.digits == fields.value[0])
    assumed = int(unnamed.sum()) if context.algorithm == NOT_NAMED else 0
    return sections, fields.line[~taken], assumed


def _odd_lines(block: bytes, buffer: Bytes, line_starts: Rows, line_ends: Rows) -> Mask:
    """Which lines are too long, or have characters that only the reference judges."""
    odd = line_ends - line_starts > MAX_LINE_BYTES
    strange = (buffer < SPACE) & (buffer != TAB) & (buffer != LF)
    strange |= buffer == DELETE
    before_end = line_ends[line_ends > line_starts] - 1
    strange[before_end[buffer[before_end] == CR]] = False
    if not block.isascii() and not _is_clean_utf8(block):
        strange |= buffer >= ASCII_END
    odd[np.searchsorted(line_ends, np.flatnonzero(strange))] = True
    return odd


def _is_clean_utf8(block: bytes) -> bool:
    try:
        text = block.decode()
    except UnicodeDecodeError:
        return False
    return not FORBIDDEN_BEYOND_ASCII.search(text)


def _split(buffer: Bytes, line_starts: Rows, line_ends: Rows, odd: Mask) -> _Fields:
    """Split entry lines at runs of blanks. The label is everything from the third field on."""
    gap = (buffer == SPACE) | (buffer == TAB) | (buffer == LF)
    before_end = line_ends[line_ends > line_starts] - 1
    gap[before_end[buffer[before_end] == CR]] = True
    edges = np.flatnonzero(np.concatenate(([not gap[0]], gap[1:] != gap[:-1])))
    begins, ends = edges[::2], edges[1::2]
    # Runs never span lines, so a line's runs go from its first up to the next line's first
    first = np.searchsorted(begins, line_starts)
    last = np.append(first[1:], len(begins)) - 1
    entry = (last >= first) & ~odd
    entry[entry] = buffer[begins[first[entry]]] != HASH_SIGN
    odd |= (last >= first) & ~entry  # a comment may be a misplaced header
    line = np.flatnonzero(entry)
    first, last = first[entry], last[entry]
    value = begins[first], ends[first]
    second, third = np.minimum(first + 1, last), np.minimum(first + 2, last)
    entry_id = np.where(last > first, begins[second], value[1]), ends[second]
    label = np.where(last > first + 1, begins[third], ends[last]), ends[last]
    digits = value[0].copy()
    colons = np.flatnonzero(buffer == COLON)
    if colons.size:
        place = np.searchsorted(colons, value[0])
        colon = colons[np.minimum(place, len(colons) - 1)]
        prefixed = (colon >= value[0]) & (colon < value[1])
        digits[prefixed] = colon[prefixed] + 1
    return _Fields(buffer, line, value, digits, entry_id, label)


def _algorithms(fields: _Fields, algorithm: str | None) -> Rows:
    """The index in ``algorithms()`` of each entry's algorithm, or ``ASK_REFERENCE``."""
    names = algorithms()
    unnamed = fields.digits == fields.value[0]
    found = np.full(len(unnamed), ASK_REFERENCE)
    if algorithm:
        found[unnamed] = names.index(algorithm)
    elif algorithm == NOT_NAMED:
        fits = fields.value[1] - fields.digits == ASSUMED.bits // 4
        found[unnamed & fits] = names.index(ASSUMED.algorithm)
    if not unnamed.all():
        lengths = fields.digits - fields.value[0] - 1
        for index, name in enumerate(names):
            rows = np.flatnonzero(lengths == len(name))
            if rows.size:
                windows = sliding_window_view(fields.buffer, len(name))[fields.value[0][rows]]
                alike = (windows | LOWER_CASE) == np.frombuffer(name.encode(), np.uint8)
                found[rows[alike.all(axis=1)]] = index
    tabs = np.flatnonzero(fields.buffer == TAB)
    begin, end = fields.label
    found[np.searchsorted(tabs, begin) != np.searchsorted(tabs, end)] = ASK_REFERENCE
    return found


def _codes(fields: _Fields, rows: Rows, kind: HashKind) -> tuple[Rows, Codes]:
    """The rows whose digits are hex but not binary, with their codes."""
    if not rows.size:
        return rows, np.empty((0, kind.words), dtype=np.uint64)
    nibbles = _NIBBLES[sliding_window_view(fields.buffer, kind.bits // 4)[fields.digits[rows]]]
    hexadecimal = (nibbles != NOT_HEX).all(axis=1)
    if not hexadecimal.all():
        rows, nibbles = rows[hexadecimal], nibbles[hexadecimal]
    packed = np.zeros((len(rows), 8 * kind.words), dtype=np.uint8)
    packed[:, : kind.bits // 8] = nibbles[:, ::2] << 4 | nibbles[:, 1::2]
    codes = packed.view(">u8").astype(np.uint64)
    binary = is_binary(kind, codes)
    return (rows[~binary], codes[~binary]) if binary.any() else (rows, codes)
