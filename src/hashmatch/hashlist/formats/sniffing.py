"""What the first bytes of a list tell of its format."""

from __future__ import annotations

import csv
import re

_JSON_KEYS = re.compile(
    rb'"(hash|list|hashRecords|odata\.metadata|@odata\.context|hash_digest)"[ \t\r\n]*:'
)
_BEGINS_LIKE_AN_ENTRY = re.compile(r"[0-9A-Fa-f]{16}|[^,]*:")


def first_line(head: bytes) -> str:
    """The first line that is neither blank nor a comment; empty where there is none."""
    for line in head.split(b"\n"):
        text = line.decode(errors="replace").strip()
        if text and not text.startswith("#"):
            return text
    return ""


def column_names(head: bytes) -> frozenset[str]:
    """The names of columns, in lower case, if this is a table.

    An entry of the text format may have a comma in its label, and whatever words, so a line that
    begins like one is no header.
    """
    line = first_line(head)
    if _BEGINS_LIKE_AN_ENTRY.match(line):
        return frozenset()
    try:
        row = next(csv.reader([line]), [])
    except csv.Error:
        return frozenset()
    return frozenset(name.strip().lower() for name in row)


def first_json_key(head: bytes) -> str | None:
    """The first key that tells one format of JSON from another, if this is JSON."""
    if head.lstrip()[:1] not in (b"{", b"["):
        return None
    found = _JSON_KEYS.search(head)
    return found[1].decode() if found else None
