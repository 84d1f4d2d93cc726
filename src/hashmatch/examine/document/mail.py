"""Read the parts of e-mails and mailboxes: attachments, inline pictures, bodies, forwarded mails.

Sources: RFC 2045 and 2046 (MIME), RFC 4155 (mbox), POSIX.1-2017 uuencode.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from hashmatch.errors import OUT_OF_MEMORY, DecodeError
from hashmatch.examine.archive.budget import Budget
from hashmatch.examine.archive.entries import ArchiveEntry
from hashmatch.examine.document.contents import content_entry, label, read_base64, read_whole
from hashmatch.examine.document.sniffing import SEPARATOR
from hashmatch.examine.extras import MAIL, require
from hashmatch.model import Reason

_UUENCODED = re.compile(
    rb"^begin(?P<base64>-base64)? [0-7]{3,4} (?P<name>[^\r\n]{1,200})\r?\n(?P<lines>.*?)"
    rb"(?:^(?:end|====)[ \t]*\r?$|\Z)",
    re.MULTILINE | re.DOTALL,
)
_WORD = re.compile(rb"=\?[^?\s]{1,40}\?([bBqQ])\?([^?\s]*)\?=\s*")
_UUE = frozenset({"uuencode", "x-uuencode", "x-uue", "uue"})
_PLAIN = frozenset({"", "7bit", "8bit", "binary"}) | _UUE  # uuencoded files are found in the text
_ENCRYPTED = frozenset({"multipart/encrypted", "application/pgp-encrypted"})
_ENVELOPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_MAX_PARTS = 100_000
_BROKEN_OFF = frozenset(
    {"CloseBoundaryNotFoundDefect", "StartBoundaryNotFoundDefect", "NoBoundaryInMultipartDefect"}
)


def mail_entries(file: BinaryIO, size: int, budget: Budget) -> Iterator[ArchiveEntry]:
    """Yield the parts of a mail, those of mails within it included.

    A part's name is its number and the name that the mail gives it: ``2-photo.jpg``.

    Raises:
        DecodeError: the mail breaks off, or is too large or nested too deeply.
    """
    yield from _entries(read_whole(file, size, budget), b"", budget)


def mailbox_entries(file: BinaryIO, size: int, budget: Budget) -> Iterator[ArchiveEntry]:
    """Yield the parts of each mail in an mbox file, each name with the mail's number before it.

    Raises:
        DecodeError: as ``mail_entries``, after the last mail.
    """
    data = read_whole(file, size, budget)
    problem: DecodeError | None = None
    starts = [(found.start(), found.end()) for found in SEPARATOR.finditer(data)]
    ends = [start for start, _ in starts[1:]] + [len(data)]
    for number, ((_, start), end) in enumerate(zip(starts, ends, strict=True), 1):
        try:
            yield from _entries(data[start:end], b"%d/" % number, budget)
        except DecodeError as error:
            problem = error.bare()
    if problem is not None:
        raise problem


def _entries(data: bytes, prefix: bytes, budget: Budget) -> Iterator[ArchiveEntry]:
    try:
        mail = require(MAIL, "mail").BytesParser().parsebytes(data)
        parts = list(_parts(mail))
    except RecursionError:
        raise DecodeError(Reason.ARCHIVE_LIMIT, "the mail is nested too deeply") from None
    except MemoryError:
        raise DecodeError(Reason.TOO_LARGE, OUT_OF_MEMORY) from None
    number = 0
    for part in parts:
        if part.is_multipart() and not _is_encoded_mail(part):
            continue
        number += 1
        yield from _part_entries(part, prefix + b"%d" % number, budget)
    if any(part.get_content_type() in _ENCRYPTED for part in parts):
        raise DecodeError(Reason.ENCRYPTED, "some of the mail is encrypted")
    if any(type(defect).__name__ in _BROKEN_OFF for part in parts for defect in part.defects):
        raise DecodeError(Reason.TRUNCATED, "the mail ends within one of its parts")


def _parts(mail: Any) -> Iterator[Any]:
    for count, part in enumerate(mail.walk()):
        if count == _MAX_PARTS:
            raise DecodeError(Reason.ARCHIVE_LIMIT, f"more than {_MAX_PARTS} parts")
        yield part


def _is_encoded_mail(part: Any) -> bool:
    """Tell whether this is a mail in an encoding, which RFC 2046 forbids and programs accept."""
    return part.get_content_maintype() == "message" and _encoding(part) not in _PLAIN


def _encoding(part: Any) -> str:
    every = {str(each).strip().lower() for each in part.get_all("content-transfer-encoding", [""])}
    return every.pop() if len(every) == 1 else "contradictory"


def _part_entries(part: Any, number: bytes, budget: Budget) -> Iterator[ArchiveEntry]:
    encoding = _encoding(part)
    kind, smime = part.get_content_type(), str(part.get_param("smime-type"))
    path = number + _name(part)
    del part["content-transfer-encoding"]  # or the library decodes, and hides damage
    if part.is_multipart():
        data, problem = _encoded_mail(part.get_payload(), encoding)
    else:
        data, problem = _decoded(part.get_payload(decode=True) or b"", encoding)
    if kind in _ENVELOPES and "signed" not in smime:
        problem = DecodeError(Reason.ENCRYPTED, "an encrypted mail")
    yield content_entry(path, data, budget, problem)
    for found in _UUENCODED.finditer(data):
        inner, problem = _uudecoded(found)
        file_name = label(found["name"].decode("utf-8", "replace"))
        yield content_entry(path + b"-" + file_name, inner, budget, problem)


def _encoded_mail(inner: list[Any], encoding: str) -> tuple[bytes, DecodeError | None]:
    """Decode a mail in base64, which the library takes for the text of one without headers."""
    texts = [each.get_payload() for each in inner]
    if encoding == "base64" and not any(each.keys() or each.is_multipart() for each in inner):
        return read_base64("".join(texts).encode("ascii", "surrogateescape"))
    return b"", _unknown_encoding()


def _name(part: Any) -> bytes:
    """Return the name of a part in its own character set.

    Behind the walls, no codec can be loaded to convert it.
    """
    name = part.get_param("filename", header="content-disposition") or part.get_param("name")
    if isinstance(name, tuple):
        name = name[2].encode("latin-1", "replace").decode("utf-8", "replace")
    elif name:
        raw = _WORD.sub(_word, name.encode("utf-8", "surrogateescape"))
        name = raw.decode("utf-8", "replace")
    return b"-" + label(name) if name else b""


def _word(found: re.Match[bytes]) -> bytes:
    """Decode a word encoded by RFC 2047, and keep its character set."""
    if found[1] in b"bB":
        return read_base64(found[2])[0]
    return binascii.a2b_qp(found[2], header=True)


def _decoded(text: bytes, encoding: str) -> tuple[bytes, DecodeError | None]:
    if encoding == "base64":
        return read_base64(text)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(text), None
    return text, None if encoding in _PLAIN else _unknown_encoding()


def _unknown_encoding() -> DecodeError:
    return DecodeError(Reason.UNSUPPORTED_FORMAT, "an unknown transfer encoding", format="MAIL")


def _uudecoded(found: re.Match[bytes]) -> tuple[bytes, DecodeError | None]:
    if found["base64"]:
        return read_base64(found["lines"])
    decoded: list[bytes] = []
    problem = None
    for line in found["lines"].splitlines():
        try:
            decoded.append(binascii.a2b_uu(line))
        except binascii.Error:
            # Some writers add blanks after the last byte; the length tells what counts
            length = ((line[0] - 32 & 63) * 4 + 5) // 3 if line else 0
            try:
                decoded.append(binascii.a2b_uu(line[:length]))
            except binascii.Error:
                problem = DecodeError(Reason.UNDECODABLE, "no valid uuencoded text")
    if not found[0].rstrip().endswith(b"end"):
        problem = DecodeError(Reason.TRUNCATED, "the uuencoded text ends early")
    return b"".join(decoded), problem
