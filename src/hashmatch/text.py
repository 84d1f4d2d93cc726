"""Make names harmless that anyone may have chosen, and get singulars and plurals right."""

from __future__ import annotations

import os
from datetime import timedelta

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that a spreadsheet runs as a formula (OWASP, "CSV Injection")."""


def escape_formula(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would run as a formula.

    Text that begins with apostrophes and would then be a formula gets one more, so that
    ``unescape_formula`` gives back exactly what went in. All other text stays as it is.
    """
    return f"'{text}" if text.lstrip("'").startswith(_FORMULA) else text


def unescape_formula(cell: str) -> str:
    """Undo ``escape_formula``; text that was never escaped stays as it is."""
    escaped = cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA)
    return cell[1:] if escaped else cell


def printable(name: str | bytes) -> str:
    r"""Show a name so that it cannot control a terminal and can still be read back exactly.

    Characters that do not print, such as control characters and bidirectional marks, become
    ``\n``, ``\x1b`` or ``\u202e``. Bytes that are not UTF-8 become ``\xff``, and a backslash
    becomes two.
    """
    text = name if isinstance(name, str) else os.fsdecode(name)
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(_escape(character) for character in text)


def count(number: int, one: str, many: str = "") -> str:
    """Count things: ``1 match``, ``2 matches``, ``1,234 files``.

    Args:
        number: how many.
        one: the noun in the singular.
        many: its plural; empty for the singular with an ``s``.
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def span(duration: timedelta) -> str:
    """A duration, rounded down: ``7 min``, ``36 h`` or ``7 days``."""
    minutes = int(duration.total_seconds()) // 60
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else count(minutes // 1440, "day")


def timecode(seconds: float) -> str:
    """A time in a video: ``00:01:23.400``."""
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{thousandths:03}"


def _escape(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character.isprintable():
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python represents a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code in (0x09, 0x0A, 0x0D):
        return {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}[code]
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
