"""Names that anyone may have chosen, made harmless for a terminal."""

from __future__ import annotations

import os


def printable(name: str | bytes) -> str:
    r"""Show a name so that it cannot act on a terminal, and can still be read back exactly.

    Control characters, bidirectional marks and whatever else does not print are escaped as
    ``\n``, ``\x1b`` or ``\u202e``; bytes that are no UTF-8 as ``\xff``; and a backslash as two.
    """
    text = name if isinstance(name, str) else os.fsdecode(name)
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(_escape(character) for character in text)


def _escape(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character.isprintable():
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python carries a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code in (0x09, 0x0A, 0x0D):
        return {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}[code]
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
