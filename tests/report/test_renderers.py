from __future__ import annotations

import csv
import io
import json
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch import Cause, Reason, Verdict
from hashmatch.files import path_of
from hashmatch.report import FORMATS, Tally
from hashmatch.report.renderers import summary_line
from hashmatch.text import printable, unescape_formula

from .outcomes import match, names, outcome, path_in, record, texts


def rendered(name: str, *records: dict, terminal: bool = False) -> str:
    """What a renderer writes for these records."""
    stream = Terminal(newline="") if terminal else io.StringIO(newline="")
    renderer = FORMATS[name](stream)
    for one in records:
        renderer.file(one)
    renderer.flush()
    return stream.getvalue()


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def unescaped(text: str) -> bytes:
    """Undo ``printable`` by Python's own rules for such escapes."""
    found = bytearray()
    position = 0
    while position < len(text):
        if text[position] != "\\":
            found += text[position].encode()
            position += 1
            continue
        letter = text[position + 1]
        length = {"x": 2, "u": 4, "U": 8}.get(letter, 0)
        digits = text[position + 2 : position + 2 + length]
        position += 2 + length
        if letter == "x":
            code = int(digits, 16)
            found += bytes([code])
        elif length:
            found += chr(int(digits, 16)).encode()
        else:
            found += {"n": b"\n", "r": b"\r", "t": b"\t", "\\": b"\\"}[letter]
    return bytes(found)


@given(names)
def test_printable_names_are_harmless_and_can_be_read_back(name: bytes) -> None:
    """A shown name cannot act on a terminal or reverse text, and it reads back exactly."""
    shown = printable(name)
    assert not any(
        unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp", "Cs"} for character in shown
    )
    assert unescaped(shown) == name


@given(st.lists(names, max_size=4), texts)
def test_jsonl_holds_any_name(paths: list[bytes], label: str) -> None:
    """Each JSON line is one object in ASCII, from which the name and label read back exactly."""
    records = [record(path, outcome(Verdict.MATCH, match(label=label))) for path in paths]
    text = rendered("jsonl", *records)
    assert text.isascii()
    lines = text.split("\n")
    assert lines.pop() == ""
    assert [path_of(json.loads(line)) for line in lines] == paths
    assert all(json.loads(line)["matches"][0]["label"] == label for line in lines)


@given(st.lists(names, max_size=4), texts)
def test_csv_holds_any_name(paths: list[bytes], label: str) -> None:
    """CSV rows give back each name and label exactly, and no cell of them is a formula."""
    records = [record(path, outcome(Verdict.MATCH, match(label=label))) for path in paths]
    rows = list(csv.DictReader(io.StringIO(rendered("csv", *records), newline="")))
    formula = ("=", "+", "-", "@", "\t", "\r")
    assert not any(cell.startswith(formula) for row in rows for cell in row.values())
    rows = [{key: unescape_formula(cell) for key, cell in row.items()} for row in rows]
    assert [path_of(path_in(row)) for row in rows] == paths
    assert all(row["label"] == label for row in rows)


@given(names, texts)
def test_table_holds_any_name_on_one_line(path: bytes, label: str) -> None:
    """A name neither breaks a line of the table nor hides in it."""
    found = outcome(Verdict.MATCH, match(label=label or None), reason=Reason.TRUNCATED)
    lines = rendered("table", record(path, found)).split("\n")
    assert len(lines) == 2
    assert printable(path) in lines[0]
    assert all(character.isprintable() for line in lines for character in line)


def test_csv_has_a_row_for_each_match_and_each_other_file() -> None:
    """Each match has a row, as has each file without one; candidates are marked."""
    many = outcome(Verdict.MATCH, match(), match(distance=6, cause=Cause.LOW_INFORMATION))
    text = rendered(
        "csv",
        record(b"two", many),
        record(b"none", outcome(Verdict.CLEAR)),
        record(b"cut", outcome(Verdict.UNSCANNED, reason=Reason.TRUNCATED)),
    )
    assert text.count("\r\n") == len(text.splitlines()) == 5
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [(row["path"], row["verdict"], row["distance"]) for row in rows] == [
        *(("two", "match", "2"), ("two", "match", "6")),
        *(("none", "clear", ""), ("cut", "unscanned", "")),
    ]
    assert [row["cause"] for row in rows] == ["", "low_information", "", ""]
    assert [row["reason"] for row in rows] == ["", "", "", "truncated"]
    assert rows[0]["match_count"] == "2"
    assert (rows[0]["list"], rows[0]["entry"], rows[0]["view"]) == (
        "some list",
        "entry-1",
        "stored",
    )
    assert (rows[0]["category"], rows[0]["source"]) == ("A1", "body")
    assert (rows[0]["width"], rows[0]["height"], rows[0]["format"]) == ("320", "240", "PNG")


