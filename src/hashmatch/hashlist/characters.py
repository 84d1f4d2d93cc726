"""Which characters ids, labels and names of a list may have."""

from __future__ import annotations

import re

FORBIDDEN_BEYOND_ASCII = re.compile("[\x80-\x9f\u2028\u2029]")
FORBIDDEN = re.compile("[\x00-\x08\x0a-\x1f\x7f]|" + FORBIDDEN_BEYOND_ASCII.pattern)
"""Control characters and line separators: they could forge lines in whatever shows an entry.

The tab, which separates fields in many formats, is for each format to refuse.
"""

_BLANKS = re.compile("[ \t]")


def printable(name: str) -> str:
    """A file's name in a form that a list can carry: valid Unicode, no control characters."""
    text = name.encode(errors="replace").decode()
    return FORBIDDEN.sub("_", text).replace("\t", "_").strip(" ") or "list"


def without_blanks(name: str) -> str:
    """A printable name in a form that can be part of an id."""
    return _BLANKS.sub("_", name)


def is_clean(text: str) -> bool:
    """Tell whether a text is valid Unicode on one line, without tabs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\t" not in text and not FORBIDDEN.search(text)
