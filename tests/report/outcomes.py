"""What hypothesis makes outcomes and names of."""

from __future__ import annotations

import os

from hypothesis import strategies as st

from hashmatch import Cause, Entry, Match, Outcome, PerceptualHash, Reason, Verdict
from hashmatch.files import path_fields
from hashmatch.report import Record, file_record
from hashmatch.scan import FileResult

HASH = PerceptualHash.from_hex("ca9a11fe0123bead")

names = st.one_of(
    st.binary(min_size=1, max_size=40).filter(lambda name: b"\0" not in name),
    st.text(min_size=1, max_size=20).map(lambda name: os.fsencode(name.replace("\0", "x")))
    if os.fsencode("é") == "é".encode()
    else st.nothing(),
    st.sampled_from(
        [
            *(b"a\nb", b"a\r\nb", b"\t", b'"', b'a"b,c', b"'", b"-rf", b"--format", b" ", b"  a "),
            *(b"\xff\xfe", b"caf\xe9", b"\xed\xa0\x80", b"=1+1", b"\\", b"a\\nb", b"%s", b"{}"),
            *("\u202egnp.exe".encode(), "\u2028".encode(), b"\x1b[31m", b"\x7f", b"\x9b1m"),
            *("é".encode(), "e\u0301".encode(), "\U0001f600".encode(), b"x" * 5000),
        ]
    ),
)
"""Any name that a POSIX file system allows, slashes included."""

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def match(*, cause: Cause | None = None, distance: int = 2, label: str | None = "a label") -> Match:
    """A match."""
    return Match(
        *(
            "some list",
            Entry("entry-1", HASH, label, "A1", "body"),
            "phash",
            64,
            distance,
            8,
            "stored",
            70,
        ),
        cause=cause,
    )


def outcome(verdict: Verdict, *matches: Match, reason: Reason | None = None) -> Outcome:
    """An outcome."""
    detail = f"in words: {reason}" if reason else None
    return Outcome(verdict, reason, detail, matches, len(matches), 70, 320, 240, "PNG")


def record(path: bytes, found: Outcome) -> Record:
    """The record of a file."""
    return file_record(FileResult(path, found))


def path_in(row: Record) -> dict[str, str]:
    """The fields that name the path."""
    return {key: row[key] for key in ("path", "path_b64") if row.get(key)}


__all__ = ["match", "names", "outcome", "path_fields", "path_in", "record", "texts"]
