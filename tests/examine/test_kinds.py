from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.examine.examination import examine
from hashmatch.examine.kinds import HEAD_BYTES, kind_of
from hashmatch.model import HashKind, Kind, Reason
from hashmatch.options import ExamineOptions
from pictures import encode, photo

OPTIONS = ExamineOptions(kinds=(HashKind("phash", 64),))


def box(brand: bytes) -> bytes:
    """The first box of an ISO base media file."""
    return struct.pack(">I4s4sI", 16, b"ftyp", brand, 0) + bytes(40)


HEADS = [
    *((Kind.VIDEO, box(brand)) for brand in (b"isom", b"mp42", b"qt  ", b"M4V ", b"3gp4")),
    (Kind.VIDEO, b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01"),
    (Kind.VIDEO, b"RIFF\x00\x10\x00\x00AVI LIST"),
    (Kind.VIDEO, b"FLV\x01\x05\x00\x00\x00\x09"),
    (Kind.VIDEO, b"\x00\x00\x01\xba\x44\x00"),
    (Kind.VIDEO, b"OggS\x00\x02" + bytes(22) + b"\x80theora"),
    (Kind.VIDEO, (b"\x47" + bytes(187)) * 4),
    (Kind.VIDEO, (bytes(4) + b"\x47" + bytes(187)) * 4),
    (Kind.VIDEO, b"\x00\x00\x00\x08wide\x00\x00\x10\x00mdat"),
    *((Kind.AUDIO, head) for head in (b"ID3\x04\x00" + bytes(30), b"fLaC\x00\x00\x00\x22")),
    *((Kind.AUDIO, head) for head in (box(b"M4A "), b"RIFF\x00\x10\x00\x00WAVEfmt ")),
    *((Kind.AUDIO, head) for head in (b"\xff\xfb\x90\x44" + bytes(30), b"\xff\xf1\x50\x80")),
    (Kind.AUDIO, b"OggS\x00\x02" + bytes(22) + b"\x01vorbis"),
    (Kind.AUDIO, b"FORM\x00\x00\x10\x00AIFFCOMM"),
    (Kind.DOCUMENT, b"%PDF-1.7\n%\xe2\xe3"),
    *((Kind.EXECUTABLE, head) for head in (b"\x7fELF\x02\x01", b"MZ\x90\x00" + bytes(80))),
    *((Kind.EXECUTABLE, head) for head in (b"\xcf\xfa\xed\xfe\x07", b"\x00asm\x01\x00\x00\x00")),
    *(
        (Kind.FONT, head)
        for head in (b"wOF2\x00\x01", b"OTTO\x00\x0b", b"\x00\x01\x00\x00\x00\x0c")
    ),
    *(
        (Kind.DATABASE, head)
        for head in (b"SQLite format 3\x00", b"\x00\x01\x00\x00Standard Jet DB")
    ),
    *(
        (Kind.TEXT, text.encode())
        for text in ("a", "Prose.\n", "naïve café\n", "#!/bin/sh\n", "{}")
    ),
    *((Kind.TEXT, "Prose, naïve.\n".encode(coding)) for coding in ("utf-16", "latin-1", "cp1252")),
    (Kind.TEXT, ("é" * HEAD_BYTES).encode()[: HEAD_BYTES - 1]),
    (Kind.EMPTY, b""),
    *((Kind.OTHER, head) for head in (b"\x00", bytes(500), b"\x01\x02\x03", b"a\x00b")),
    (Kind.OTHER, bytes(range(128, 256)) * 4),
]


@pytest.mark.parametrize(("kind", "head"), HEADS)
def test_kinds_are_told_by_the_first_bytes(kind: Kind, head: bytes) -> None:
    """Videos, sounds, programs, fonts, databases and texts are recognised by their first bytes."""
    assert kind_of(head) is kind
    found = examine(head, OPTIONS)  # a PDF is a container, which is not opened here
    assert found.kind is kind or (found.format, found.reason) == ("PDF", Reason.UNSUPPORTED_FORMAT)


@given(st.binary(max_size=2000))
def test_any_bytes_have_a_kind(head: bytes) -> None:
    """Whatever the bytes, they have a kind; empty is only what is empty."""
    assert (kind_of(head) is Kind.EMPTY) == (not head)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1))
def test_text_is_text(text: str) -> None:
    """Any text in UTF-8 is one, unless it begins as another format does."""
    assert kind_of(("- " + text).encode()) is Kind.TEXT


def test_pictures_have_no_kind() -> None:
    """A picture has a format and no kind, whole or broken."""
    data = encode(photo(1, 60, 40), "PNG")
    assert (examine(data, OPTIONS).kind, examine(data[:99], OPTIONS).kind) == (None, None)
