"""Parse the headers, numbers and keywords of a tar.

Sources: POSIX.1-2017 pax (ustar and pax), and the GNU tar manual, "Basic Tar Format".
"""

from __future__ import annotations

from collections.abc import Iterator

from hashmatch.errors import DecodeError
from hashmatch.model import Reason

BLOCK = 512
"""Bytes of a header; everything in a tar is padded to a multiple of it."""

SPARSE = b"GNU.sparse."
"""The prefix of all keywords of a sparse file."""

SPARSE_NAME = SPARSE + b"name"
"""The keyword for the name of a sparse file."""

_CHECKSUM = slice(148, 156)
_MAX_DIGITS = 20
_LENGTH_BYTES = 8  # more digits than any header has bytes
# The only ones that are kept: all of them could fill the memory
_WANTED = frozenset({b"path", b"size", SPARSE_NAME})


def is_tar_header(block: bytes) -> bool:
    """Recognise a tar header by its checksum, which every kind of tar has."""
    if len(block) < BLOCK:
        return False
    stored = _read_octal(block[_CHECKSUM])
    if not stored:
        return False
    rest = block[: _CHECKSUM.start] + b" " * 8 + block[_CHECKSUM.stop : BLOCK]
    total = sum(rest)
    # Some old writers summed the bytes as signed
    return stored == total or stored == total - 256 * sum(byte > 0x7F for byte in rest)


def read_number(field: bytes) -> int:
    """Read a number in a header. Raises ``DecodeError`` if it is not a number."""
    if field[0] == 0x80:  # a later convention for numbers too large for octal digits
        return int.from_bytes(field[1:], "big")
    number = _read_octal(field)
    if number is None:
        raise broken_tar()
    return number


def _read_octal(field: bytes) -> int | None:
    digits = field.partition(b"\x00")[0].strip(b" ")
    return None if digits.strip(b"01234567") else int(digits or b"0", 8)


def read_decimal(text: bytes) -> int:
    """Read the number that a keyword holds. Raises ``DecodeError`` if it is not a number."""
    if not text.isdigit() or len(text) > _MAX_DIGITS:
        raise broken_tar()
    return int(text)


def read_keywords(value: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Read pax records: ``LENGTH KEYWORD=VALUE``, each followed by a line feed.

    Yields:
        Each keyword that matters, with its value, and ``SPARSE`` for each keyword of a sparse file.
        If a keyword comes twice, the last one counts.

    Raises:
        DecodeError: the records are broken.
    """
    position = 0
    while position < len(value) and value[position]:
        length, _, _ = value[position : position + _LENGTH_BYTES].partition(b" ")
        if not length.isdigit() or int(length) < len(length) + 2:
            raise broken_tar()
        record = value[position : position + int(length)]
        keyword, equals, text = record[len(length) + 1 : -1].partition(b"=")
        if not equals or len(record) < int(length) or not record.endswith(b"\n"):
            raise broken_tar()
        if keyword in _WANTED:
            yield keyword, text
        if keyword.startswith(SPARSE):
            yield SPARSE, b""
        position += len(record)


def broken_tar() -> DecodeError:
    """Make the error for a tar whose structure is broken."""
    return DecodeError(Reason.UNDECODABLE, "no valid TAR data")
