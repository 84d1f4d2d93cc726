"""Names made harmless in terminals and spreadsheets, and read back exactly."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashmatch.text import count, escape_formula, unescape_formula

cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
formulas = st.builds(
    "{}{}{}".format, st.sampled_from(["", "'", "''"]), st.sampled_from("=+-@\t\r"), cells
)


@given(cells | formulas)
def test_no_cell_is_a_formula_and_each_reads_back_exactly(text: str) -> None:
    """Any text comes back from a CSV file unchanged, and in the file it is not a formula."""
    stream = io.StringIO(newline="")
    csv.writer(stream).writerow([escape_formula(text), "end"])
    ((cell, _),) = csv.reader(io.StringIO(stream.getvalue(), newline=""))
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unescape_formula(cell) == text


@pytest.mark.parametrize("text", ["", "a.jpg", "'tis", "1-2", "don't", "'", "''a=b"])
def test_text_that_is_no_formula_stays_as_it_is(text: str) -> None:
    """Only text that a spreadsheet would run gets an apostrophe."""
    assert escape_formula(text) == text == unescape_formula(text)


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 matches"), (1, "1 match"), (2, "2 matches"), (1234, "1,234 matches")],
)
def test_counted_nouns_agree(number: int, said: str) -> None:
    """1 takes the singular and every other number the plural, with thousands separated."""
    assert count(number, "match", "matches") == said
    assert count(number, "file") == said.replace(" matches", " files").replace(" match", " file")
