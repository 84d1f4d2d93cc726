"""Tells by the first bytes of a file which format a list has, or what the file is instead."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Sequence

from hashmatch.hashlist.kinds import algorithms
from hashmatch.hashlist.text.grammar import is_header_of_algorithm

NUL_SEARCH_BYTES = 4096

_BEGINS_LIKE_AN_ENTRY = re.compile(r"[0-9A-Fa-f]{16}|[^,]*:")

_UNPACK = "unpack it first"
_SAVE = "save it as CSV in UTF-8"
_MAGIC = (
    (b"\x1f\x8b", f"compressed with gzip: {_UNPACK}"),
    (b"BZh", f"compressed with bzip2: {_UNPACK}"),
    (b"\xfd7zXZ\0", f"compressed with xz: {_UNPACK}"),
    (b"\x28\xb5\x2f\xfd", f"compressed with Zstandard: {_UNPACK}"),
    (b"7z\xbc\xaf\x27\x1c", f"a 7z archive: {_UNPACK}"),
    (b"Rar!\x1a\x07", f"a RAR archive: {_UNPACK}"),
    (b"age-encryption.org/", "encrypted with age: decrypt it and pass --list -"),
    (b"-----BEGIN PGP", "encrypted or signed with PGP: decrypt it and pass --list -"),
    (b"\xd0\xcf\x11\xe0", f"an old Excel or Word file: {_SAVE}"),
    (b"%PDF-", "a PDF"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x89PNG\r\n", "a PNG picture"),
    (b"GIF8", "a GIF picture"),
    (b"SQLite format 3\0", "an SQLite database"),
)
_HTML = re.compile(rb"\s*<(!doctype\s+html|html)\b", re.IGNORECASE)
_WIDE_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SUM_LINE = re.compile(r"\\?([0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})(  | \*)\S")
_SUMS = {32: "md5", 40: "sha1", 64: "sha256"}
_PHOTODNA = re.compile(r"[0-9A-Fa-f]{288}\b|[A-Za-z0-9+/]{192}(?![A-Za-z0-9+/=])")
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def first_line(head: bytes) -> str:
    """Return the first line that is neither blank nor a comment; empty if there is none."""
    for line in head.split(b"\n"):
        text = line.decode(errors="replace").strip()
        if text and not text.startswith("#"):
            return text
    return ""


def column_names(head: bytes) -> frozenset[str]:
    """The column names in lower case, if this is a table.

    A line that begins like an entry of the text format is not a header: its label may have any
    words and commas.
    """
    line = first_line(head)
    return frozenset() if _BEGINS_LIKE_AN_ENTRY.match(line) else _names(line, ",")


def first_json_key(head: bytes, keys: Iterable[str]) -> str | None:
    """If this is JSON, the first of these keys that it has."""
    names = "|".join(map(re.escape, keys)).encode()
    found = re.search(rb'"(%b)"[ \t\r\n]*:' % names, head) if names and _is_json(head) else None
    return found[1].decode() if found else None


def not_text(head: bytes) -> str | None:
    """If the file cannot be a list in any format, say what it is and what to do; else None."""
    if _HTML.match(head):
        return "an HTML page: did you download a login or error page?"
    if head.startswith(b"PK\x03\x04"):
        office = b"[Content_Types].xml" in head or b"mimetypeapplication/vnd" in head
        return f"a spreadsheet or document: {_SAVE}" if office else f"a ZIP archive: {_UNPACK}"
    for magic, what in _MAGIC:
        if head.startswith(magic):
            return what
    zeros = [place for place, byte in enumerate(head[:NUL_SEARCH_BYTES]) if not byte]
    if head.startswith(_WIDE_BOMS) or _every_other(zeros, len(head[:NUL_SEARCH_BYTES])):
        return "UTF-16 text: save it as UTF-8 (in Excel: CSV UTF-8)"
    return "binary data, not text in UTF-8" if zeros else None


def not_a_list(head: bytes, *, algorithm_is_given: bool, feeds: Sequence[str]) -> str | None:
    """Say what text in no known format is, and what to do; None if it may be a text list."""
    line = first_line(head)
    if _is_json(head):
        return _json(head, feeds)
    found = _SUM_LINE.match(line)
    named = algorithm_is_given or any(map(is_header_of_algorithm, head.split(b"\n")))
    if found and not named:
        algorithm = _SUMS[len(found[1])]
        return f"the output of {algorithm}sum: pass --algorithm {algorithm}"
    if _PHOTODNA.match(line.split(",")[0]):
        return "PhotoDNA hashes, which hashmatch cannot compute"
    if line.lower().startswith("sep="):
        return "a CSV that begins with a line sep=: remove that line"
    return None if _BEGINS_LIKE_AN_ENTRY.match(line) else _table(line)


def _json(head: bytes, feeds: Sequence[str]) -> str:
    if re.search(rb'"hash"\s*:', head):
        return "JSON that only lists hashes: convert it to CSV (hash,algorithm,id)"
    return f"JSON of an unknown feed: known are {' and '.join((', '.join(feeds[:-1]), feeds[-1]))}"


def _table(line: str) -> str | None:
    """Say what is wrong with a table that has no column ``hash``, or is not split by commas."""
    for separator, plural in _SEPARATORS.items():
        names = _names(line, separator)
        if len(names) > 1 and names & {"hash", *algorithms()}:
            return f"a table separated by {plural}: {_SAVE}, separated by commas"
    for name in _names(line, ","):
        if name in algorithms():
            return (
                f"a table with a column {name!r} and no column 'hash': rename it to 'hash', and"
                f" pass --algorithm {name}"
            )
    return None


def _names(line: str, separator: str) -> frozenset[str]:
    try:
        row = next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return frozenset()
    return frozenset(name.strip().lower() for name in row)


def _is_json(head: bytes) -> bool:
    return head.lstrip()[:1] in (b"{", b"[")


def _every_other(zeros: list[int], length: int) -> bool:
    """Whether about half the bytes are zero, all at odd or all at even places."""
    return 5 * len(zeros) > 2 * length and len({place % 2 for place in zeros}) == 1
