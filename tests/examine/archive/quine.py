"""A zip whose only member is that same zip, so that unpacking it never ends.

After Russ Cox, "Zip Files All The Way Down" (2010): deflate has an instruction to write bytes down
and one to repeat bytes, and a program of these prints itself when it is in the right order.
"""

from __future__ import annotations

import struct
import zlib

NAME = b"r.zip"


def _write(data: bytes) -> bytes:
    """A stored block, which says: these bytes."""
    return struct.pack("<BHH", 0, len(data), len(data) ^ 0xFFFF) + data


def _bits(*fields: tuple[int, int]) -> bytes:
    """Join fields of (value, width), the lowest bit first."""
    value = width = 0
    for field, size in fields:
        value |= field << width
        width += size
    return value.to_bytes(-(-width // 8), "little")


def _huffman(code: int, width: int) -> tuple[int, int]:
    """Huffman codes alone are written from their highest bit."""
    return int(f"{code:0{width}b}"[::-1], 2), width


_START, _LAST, _END = (0b010, 3), (0b011, 3), (0, 7)  # of a block with the fixed codes
# The 20 bytes before, as 10 and 10 from a distance of 20
_REPEAT_20 = _bits(_START, *2 * (_huffman(8, 7), _huffman(8, 5), (20 - 17, 3)), _END)


def _repeat_35_to_48(count: int) -> bytes:
    """Repeat as many bytes, then an empty block to come out at five bytes.

    They are 39 bits. The 40th begins the next block, whose first three bits are zeros as well.
    """
    length = _huffman(17 + (count - 35) // 8, 7), ((count - 35) % 8, 3)
    return _bits(_START, *length, _huffman(10, 5), (count - 33, 4), _END, _START, _END)


def _repeat_67_to_82_and_end(count: int) -> bytes:
    return _bits(_LAST, _huffman(21, 7), (count - 67, 4), _huffman(12, 5), (count - 65, 5), _END)


def _assemble(crc: int, packed: int, size: int) -> tuple[bytes, int]:
    """The archive for a checksum and two sizes, and the size of its packed data."""
    common = struct.pack("<4H3L2H", 0, 8, 0, 33, crc, packed, size, len(NAME), 0)
    head = b"PK\x03\x04\x14\x00" + common + NAME
    record = b"PK\x01\x02\x14\x00\x14\x00" + common + bytes(2 + 2 + 2 + 4 + 4) + NAME
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(record), len(head) + packed, 0)
    tail = record + end
    repeat_head = _repeat_35_to_48(len(head) + 5)
    repeat_tail = _repeat_67_to_82_and_end(len(tail) + 4)
    of_head = struct.pack("<BHH", 0, len(head) + 5, (len(head) + 5) ^ 0xFFFF)
    of_tail = struct.pack("<BHH", 0, len(tail) + 4, (len(tail) + 4) ^ 0xFFFF)
    of_5, of_20 = _write(bytes(5))[:5], _write(bytes(20))[:5]
    nothing = _write(b"")
    program = (
        _write(head + of_head)
        + repeat_head
        + _write(repeat_head)
        + _write(of_5)
        + _write(repeat_head + of_5 + of_5 + of_20)
        + _REPEAT_20
        + _write(_REPEAT_20 + of_20 + _REPEAT_20 + of_20)
        + _REPEAT_20
        + _write(_REPEAT_20 + nothing + nothing + of_tail)
        + _REPEAT_20
        + nothing
        + nothing
        + _write(repeat_tail + tail)
        + repeat_tail
    )
    return head + program + tail, len(program)


def make_quine() -> bytes:
    """The zip that holds itself, checksum and all.

    The checksum of the whole stands in it four times. It is linear in those bits, so the one that
    comes out right is the solution of 32 equations.
    """
    _, packed = _assemble(0, 0, 0)
    size = len(_assemble(0, 0, 0)[0])

    def crc_with(crc: int) -> int:
        return zlib.crc32(_assemble(crc, packed, size)[0])

    base = crc_with(0)
    rows: list[tuple[int, int]] = []  # reduced columns, with the bits of the checksum they are of
    for bit in range(32):
        column, used = crc_with(1 << bit) ^ base ^ (1 << bit), 1 << bit
        for other, others_used in rows:
            if column ^ other < column:
                column, used = column ^ other, used ^ others_used
        if column:
            rows = sorted([*rows, (column, used)], reverse=True)
    rest, crc = base, 0
    for column, used in rows:
        if rest ^ column < rest:
            rest, crc = rest ^ column, crc ^ used
    return _assemble(crc, packed, size)[0]
