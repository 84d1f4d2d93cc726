"""Regular lines of the text format parsed many at a time with NumPy.

The twin of ``grammar.parse_block``. It takes the lines that it wholly understands, and hands all
others to ``grammar.parse_lines``, so the result, and every message, is the same.
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
from hashmatch.hashlist.kinds import algorithms, kinds
from hashmatch.hashlist.section import Section
from hashmatch.hashlist.source import MAX_LINE_BYTES
from hashmatch.hashlist.text.grammar import Context, Parsed, parse_lines
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
    """Where in the buffer the fields of entry lines begin and end.

    All int64, shape (entries,). A field that is absent begins where it ends.

    Attributes:
        buffer: the block.
        line: index of the line in the block.
        value: begin and end of the hash, its prefix included.
        digits: where the digits of the hash begin, after the prefix if there is one.
        id: begin and end.
        label: begin and end.
    """

    buffer: Bytes
    line: Rows
    value: tuple[Rows, Rows]
    digits: Rows
    id: tuple[Rows, Rows]
    label: tuple[Rows, Rows]

    def column(self, field: tuple[Rows, Rows], rows: Rows) -> TextColumn:
        """The texts of a field."""
        begin, end = field
        return TextColumn.gather(self.buffer, begin[rows], end[rows])


def parse_block(block: bytes, first_line: int, context: Context) -> Parsed:
    """Parse whole lines: what ``grammar.parse_block`` does, only faster."""
    buffer = np.frombuffer(block, dtype=np.uint8)
    line_ends = np.flatnonzero(buffer == LF)
    line_starts = np.concatenate(([0], line_ends[:-1] + 1))
    odd = _odd_lines(block, buffer, line_starts, line_ends)
    fields = _split(buffer, line_starts, line_ends, odd)
    sections, left_over, unnamed = _sections(fields, first_line, context)
    odd[left_over] = True
    others = parse_lines(
        (
            (first_line + line, block[line_starts[line] : line_ends[line]])
            for line in np.flatnonzero(odd).tolist()
        ),
        context,
    )
    return Parsed(join_by_kind(sections + others.sections), unnamed + others.unnamed)


def _sections(
    fields: _Fields, first_line: int, context: Context
) -> tuple[list[Section], Rows, int]:
    """Make a section of each kind.

    Returns:
        The sections, the lines that fit none of them, and how many rows name no algorithm.
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
            sections.append(Section(kind, codes, columns, lines, context.origin))
            taken[rows] = True
    unnamed = int((taken & (fields.digits == fields.value[0])).sum())
    return sections, fields.line[~taken], unnamed


def _odd_lines(block: bytes, buffer: Bytes, line_starts: Rows, line_ends: Rows) -> Mask:
    """Tell which lines are too long, or have characters that are not for this module to judge."""
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
    """Split entry lines into fields: runs of other than blanks, the label from the third on."""
    gap = (buffer == SPACE) | (buffer == TAB) | (buffer == LF)
    before_end = line_ends[line_ends > line_starts] - 1
    gap[before_end[buffer[before_end] == CR]] = True
    edges = np.flatnonzero(np.concatenate(([not gap[0]], gap[1:] != gap[:-1])))
    begins, ends = edges[::2], edges[1::2]
    # Runs never span lines, so each line has those from its first to the next line's first
    first = np.searchsorted(begins, line_starts)
    last = np.append(first[1:], len(begins)) - 1
    entry = (last >= first) & ~odd
    entry[entry] = buffer[begins[first[entry]]] != HASH_SIGN
    odd |= (last >= first) & ~entry  # a comment may be a header that comes too late
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
    found = np.where(unnamed, names.index(algorithm) if algorithm else ASK_REFERENCE, ASK_REFERENCE)
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
    """Those of the rows whose digits are hex, and their codes."""
    if not rows.size:
        return rows, np.empty((0, kind.words), dtype=np.uint64)
    nibbles = _NIBBLES[sliding_window_view(fields.buffer, kind.bits // 4)[fields.digits[rows]]]
    hexadecimal = (nibbles != NOT_HEX).all(axis=1)
    if not hexadecimal.all():
        rows, nibbles = rows[hexadecimal], nibbles[hexadecimal]
    packed = np.zeros((len(rows), 8 * kind.words), dtype=np.uint8)
    packed[:, : kind.bits // 8] = nibbles[:, ::2] << 4 | nibbles[:, 1::2]
    return rows, packed.view(">u8").astype(np.uint64)