def test_table_shows_what_needs_a_human() -> None:
    """Matches, candidates and what was not examined have a line; what is clear has none."""
    text = rendered(
        "table",
        record(b"one", outcome(Verdict.MATCH, match(distance=5))),
        record(b"faint", outcome(Verdict.CANDIDATE, match(cause=Cause.LOW_INFORMATION))),
        record(b"clear", outcome(Verdict.CLEAR)),
        record(b"text", outcome(Verdict.NOT_IMAGE)),
        record(b"cut", outcome(Verdict.UNSCANNED, reason=Reason.TRUNCATED)),
    )
    third, second, first = text.splitlines()
    assert first.split() == [
        *("match", "phash", "5<=8", "stored", "one", "is", "near"),
        *("some", "list/entry-1", "(a", "label)"),
    ]
    assert second.startswith("candidate  phash 2<=8")
    assert third.split("  ")[0] == "unscanned"
    assert "truncated" in third
    assert "in words" in third


def test_the_columns_of_the_table_are_as_wide_as_what_is_in_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Long views and paths widen their columns, up to half the terminal; longer ones stick out."""
    monkeypatch.setenv("COLUMNS", "100")
    paths = [b"a", b"holiday.zip!/summer/at the lake.jpg", b"d" * 51]
    views = ["stored", "frame:00:01:23.400", "stored"]
    text = rendered(
        "table",
        record(b"cut", outcome(Verdict.UNSCANNED, reason=Reason.TRUNCATED)),
        *(
            record(path, outcome(Verdict.MATCH, replace(match(), view=view)))
            for path, view in zip(paths, views, strict=True)
        ),
    )
    unscanned, *lines = text.splitlines()
    assert unscanned.startswith("unscanned  truncated           cut  ")
    assert [line.index("phash 2<=8") for line in lines] == [11, 11, 11]
    near = len("phash 2<=8 frame:00:01:23.400")
    assert [line[11 + near : 11 + near + 2] for line in lines] == ["  ", "  ", "  "]
    short, member, long = (line[11 + near + 2 :] for line in lines)
    assert short.index("is near") == member.index("is near") == len(paths[1]) + 2
    assert long.startswith(f"{'d' * 51}  is near")


@pytest.mark.parametrize("low", [False, True])
def test_table_counts_what_it_does_not_name(low: bool) -> None:
    """Entries beyond those named are counted, as matches or as candidates."""
    found = record(
        b"one", outcome(Verdict.MATCH, match(), match(cause=Cause.CHANCE if low else None))
    )
    found["match_count"] = 12
    line = rendered("table", found).splitlines()[-1]
    assert line.startswith("match ")
    assert line.endswith("one  is near 10 more entries" + (" (often chance)" if low else ""))


@pytest.mark.parametrize("verdict", [Verdict.MATCH, Verdict.CANDIDATE, Verdict.UNSCANNED])
def test_table_shows_one_verdict_of_a_file(verdict: Verdict) -> None:
    """A file near entries and not fully examined has its one verdict in each line, and why."""
    near = (match(), match()) if verdict is Verdict.MATCH else (match(cause=Cause.LOW_INFORMATION),)
    found = outcome(verdict, *near, reason=Reason.TRUNCATED)
    lines = rendered("table", record(b"one", found)).splitlines()
    assert [line.split()[0] for line in lines] == [verdict] * len(near)
    assert all(line.endswith("(truncated: in words: truncated)") for line in lines)
    assert ("(little detail)" in lines[0]) is (verdict is not Verdict.MATCH)


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets colours; a file, or a terminal with NO_COLOR set, does not."""
    found = record(b"one", outcome(Verdict.MATCH, match()))
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert rendered("table", found, terminal=True).startswith("\x1b[31mmatch")
    assert "\x1b" not in rendered("table", found)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in rendered("table", found, terminal=True)


def test_the_summary_is_one_line() -> None:
    """The line counts verdicts and reasons, and says if the scan was interrupted."""
    tally = Tally()
    for verdict, reason in (
        (Verdict.MATCH, None),
        (Verdict.UNSCANNED, Reason.TRUNCATED),
        (Verdict.UNSCANNED, Reason.TRUNCATED),
        (Verdict.CLEAR, None),
    ):
        tally.add(outcome(verdict, reason=reason))
    row = {
        "files": 4,
        "verdicts": {verdict.value: tally.verdicts[verdict] for verdict in Verdict},
        "reasons": {reason.value: tally.reasons[reason] for reason in Reason},
        "suppressed": 0,
        "run": {"interrupted": False},
    }
    line = summary_line(row)
    assert line == ("4 files: 1 match, 2 not fully examined (truncated 2), 1 clear")
    assert summary_line(row | {"run": {"interrupted": True}}) == f"interrupted: {line}"


def test_the_summary_counts_matches_that_were_not_fully_examined() -> None:
    """A match is counted once, and the line says if its file was not fully examined."""
    row = {
        "files": 3,
        "verdicts": {verdict.value: 0 for verdict in Verdict} | {"match": 2, "unscanned": 1},
        "reasons": {"truncated": 2, "timeout": 1},
        "suppressed": 0,
        "run": {"interrupted": False},
    }
    assert summary_line(row) == (
        "3 files: 2 matches, 1 not fully examined (truncated 2, timeout 1);"
        " 2 files near an entry were not fully examined"
    )
