"""The characters that a list's ids, labels and names may have."""

from __future__ import annotations

import re

FORBIDDEN_BEYOND_ASCII = re.compile("[\x80-\x9f\u2028\u2029]")
FORBIDDEN = re.compile("[\x00-\x08\x0a-\x1f\x7f]|" + FORBIDDEN_BEYOND_ASCII.pattern)
"""Control characters and line separators, which could forge lines wherever an entry is shown.

Tabs separate fields in many formats, so each format deals with them itself.
"""

_BLANKS = re.compile("[ \t]")


def printable(name: str) -> str:
    """Make a file's name fit for a list: valid Unicode without control characters."""
    text = name.encode(errors="replace").decode()
    return FORBIDDEN.sub("_", text).replace("\t", "_").strip(" ") or "list"


def without_blanks(name: str) -> str:
    """Make a printable name fit for an id."""
    return _BLANKS.sub("_", name)


def is_clean(text: str) -> bool:
    """Whether a text is valid Unicode on one line, without tabs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\t" not in text and not FORBIDDEN.search(text)


def flaw(name: str, text: str) -> str:
    """Say why a field of this name is not clean."""
    is_utf8 = not any("\ud800" <= character <= "\udfff" for character in text)
    return f"a control character in the {name}" if is_utf8 else f"the {name} is not UTF-8"
