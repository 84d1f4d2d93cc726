"""Recognise documents by their first bytes, never by their names.

Sources: ISO 32000-2, 7.5.2 (PDF); RFC 5322, 3.6 (mail); RFC 4155 (mbox); the HTML standard, 13.1.
"""

from __future__ import annotations

import re
from io import BytesIO

_PDF = re.compile(rb"%PDF-\d\.\d")
_PDF_WINDOW = 1024  # where readers look for the signature

_HEADER = re.compile(rb"([!-9;-~]{1,76}):[ \t\r\n]")
_KNOWN = frozenset(
    b"from to cc bcc subject date message-id mime-version content-type received return-path"
    b" reply-to sender delivered-to content-transfer-encoding in-reply-to references"
    b" dkim-signature list-id x-mailer user-agent".split()
)
_TELLING = frozenset({b"from", b"date", b"received", b"return-path", b"message-id"})
_ENOUGH = 3
_MIME = frozenset({b"mime-version", b"content-type"})  # all that some saved pages have
# The line that begins a mail: with a year, or before a header. In a mail's own text it is quoted
SEPARATOR = re.compile(
    rb"^From (?:\S+ [^\r\n]{0,80}\d{4}[^\r\n]{0,20}\r?\n|[^\r\n]{1,200}\r?\n(?=[!-9;-~]{1,76}:))",
    re.MULTILINE,
)
_UTF_16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}  # by byte order mark
_UTF_8 = b"\xef\xbb\xbf"
_HTML = re.compile(
    rb"\s*<!--|(?:\s+|<\?.*?\?>|<!--.*?-->)*+"
    rb"<(?:!doctype\s+html|html|head|body|title|meta|link|base|script|style|iframe|table|div|span"
    rb"|center|font|main|section|article|figure|picture|video|form|ul|ol|pre|p|br|b|i|u|em|strong"
    rb"|img|a|h[1-6])"
    rb"[\s/>]",
    re.DOTALL | re.IGNORECASE,
)


def sniff_document(head: bytes) -> str | None:
    """Name the document format that ``head``, the first 64 KiB of a file, begins.

    Returns:
        ``PDF``, ``MAIL``, ``MBOX`` or ``HTML``; None where it is none.
    """
    if _PDF.search(head, 0, _PDF_WINDOW):
        return "PDF"
    if head[:1] > b"\x7f" and not head.startswith((*_UTF_16, _UTF_8)):
        return None  # such as a JPEG or PNG: nothing else begins with such a byte
    mbox = SEPARATOR.match(head)
    if mbox is not None and _is_mail(head[mbox.end() :]):
        return "MBOX"
    if _is_mail(head):
        return "MAIL"
    return "HTML" if begins_with_tag(head) and _HTML.match(as_ascii(head)) else None


def begins_with_tag(head: bytes) -> bool:
    """Tell quickly whether this may be HTML or XML."""
    return as_ascii(head).lstrip()[:1] == b"<"


def as_ascii(text: bytes) -> bytes:
    """Return text without its byte order mark, and UTF-16 as UTF-8."""
    for mark, encoding in _UTF_16.items():
        if text.startswith(mark):
            return text[2:].decode(encoding, "ignore").encode("utf-8", "ignore")
    return text.removeprefix(_UTF_8)


def _is_mail(head: bytes) -> bool:
    """Tell whether a block of header fields begins here, with several that only mails have."""
    known: set[bytes] = set()
    for line in BytesIO(head):
        if line in {b"\n", b"\r\n"}:
            break
        if line.startswith((b" ", b"\t")) and known:
            continue  # the field goes on
        field = _HEADER.match(line)
        if field is None:
            # The head may end within a field
            return head.endswith(line) and _suffices(known)
        if field[1].lower() in _KNOWN:
            known.add(field[1].lower())
    return _suffices(known)


def _suffices(known: set[bytes]) -> bool:
    return known >= _MIME or (len(known) >= _ENOUGH and bool(known & _TELLING))
