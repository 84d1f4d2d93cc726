"""Read the header of a JPEG XL, because its plug-in decodes all pixels to tell the size.

Source: ISO/IEC 18181-1 (size header, image metadata) and 18181-2 (boxes).
"""

from __future__ import annotations

from typing import NamedTuple

_CODESTREAM = b"\xff\x0a"
_HEADER_BYTES = 64
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


class JxlHeader(NamedTuple):
    """Width and height in pixels, and whether there may be more frames than one."""

    width: int
    height: int
    animated: bool


class _Bits:
    """Bits, the least significant of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise EOFError
        found = self._value & ((1 << count) - 1)
        self._value >>= count
        return found

    def choose(self, *choices: tuple[int, int]) -> int:
        """Take two bits that choose an offset, and the bits to add to it."""
        offset, count = choices[self.take(2)]
        return offset + self.take(count)


def read_jxl_header(data: bytes) -> JxlHeader | None:
    """Read the header of a JPEG XL; None if it ends too early."""
    start = _codestream(data)
    if not start.startswith(_CODESTREAM):
        return None
    bits = _Bits(start[len(_CODESTREAM) :])
    try:
        width, height = _size(bits)
        return JxlHeader(width, height, _is_animated(bits))
    except EOFError:
        return None


def _codestream(data: bytes) -> bytes:
    """Return the first bytes of the codestream, which boxes may hold in parts."""
    if data.startswith(_CODESTREAM):
        return data[:_HEADER_BYTES]
    found, position = b"", 0
    while position + 8 <= len(data) and len(found) < _HEADER_BYTES:
        size, name = int.from_bytes(data[position : position + 4], "big"), data[position + 4 :][:4]
        head = 8
        if size == 1:
            size, head = int.from_bytes(data[position + 8 : position + 16], "big"), 16
        end = position + size if size else len(data)
        if name in {b"jxlc", b"jxlp"}:  # the latter begins with its number
            begin = position + head + (4 if name == b"jxlp" else 0)
            found += data[begin : min(end, begin + _HEADER_BYTES)]
        if end < position + head:
            break
        position = end
    return found


def _size(bits: _Bits) -> tuple[int, int]:
    small = bits.take(1)

    def side() -> int:
        if small:
            return 8 * (1 + bits.take(5))
        return bits.choose((1, 9), (1, 13), (1, 18), (1, 30))

    height = side()
    ratio = bits.take(3)
    if ratio == 0:
        return side(), height
    numerator, denominator = _RATIOS[ratio - 1]
    return height * numerator // denominator, height


def _is_animated(bits: _Bits) -> bool:
    if bits.take(1) or not bits.take(1):  # all defaults, or none of the fields that follow
        return False
    bits.take(3)  # the orientation
    if bits.take(1):
        _size(bits)
    # After the rare header of a preview, which is not read, anything may follow
    return bool(bits.take(1)) or bool(bits.take(1))
